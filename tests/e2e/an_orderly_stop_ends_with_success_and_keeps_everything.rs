use anyhow::Result;

use crate::setting::{Stage, value};

#[test]
fn an_orderly_stop_ends_with_success_and_keeps_everything() -> Result<()> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    for _ in 0..10 {
        value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?;
    }
    let status = stage.stop_and_restart()?;
    assert!(status.success(), "{status}");
    assert_eq!(value(stage.client.call("counter", "a", "get", "{}")?)?, 10);
    Ok(())
}
