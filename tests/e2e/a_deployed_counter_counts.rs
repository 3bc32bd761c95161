use anyhow::Result;

use crate::setting::{Stage, value};

#[test]
fn a_deployed_counter_counts() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 3}"#)?)?, 3);
    assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 4}"#)?)?, 7);
    assert_eq!(value(stage.client.call("counter", "b", "increment", r#"{"by": 1}"#)?)?, 1, "each key is an actor");
    assert_eq!(value(stage.client.call("counter", "a", "get", "{}")?)?, 7);

    let status = stage.client.status("counter", "a")?;
    assert_eq!((status.sequence, status.revision, status.phase.as_str()), (2, 1, "running"));
    Ok(())
}
