use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::setting::{Stage, guest, read, server_binary, value, write_bytes};

/// Small segments, hardly ever given up: a few components fill the first one.
const SETTINGS: &str = "log.segment_bytes = 262144\nlog.give_up_below_percent = 1\n";
const FIRST: &str = "store/00000000000000000001.log";
const SECOND: &str = "store/00000000000000000002.log";

#[test]
fn a_running_server_verifies_its_own_store() -> Result<()> {
    let stage = Stage::with_settings(&["counter"], SETTINGS)?;
    assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?, 1);
    for kind in ["sensor", "probe", "account"] {
        stage.client.deploy(kind, &guest(kind)?)?.ok()?;
    }
    let data = stage.server.data().to_owned();
    assert!(data.join(SECOND).exists(), "the first segment is not full");
    assert_eq!(value(stage.client.call("counter", "b", "increment", r#"{"by": 1}"#)?)?, 1);

    let sound = verify(stage.server.url())?;
    let told = line(&sound, "summary")?;
    assert_eq!((sound.status.code(), &told["mode"]), (Some(0), &"server".into()), "{sound:?}");
    assert!(told["segments"].as_u64() >= Some(2) && told["actors"].as_u64() >= Some(2), "{told}");

    let frame = damage(&data.join(FIRST))?;
    let damaged = verify(stage.server.url())?;
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    let lines = lines(&damaged)?;
    let finding = lines.iter().find(|line| line["kind"] == "frame_damaged").context("no finding")?;
    assert_eq!((&finding["segment"], &finding["offset"]), (&Value::from(1), &Value::from(frame)), "{finding}");
    assert_eq!(finding["address"], "default/counter/a");
    // It served all the while, and serves on.
    assert_eq!(value(stage.client.call("counter", "b", "increment", r#"{"by": 1}"#)?)?, 2);
    Ok(())
}

/// Flips one bit in the payload of the first frame; where the frame stands.
fn damage(file: &Path) -> Result<usize> {
    let mut bytes = read(file)?;
    let frame = bytes.windows(4).position(|bytes| bytes == b"GRFR").context("no frame")?;
    *bytes.get_mut(frame + 85).context("a short frame")? ^= 1;
    write_bytes(file, &bytes)?;
    Ok(frame)
}

fn verify(url: &str) -> Result<Output> {
    Ok(Command::new(server_binary()).args(["verify", "--json", "--url", url]).output()?)
}

fn lines(output: &Output) -> Result<Vec<Value>> {
    String::from_utf8(output.stdout.clone())?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn line(output: &Output, of: &str) -> Result<Value> {
    lines(output)?.into_iter().find(|line| line["type"] == of).with_context(|| format!("{output:?}"))
}
