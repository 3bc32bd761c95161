use anyhow::Result;

use crate::setting::{Stage, value};

#[test]
fn a_memory_bomb_ends_in_an_error_for_its_caller_only() -> Result<()> {
    let stage = Stage::with_kinds(&["hostile", "counter"])?;
    value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?;
    let answer = stage.client.call("hostile", "a", "bomb-memory", "")?;
    assert_eq!((answer.status, answer.code()?.as_str()), (500, "GR0042"), "{}", answer.text());
    assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?, 2);
    Ok(())
}
