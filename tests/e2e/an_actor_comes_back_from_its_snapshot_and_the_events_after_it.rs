use anyhow::{Context, Result};

use crate::setting::{Stage, value};

#[test]
fn an_actor_comes_back_from_its_snapshot_and_the_events_after_it() -> Result<()> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    let increment = |stage: &Stage| value(stage.client.call("counter", "a", "increment", r#"{"by": 1}"#)?);
    for _ in 0..10 {
        increment(&stage)?;
    }
    stage.client.operate("counter", "a", "snapshot")?.ok()?;
    for _ in 0..7 {
        increment(&stage)?;
    }
    stage.kill_and_restart()?;
    assert_eq!(increment(&stage)?, 18);
    let status = stage.client.status("counter", "a")?;
    assert_eq!(status.snapshot_sequence, Some(10));
    let recovery = status.recovery.context("no figures of the recovery")?;
    assert_eq!((recovery.from_snapshot, recovery.events_done, recovery.events_total), (Some(10), 7, 7));
    Ok(())
}
