use anyhow::Result;

use crate::setting::{Stage, value};

#[test]
fn a_reading_command_stores_nothing() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?;
    for _ in 0..5 {
        assert_eq!(value(stage.client.call("counter", "a", "get", "{}")?)?, 1);
    }
    assert_eq!(stage.client.status("counter", "a")?.sequence, 1);
    Ok(())
}
