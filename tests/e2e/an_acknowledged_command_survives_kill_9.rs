use anyhow::Result;

use crate::setting::{Stage, value};

#[test]
fn an_acknowledged_command_survives_kill_9() -> Result<()> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    for expected in 1..=20 {
        assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?, expected);
    }
    stage.kill_and_restart()?;
    assert_eq!(value(stage.client.call("counter", "a", "get", "{}")?)?, 20);
    assert_eq!(stage.client.status("counter", "a")?.sequence, 20);
    Ok(())
}
