use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::setting::{Stage, server_binary, value};

/// A child that is gone when the test ends, also when it fails.
struct Follower(Child);

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn followed_events_come_as_they_happen() -> Result<()> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    let increment = |expected: u64| -> Result<()> {
        assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?, expected);
        Ok(())
    };
    (1..=3).try_for_each(increment)?;
    let mut program = Command::new(server_binary());
    program.args(["--url", stage.server.url(), "--json", "events", "counter/a", "--from", "2", "--follow"]);
    let mut follower = Follower(program.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
    let mut lines = BufReader::new(follower.0.stdout.take().context("no output")?).lines();
    for expected in 2..=3 {
        assert_eq!(sequence(lines.next())?, expected, "what is there already comes first");
    }
    for expected in 4..=8 {
        increment(expected)?;
        assert_eq!(sequence(lines.next())?, expected);
    }
    // The end of the server ends the following, in order.
    let stopped = stage.server.stop()?;
    assert!(stopped.success(), "{stopped}");
    assert!(lines.next().is_none(), "nothing comes after the end");
    Ok(())
}

fn sequence(line: Option<std::io::Result<String>>) -> Result<u64> {
    let line = line.context("the following ended early")??;
    let event: Value = serde_json::from_str(&line).with_context(|| format!("not JSON: {line}"))?;
    event.get("sequence").and_then(Value::as_u64).with_context(|| format!("no sequence in {line}"))
}
