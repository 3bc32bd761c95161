use anyhow::{Context, Result, ensure};
use greenroom_kit::Client;

use super::scene::noted;
use crate::setting::{Stage, guest, value};

/// Nothing is kept for whoever asks next, but the newest component.
const SETTINGS: &str = "limits.recent_code_bytes = 1\npassivation.idle_after_ms = 200\nrollout.watch_ms = 1\n";

fn code_bytes(client: &Client) -> Result<u64> {
    let metrics = client.get("/metrics")?.ok()?.text();
    let bytes = metrics.lines().find_map(|line| line.strip_prefix("greenroom_code_bytes "));
    Ok(bytes.context("nobody counts code")?.trim().parse()?)
}

fn activate(client: &Client, revision: u32) -> Result<()> {
    let body = format!(r#"{{"revision": {revision}}}"#);
    client.send("POST", "/v1/default/kinds/counter:activate", body.as_bytes())?.ok()?;
    Ok(())
}

/// Revisions come and go; only the code of what actors are to run is in memory, and what left is there again when it is needed.
#[test]
fn code_that_nobody_runs_leaves_memory_and_comes_back() -> Result<()> {
    let stage = Stage::with_settings(&["counter"], SETTINGS)?;
    let client = &stage.client;
    let of_one = code_bytes(client)?;
    ensure!(of_one > 100_000, "{of_one} bytes of code");
    for mark in 1..=3 {
        client.send("PUT", "/v1/default/kinds/counter?activate=false", &noted(guest("counter")?, mark))?.ok()?;
    }
    let mut total = 0;
    for revision in [2, 1, 4, 1] {
        activate(client, revision)?;
        total += 1;
        let found = value(client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?;
        ensure!(found == total, "{found} with revision {revision}, not {total}");
        // The newest one that was asked for is remembered in any case, and may be another one than the active one.
        stage.wait_for("the code of all other revisions leaves", || Ok(code_bytes(client)? <= 2 * of_one))?;
        stage.wait_for("it runs the active revision", || {
            Ok(client.status("counter", "a")?.revision == u64::from(revision))
        })?;
    }
    Ok(())
}
