use anyhow::Result;

use crate::setting::{Stage, value};

/// Also across a crash: the keys are in the journal.
#[test]
fn a_repeated_idempotency_key_is_applied_once() -> Result<()> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    let increment = |stage: &Stage, key: &str| {
        value(stage.client.call_with_key("counter", "a", "increment", r#"{"by": 1}"#, Some(key))?)
    };
    assert_eq!(increment(&stage, "one")?, 1);
    assert_eq!(increment(&stage, "two")?, 2);
    assert_eq!(increment(&stage, "one")?, 1, "the first reply, not the state of now");
    stage.kill_and_restart()?;
    assert_eq!(increment(&stage, "one")?, 1);
    assert_eq!(increment(&stage, "three")?, 3);
    assert_eq!(stage.client.status("counter", "a")?.sequence, 3);
    Ok(())
}
