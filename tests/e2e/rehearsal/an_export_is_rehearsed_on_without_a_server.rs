use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::scene::version;
use crate::setting::{Stage, read, server_binary, write_bytes};

/// Two snapshots, and nothing of what is before the older one.
const SETTINGS: &str = "rehearsal.cpu_share = 1.0\nsnapshots.every_events = 3\nretention.keep_snapshots = 1\nretention.delete_events = true\n";

fn greenroom(arguments: &[&str]) -> Result<Output> {
    // Nobody answers there: what needs no server must not ask one.
    Ok(Command::new(server_binary()).args(arguments).args(["--url", "http://127.0.0.1:1"]).output()?)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A server with two actors, one of which has a deleted beginning.
fn stage() -> Result<Stage> {
    let stage = Stage::with_settings(&["rehearsed"], SETTINGS)?;
    stage.client.call("rehearsed", "a", "add", r#"{"by": 5}"#)?.ok()?;
    for _ in 0..10 {
        stage.client.call("rehearsed", "b", "add", r#"{"by": 1}"#)?.ok()?;
    }
    stage.wait_for("a deleted beginning", || {
        let status = stage.client.get("/v1/default/actors/rehearsed/b")?.ok()?.json()?;
        Ok(status.get("deleted_through").and_then(Value::as_u64) > Some(0))
    })?;
    Ok(stage)
}

fn summary(output: &Output) -> Result<Value> {
    let text = String::from_utf8(output.stdout.clone())?;
    Ok(serde_json::from_str(text.lines().last().with_context(|| format!("{output:?}"))?)?)
}

#[test]
fn an_export_gives_the_same_answers_without_its_server() -> Result<()> {
    let mut stage = stage()?;
    let histories = stage.path("histories");
    let mut export = Command::new(server_binary());
    export.args(["export", "rehearsed", "--actors", "all", "--to", &text(&histories), "--url", stage.server.url()]);
    let export = export.output()?;
    ensure!(export.status.success() && String::from_utf8_lossy(&export.stdout).contains("2 actors"), "{export:?}");
    let file = histories.join("histories.grx");
    let before = read(&file)?;
    let (same, doubles) = (stage.path("same.wasm"), stage.path("doubles.wasm"));
    write_bytes(&same, &version("honest-too")?)?;
    write_bytes(&doubles, &version("doubles")?)?;
    let store = text(&histories);
    stage.server.ask_to_stop()?;

    let told = greenroom(&["rehearse", "rehearsed", &text(&same), "--store", &store, "--actors", "all", "--json"])?;
    ensure!(told.status.code() == Some(0), "{told:?}");
    let found = summary(&told)?;
    ensure!((found.get("actors"), found.get("same")) == (Some(&2.into()), Some(&2.into())), "{found}");
    let told = greenroom(&["rehearse", "rehearsed", &text(&doubles), "--store", &store, "--json"])?;
    ensure!(told.status.code() == Some(1), "{told:?}");
    ensure!(summary(&told)?.get("differs").and_then(Value::as_u64) >= Some(1), "{told:?}");
    ensure!(read(&file)? == before, "it is only read");

    let mut damaged = before.clone();
    let middle = damaged.len() / 2;
    if let Some(byte) = damaged.get_mut(middle) {
        *byte ^= 1;
    }
    write_bytes(&file, &damaged)?;
    let told = greenroom(&["rehearse", "rehearsed", &text(&same), "--store", &store])?;
    ensure!(told.status.code() == Some(2) && String::from_utf8_lossy(&told.stderr).contains("GR0063"), "{told:?}");
    write_bytes(&file, before.get(..before.len() - 7).context("a short export")?)?;
    let told = greenroom(&["rehearse", "rehearsed", &text(&same), "--store", &store])?;
    ensure!(String::from_utf8_lossy(&told.stderr).contains("cut off"), "{told:?}");
    Ok(())
}

#[test]
fn a_copy_of_a_data_directory_works_and_one_that_is_in_use_is_refused() -> Result<()> {
    let mut stage = stage()?;
    let same = stage.path("same.wasm");
    write_bytes(&same, &version("honest-too")?)?;
    let data = text(stage.server.data());
    let told = greenroom(&["rehearse", "rehearsed", &text(&same), "--store", &data])?;
    ensure!(told.status.code() == Some(2) && String::from_utf8_lossy(&told.stderr).contains("GR0065"), "{told:?}");
    stage.server.ask_to_stop()?;
    ensure!(stage.server.wait()?.success());
    let told = greenroom(&["rehearse", "rehearsed", &text(&same), "--store", &data, "--actors", "all", "--json"])?;
    ensure!(told.status.code() == Some(0), "{told:?}");
    ensure!(summary(&told)?.get("same") == Some(&2.into()), "{told:?}");
    let empty = stage.path("empty");
    let told = greenroom(&["rehearse", "rehearsed", &text(&same), "--store", &text(&empty)])?;
    ensure!(String::from_utf8_lossy(&told.stderr).contains("GR0085"), "{told:?}");
    Ok(())
}
