use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::setting::{Stage, read, server_binary, value, write_bytes};

const SEGMENT: &str = "store/00000000000000000001.log";

#[test]
fn a_store_is_verified_beside_its_server_and_without_one() -> Result<()> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    for expected in 1..=20 {
        assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?, expected);
    }
    let data = stage.server.data().to_owned();
    let beside = verify(&data)?;
    assert_eq!((beside.status.code(), summary(&beside)?["mode"].as_str()), (Some(0), Some("online")), "{beside:?}");

    stage.server.kill()?;
    let without = verify(&data)?;
    let told = summary(&without)?;
    assert_eq!((without.status.code(), told["mode"].as_str()), (Some(0), Some("offline")), "{without:?}");
    assert_eq!(told["actors"], 1);
    assert!(told["events"].as_u64() >= Some(20), "{told}");

    let mut bytes = read(&data.join(SEGMENT))?;
    let frame = bytes.windows(4).position(|bytes| bytes == b"GRFR").context("no frame")?;
    *bytes.get_mut(frame + 85).context("a short frame")? ^= 1;
    write_bytes(&data.join(SEGMENT), &bytes)?;
    let damaged = verify(&data)?;
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    let finding = lines(&damaged)?.into_iter().find(|line| line["kind"] == "frame_damaged").context("no finding")?;
    assert_eq!((&finding["segment"], &finding["offset"]), (&Value::from(1), &Value::from(frame)), "{finding}");
    assert_eq!((&finding["sequence"], &finding["severity"]), (&1.into(), &"corrupt".into()), "{finding}");
    assert_eq!(finding["address"], "default/counter/a");
    assert!(read(&data.join(SEGMENT))? == bytes, "the file was touched");
    assert_eq!(verify(&data.join("cache/nothing"))?.status.code(), Some(2));
    Ok(())
}

fn verify(dir: &Path) -> Result<Output> {
    Ok(Command::new(server_binary()).args(["verify", "--json"]).arg(dir).output()?)
}

fn lines(output: &Output) -> Result<Vec<Value>> {
    String::from_utf8(output.stdout.clone())?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn summary(output: &Output) -> Result<Value> {
    lines(output)?.into_iter().find(|line| line["type"] == "summary").with_context(|| format!("{output:?}"))
}
