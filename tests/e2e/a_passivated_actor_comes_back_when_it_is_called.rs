use anyhow::Result;

use crate::setting::{Stage, value};

#[test]
fn a_passivated_actor_comes_back_when_it_is_called() -> Result<()> {
    let stage = Stage::with_kinds(&["counter"])?;
    value(stage.client.call("counter", "a", "increment", r#"{"by": 5}"#)?)?;
    stage.client.operate("counter", "a", "passivate")?.ok()?;
    stage.wait_for("passive", || Ok(stage.client.status("counter", "a")?.phase == "passive"))?;
    assert_eq!(value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?, 6);
    assert_eq!(stage.client.status("counter", "a")?.phase, "running");
    Ok(())
}
