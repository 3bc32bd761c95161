use anyhow::{Context, Result};

use crate::setting::{Stage, value};

/// Metrics, their labels, and the least that each must show after what the test did.
const AT_LEAST: &[(&str, &str, f64)] = &[
    ("greenroom_commands_total", r#"kind="counter""#, 24.0),
    ("greenroom_events_total", r#"kind="counter""#, 23.0),
    ("greenroom_turns_total", r#"kind="counter""#, 2.0),
    ("greenroom_turn_commands_count", r#"kind="counter""#, 2.0),
    ("greenroom_turn_seconds_count", r#"kind="counter""#, 2.0),
    ("greenroom_append_seconds_count", r#"kind="counter""#, 2.0),
    ("greenroom_mailbox_depth_count", r#"kind="counter""#, 2.0),
    ("greenroom_commits_total", "", 2.0),
    ("greenroom_commit_seconds_count", "", 2.0),
    ("greenroom_commit_bytes_sum", "", 1_000.0),
    ("greenroom_commit_records_sum", "", 2.0),
    ("greenroom_syncs_total", "", 2.0),
    ("greenroom_log_written_bytes_total", "", 1_000.0),
    ("greenroom_live_actors", "", 1.0),
    ("greenroom_activations_total", r#"kind="counter""#, 2.0),
    ("greenroom_passivations_total", r#"kind="counter""#, 1.0),
    ("greenroom_recoveries_total", r#"kind="counter",result="ok""#, 2.0),
    ("greenroom_recovery_seconds_count", r#"kind="counter""#, 2.0),
    ("greenroom_recovery_permit_wait_seconds_count", r#"kind="counter""#, 2.0),
    ("greenroom_replayed_events_total", r#"kind="counter""#, 3.0),
    ("greenroom_replay_microseconds_total", r#"kind="counter""#, 0.0),
    ("greenroom_snapshots_total", r#"kind="counter",result="saved",reason="operator""#, 1.0),
    ("greenroom_snapshot_save_seconds_count", r#"kind="counter""#, 1.0),
    ("greenroom_snapshot_bytes_sum", r#"kind="counter""#, 1.0),
    ("greenroom_snapshot_load_seconds_count", r#"kind="counter""#, 1.0),
    ("greenroom_snapshot_load_bytes_sum", r#"kind="counter""#, 1.0),
    ("greenroom_queue_wait_seconds_count", r#"kind="counter""#, 2.0),
    ("greenroom_recovery_failures_total", r#"kind="hostile",code="GR0040""#, 1.0),
    ("greenroom_unusable_snapshots_total", r#"kind="hostile",why="start-failed""#, 1.0),
    ("greenroom_traps_total", r#"kind="hostile",code="GR0040""#, 1.0),
    ("greenroom_refused_commands_total", r#"kind="account",code="GR0007""#, 1.0),
    ("greenroom_refused_commands_total", r#"kind="counter",code="GR0004""#, 1.0),
    ("greenroom_refused_commands_total", r#"kind="counter",code="GR0005""#, 1.0),
    ("greenroom_refused_commands_total", r#"kind="hostile",code="GR0040""#, 1.0),
    ("greenroom_http_requests_total", r#"status="422""#, 1.0),
];

#[test]
fn the_metrics_show_what_a_server_does() -> Result<()> {
    let settings = "snapshots.on_passivation = false\n";
    let stage = Stage::with_settings(&["counter", "account", "hostile"], settings)?;
    let client = &stage.client;
    let increment = |expected: u64| -> Result<()> {
        assert_eq!(value(client.call("counter", "a", "increment", r#"{"by": 1}"#)?)?, expected);
        Ok(())
    };
    (1..=20).try_for_each(increment)?;
    client.operate("counter", "a", "snapshot")?.ok()?;
    (21..=23).try_for_each(increment)?;
    client.operate("counter", "a", "passivate")?.ok()?;
    stage.wait_for("passive", || Ok(client.status("counter", "a")?.phase == "passive"))?;
    assert_eq!(value(client.call("counter", "a", "get", "{}")?)?, 23);

    assert_eq!(client.call("counter", "a", "explode", "{}")?.code()?, "GR0004");
    assert_eq!(client.call("counter", "a", "increment", "{")?.code()?, "GR0005");
    assert_eq!(client.call("account", "a", "withdraw", r#"{"cents": 1}"#)?.code()?, "GR0007");
    assert_eq!(client.call("hostile", "a", "trap", "")?.code()?, "GR0040");
    assert_eq!(client.call("hostile", "trap-in-start", "get", "")?.code()?, "GR0040");
    client.call("hostile", "trap-at-snapshot", "add", "")?.ok()?;
    client.operate("hostile", "trap-at-snapshot", "snapshot")?.ok()?;
    client.operate("hostile", "trap-at-snapshot", "passivate")?.ok()?;
    stage.wait_for("passive", || Ok(client.status("hostile", "trap-at-snapshot")?.phase == "passive"))?;
    client.call("hostile", "trap-at-snapshot", "get", "")?.ok()?;

    let metrics = client.get("/metrics")?.ok()?.text();
    for (name, labels, least) in AT_LEAST {
        let shown = sum(&metrics, name, labels).with_context(|| format!("{name}{{{labels}}} is not shown"))?;
        assert!(shown >= *least, "{name}{{{labels}}} is {shown}, not at least {least}");
    }
    every_metric_has_a_help_text(&metrics);
    Ok(())
}

/// The sum of a metric over all label sets that contain these labels; `None`: it is not there.
fn sum(metrics: &str, name: &str, labels: &str) -> Option<f64> {
    let values = metrics.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let is_named = series == name || series.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
        (is_named && series.contains(labels)).then(|| value.parse::<f64>().ok())?
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

fn every_metric_has_a_help_text(metrics: &str) {
    let mut count = 0;
    for name in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
        count += 1;
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} has no help text");
    }
    assert!(count > 20, "{count} metrics:\n{metrics}");
}
