//! A real server, clients, one revision after the other, and a kill in the middle of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenroom_kit::Client;
use serde_json::Value;

use super::scene::noted;
use crate::setting::{Stage, guest, value};

/// The server is killed until so many swaps were begun, and this often at least.
const SWAPS_IN_ALL: u64 = 100;
const ROUNDS: u64 = 10;
/// Swaps that are begun in each round, unless the kill comes first.
const SWAPS: u64 = 12;
/// The kill comes at a moment before that, another one in each round.
const KILLED_WITHIN_MS: u64 = 400;
/// A round without any swap is possible, a hundred are not.
const ROUNDS_MAX: u64 = 100;
/// Chooses the moments.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const ACTORS: usize = 16;
const SETTINGS: &str = "rollout.watch_ms = 1\nsnapshots.every_events = 7\nretention.delete_events = true\n";

struct Counts {
    sent: Vec<AtomicU64>,
    acknowledged: Vec<AtomicU64>,
}

fn key(at: usize) -> String {
    format!("k-{at}")
}

/// A hundred swaps back and forth, with the server killed at random moments: nobody is bricked, everybody runs what the record
/// says, every state is what its events give, nothing that was acknowledged is lost or counted twice.
#[test]
fn swapping_back_and_forth_survives_kill_9() -> Result<()> {
    let mut stage = Stage::with_settings(&["counter"], SETTINGS)?;
    let component = noted(guest("counter")?, 1);
    stage.client.send("PUT", "/v1/default/kinds/counter?activate=false", &component)?.ok()?;
    let new = || (0..ACTORS).map(|_| AtomicU64::new(0)).collect();
    let counts = Counts { sent: new(), acknowledged: new() };
    let (mut swaps, mut round, mut random) = (0, 0, SEED);
    while swaps < SWAPS_IN_ALL || round < ROUNDS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_millis((random >> 33) % KILLED_WITHIN_MS);
        swaps += swap_until_killed(&mut stage, &counts, moment)?;
        check(&stage.client, &counts, round).with_context(|| format!("killed after {moment:?}"))?;
        round += 1;
        ensure!(round < ROUNDS_MAX, "only {swaps} swaps were begun");
    }
    Ok(())
}

/// Clients and swaps until the server is killed; how many swaps were begun.
fn swap_until_killed(stage: &mut Stage, counts: &Counts, after: Duration) -> Result<u64> {
    let client = stage.client.clone();
    let (is_over, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for at in 0..ACTORS {
            let (client, is_over) = (&client, &is_over);
            scope.spawn(move || increment(client, at, counts, is_over));
        }
        scope.spawn(|| swap(&client, &swaps, &is_over));
        sleep(after);
        let restarted = stage.kill_and_restart();
        is_over.store(true, Ordering::SeqCst);
        restarted
    })?;
    Ok(swaps.load(Ordering::SeqCst))
}

fn increment(client: &Client, at: usize, counts: &Counts, is_over: &AtomicBool) {
    let (Some(sent), Some(acknowledged)) = (counts.sent.get(at), counts.acknowledged.get(at)) else { return };
    while !is_over.load(Ordering::SeqCst) {
        sent.fetch_add(1, Ordering::SeqCst);
        let Ok(answer) = client.call("counter", &key(at), "increment", r#"{"by": 1}"#) else { return };
        assert!(answer.ok().is_ok(), "a command failed while the server was there");
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
}

fn swap(client: &Client, swaps: &AtomicU64, is_over: &AtomicBool) {
    for swap in 0..SWAPS {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let body = format!(r#"{{"revision": {}}}"#, 2 - swap % 2);
        let Ok(answer) = client.send("POST", "/v1/default/kinds/counter:activate", body.as_bytes()) else { return };
        assert!(answer.ok().is_ok(), "a swap was refused while the server was there");
        swaps.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_millis(15));
    }
}

fn rollout(client: &Client) -> Result<Value> {
    client.get("/v1/default/kinds/counter/rollout")?.ok()?.json()
}

fn check(client: &Client, counts: &Counts, round: u64) -> Result<()> {
    for (at, (sent, acknowledged)) in counts.sent.iter().zip(&counts.acknowledged).enumerate() {
        let (key, sent_now, acknowledged_now) =
            (key(at), sent.load(Ordering::SeqCst), acknowledged.load(Ordering::SeqCst));
        let found = value(client.call("counter", &key, "get", "{}")?)?;
        ensure!(
            acknowledged_now <= found && found <= sent_now,
            "round {round}, {key}: {acknowledged_now} <= {found} <= {sent_now}"
        );
        let status = client.status("counter", &key)?;
        ensure!(
            found == 0 || status.sequence == found,
            "round {round}, {key}: {found} after {} events",
            status.sequence
        );
        if found > 0 {
            let state = client.state("counter", &key, None)?.ok()?.json()?;
            let folded = state.get("state").and_then(|state| state.get("value")).and_then(Value::as_u64);
            ensure!(folded == Some(found), "round {round}, {key}: {found} in memory, {folded:?} from the journal");
        }
        sent.store(found, Ordering::SeqCst);
        acknowledged.store(found, Ordering::SeqCst);
    }
    for _ in 0..500 {
        let view = rollout(client)?;
        let held = view.get("held_actors").and_then(Value::as_u64);
        ensure!(held == Some(0), "round {round}: {view}");
        if view.get("behind").and_then(Value::as_u64) == Some(0) && view.get("candidate").is_none_or(Value::is_null) {
            let stable = view.get("stable").and_then(Value::as_u64).context("no stable revision")?;
            for at in 0..ACTORS {
                let runs = client.status("counter", &key(at))?.revision;
                ensure!(runs == stable, "round {round}, {}: runs {runs}, not {stable}", key(at));
            }
            return Ok(());
        }
        sleep(Duration::from_millis(10));
    }
    anyhow::bail!("round {round}: the rollout does not end: {}", rollout(client)?)
}
