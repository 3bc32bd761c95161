use std::process::{Command, Output};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::setting::{Stage, guest, server_binary, write_bytes};

/// Exit codes that scripts rely on; `docs/cli.md` lists them.
const DONE: i32 = 0;
const FAILED: i32 = 1;
const WRONG_USAGE: i32 = 2;
const REJECTED: i32 = 3;
const NOT_NOW: i32 = 4;

#[test]
fn the_command_line_does_what_http_does() -> Result<()> {
    let mut stage = Stage::with_kinds(&["account"])?;
    let component = stage.path("counter.wasm");
    write_bytes(&component, &guest("counter")?)?;
    let component = component.display().to_string();

    says(&run(&stage, &["check", &component])?, DONE, "increment")?;
    let deployed = json(&run(&stage, &["--json", "deploy", "counter", &component])?)?;
    assert_eq!(deployed.get("revision"), Some(&json!(1)), "{deployed}");
    for expected in 1..=12 {
        let reply = json(&run(&stage, &["call", "counter/a/b", "increment", r#"{"by": 1}"#])?)?;
        assert_eq!(reply, json!({ "value": expected }));
    }
    assert_eq!(json(&run(&stage, &["call", "counter/a/b", "get"])?)?, json!({ "value": 12 }));
    assert_eq!(json(&run(&stage, &["state", "counter/a/b", "--at", "5"])?)?, json!({ "value": 5 }));
    let page = run(&stage, &["--json", "events", "counter/a/b", "--from", "11"])?;
    assert_eq!(text(&page.stdout).lines().count(), 2, "{}", text(&page.stdout));
    says(&run(&stage, &["actors", "counter"])?, DONE, "a/b\t12")?;
    says(&run(&stage, &["kinds"])?, DONE, "counter")?;
    says(&run(&stage, &["snapshot", "counter/a/b"])?, DONE, "")?;
    says(&run(&stage, &["passivate", "counter/a/b"])?, DONE, "")?;
    stage.wait_for("passive", || Ok(stage.client.status("counter", "a/b")?.phase == "passive"))?;
    let status = json(&run(&stage, &["--json", "status", "counter/a/b"])?)?;
    assert_eq!(status.get("snapshot_sequence"), Some(&json!(12)), "{status}");

    says(&run(&stage, &["call", "counter/a/b", "explode"])?, FAILED, "GR0004")?;
    says(&run(&stage, &["call", "account/a", "withdraw", r#"{"cents": 5}"#])?, REJECTED, "missing_cents")?;
    says(&run(&stage, &["call", "counter/a/b", "increment", "--no-such-flag"])?, WRONG_USAGE, "--no-such-flag")?;
    says(&run(&stage, &["explain", "GR0007"])?, DONE, "Common mistakes")?;
    stage.server.kill()?;
    says(&run(&stage, &["call", "counter/a/b", "get"])?, NOT_NOW, "GR008")
}

/// Runs the program against the stage's server.
fn run(stage: &Stage, arguments: &[&str]) -> Result<Output> {
    let mut program = Command::new(server_binary());
    program.args(arguments).env("GREENROOM_URL", stage.server.url());
    program.output().context("the program could not be started")
}

/// The exit code, and a text on standard output or standard error.
fn says(output: &Output, code: i32, expected: &str) -> Result<()> {
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{all}");
    assert!(all.contains(expected), "no {expected} in: {all}");
    Ok(())
}

/// What a successful run printed on standard output: JSON and nothing else.
fn json(output: &Output) -> Result<Value> {
    says(output, DONE, "")?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("not JSON: {}", text(&output.stdout)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
