use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::setting::{Stage, server_binary};

const SETTINGS: &str =
    "snapshots.on_passivation = false\n[supervision]\nfailures_max = 3\nbackoff_first_ms = 1\nbackoff_longest_ms = 4\n";

fn greenroom(stage: &Stage, arguments: &[&str]) -> Result<Output> {
    let mut program = Command::new(server_binary());
    program.args(arguments).env("GREENROOM_URL", stage.server.url()).env_remove("GREENROOM_KEY");
    program.output().context("the program could not be started")
}

fn out(stage: &Stage, arguments: &[&str]) -> Result<String> {
    let output = greenroom(stage, arguments)?;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{arguments:?}: {stdout}{stderr}");
    Ok(stdout.into_owned())
}

fn refusal(stage: &Stage, arguments: &[&str]) -> Result<String> {
    let output = greenroom(stage, arguments)?;
    ensure!(!output.status.success(), "{arguments:?} succeeded");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn json(stage: &Stage, arguments: &[&str]) -> Result<Value> {
    let text = out(stage, arguments)?;
    serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
}

fn call(stage: &Stage, name: &str) -> Result<(u16, String)> {
    let answer = stage.client.call("hostile", "a", name, "")?;
    let code = if answer.status == 200 { String::new() } else { answer.code()? };
    Ok((answer.status, code))
}

fn quarantine(stage: &Stage) -> Result<()> {
    stage.wait_for("the quarantine", || Ok(call(stage, "get")? == (503, "GR0120".to_owned())))
}

/// L35, L98 over HTTP and the command line: a poison event; the server is killed after every step.
#[test]
fn an_operator_gets_a_quarantined_actor_back_also_after_kill_9() -> Result<()> {
    let mut stage = Stage::with_settings(&["hostile"], SETTINGS)?;
    for name in ["add", "poison", "add"] {
        stage.client.call("hostile", "a", name, "")?.ok()?;
    }
    out(&stage, &["passivate", "hostile/a"])?;
    quarantine(&stage)?;
    let metrics = stage.client.get("/metrics")?.ok()?.text();
    for (name, labels, value) in [
        ("greenroom_quarantines_total", r#"tenant="default",kind="hostile",code="GR0046""#, "1"),
        ("greenroom_quarantined_actors", r#"tenant="default""#, "1"),
        ("greenroom_actor_failures_total", r#"tenant="default",kind="hostile",code="GR0046""#, "3"),
    ] {
        assert!(metrics.contains(&format!("{name}{{{labels}}} {value}\n")), "{name}: {metrics}");
    }
    assert!(stage.server.log().contains("quarantined: nothing of this actor runs"), "no line in the log");
    stage.kill_and_restart()?;
    assert_eq!(call(&stage, "add")?, (503, "GR0120".to_owned()));
    assert_eq!(stage.client.status("hostile", "a")?.phase, "quarantined");

    let listed = json(&stage, &["trouble", "--json"])?;
    assert_eq!(listed.pointer("/actors/0/key"), Some(&json!("a")), "{listed}");
    let shown = json(&stage, &["inspect", "hostile/a", "--json"])?;
    assert_eq!(shown.pointer("/cause/event/first"), Some(&json!(2)), "{shown}");
    assert_eq!(shown.pointer("/cause/code"), Some(&json!("GR0046")), "{shown}");
    assert!(out(&stage, &["inspect", "hostile/a"])?.contains("event     2 noted v1"));
    assert!(refusal(&stage, &["retry", "hostile/a"])?.contains("GR0120"));
    assert!(refusal(&stage, &["purge", "hostile/a"])?.contains("--yes"), "it was not asked");

    out(&stage, &["skip", "hostile/a", "--reason", "ticket 4711"])?;
    for _ in 0..2 {
        let total = stage.client.call("hostile", "a", "get", "")?.ok()?;
        assert_eq!(total.body, 2_u64.to_le_bytes());
        let events = out(&stage, &["events", "hostile/a"])?;
        assert!(events.contains("(skipped)") && events.contains("ticket 4711"), "{events}");
        assert!(out(&stage, &["status", "hostile/a"])?.contains("skipped   events 2"));
        stage.kill_and_restart()?;
    }
    assert!(refusal(&stage, &["release", "hostile/a"])?.contains("GR0122"));

    out(&stage, &["purge", "hostile/a", "--yes", "--reason", "the end"])?;
    stage.kill_and_restart()?;
    let total = stage.client.call("hostile", "a", "add", "")?.ok()?;
    assert_eq!(total.body, 1_u64.to_le_bytes());
    assert_eq!(
        stage.client.status("hostile", "a")?.sequence,
        6,
        "numbers go on: 3 events, a skip, a purge, an addition"
    );
    let acts = out(&stage, &["audit", "--operator"])? + &out(&stage, &["audit"])?;
    for act in ["retryActor", "skipPoison", "releaseActor", "purgeActor"] {
        assert!(acts.contains(act), "{act}: {acts}");
    }
    Ok(())
}

/// A poison command: the third failure quarantines, a restart changes nothing, skipping makes it a dead letter.
#[test]
fn a_poison_command_is_skipped_by_the_command_line() -> Result<()> {
    let mut stage = Stage::with_settings(&["hostile"], SETTINGS)?;
    stage.client.call("hostile", "a", "add", "")?.ok()?;
    for _ in 0..3 {
        assert_eq!(call(&stage, "trap")?, (500, "GR0040".to_owned()));
        stage.kill_and_restart()?;
    }
    let answer = stage.client.call("hostile", "a", "get", "")?;
    assert_eq!((answer.status, answer.retry_after.as_deref()), (503, None), "{}", answer.text());
    assert!(answer.text().contains("greenroom inspect"), "{}", answer.text());
    assert!(out(&stage, &["inspect", "hostile/a"])?.contains("command   trap from client"));
    out(&stage, &["skip", "hostile/a"])?;
    assert_eq!(call(&stage, "get")?.0, 200);
    stage.kill_and_restart()?;
    let letters = json(&stage, &["dead-letters", "--json"])?;
    assert_eq!(letters.pointer("/letters/0/command"), Some(&json!("trap")), "{letters}");
    assert!(out(&stage, &["dead-letters"])?.contains("skipped"));
    assert!(refusal(&stage, &["skip", "hostile/a"])?.contains("GR0122"));
    Ok(())
}
