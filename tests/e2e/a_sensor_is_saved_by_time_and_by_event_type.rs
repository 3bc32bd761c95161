use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::setting::{Stage, guest};

/// The policies of the example's README, one per kind, so that each is seen alone; nothing else saves.
const SETTINGS: &str = "\
snapshots.on_passivation = false\n\
[kinds.by-time.snapshots]\nevery_events = 0\nevery_bytes = 0\nevery_ms = 300\n\
[kinds.by-type.snapshots]\nevery_events = 0\nevery_bytes = 0\non_events = [\"alarm-raised\"]\n";
const COLD: &str = r#"{"millidegrees": 21500}"#;
const HOT: &str = r#"{"millidegrees": 81500}"#;

#[test]
fn a_sensor_is_saved_by_time_and_by_event_type() -> Result<()> {
    let mut stage = Stage::with_settings(&[], SETTINGS)?;
    for kind in ["by-time", "by-type"] {
        stage.client.deploy(kind, &guest("sensor")?)?.ok()?;
        stage.client.call(kind, "attic", "report", COLD)?.ok()?;
    }
    let saved =
        |stage: &Stage, kind: &str| Ok::<_, anyhow::Error>(stage.client.status(kind, "attic")?.snapshot_sequence);
    stage.wait_for("a snapshot by time, without another command", || Ok(saved(&stage, "by-time")? == Some(1)))?;
    assert_eq!(saved(&stage, "by-type")?, None, "a reading alone is not worth a snapshot");

    stage.client.call("by-type", "attic", "report", HOT)?.ok()?;
    stage.wait_for("a snapshot by type", || Ok(saved(&stage, "by-type")? == Some(3)))?;
    // Readings are kept by time; two of one millisecond would be one.
    sleep(Duration::from_millis(5));
    stage.client.call("by-type", "attic", "report", COLD)?.ok()?;

    stage.kill_and_restart()?;
    let window = stage.client.call("by-type", "attic", "window", "")?.ok()?.json()?;
    assert_eq!(window, serde_json::json!({ "readings": 3, "mean_millidegrees": 41_500, "alarm": true }));
    let recovery = stage.client.status("by-type", "attic")?.recovery;
    assert_eq!(recovery.map(|recovery| (recovery.from_snapshot, recovery.events_done)), Some((Some(3), 1)));
    Ok(())
}
