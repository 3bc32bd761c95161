use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use greenroom_kit::Recovery;

use crate::setting::Stage;

/// One event in each replay call: slow on purpose.
const SETTINGS: &str = "\
limits.replay_batch_events = 1\n\
limits.guest_call_ms = 30_000\n\
snapshots.every_events = 0\n\
snapshots.every_bytes = 0\n\
snapshots.on_passivation = false\n";
const EVENTS: u64 = 60_000;

#[test]
fn a_recovery_can_be_watched_while_it_runs() -> Result<()> {
    let mut stage = Stage::with_settings(&["probe"], SETTINGS)?;
    for _ in 0..3 {
        stage.client.call("probe", "a", "many", &format!(r#"{{"count": {}}}"#, EVENTS / 3))?.ok()?;
    }
    stage.kill_and_restart()?;
    let client = &stage.client;
    let is_back = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let asker = scope.spawn(|| {
            let answer = client.call("probe", "a", "get", "");
            is_back.store(true, Ordering::SeqCst);
            answer
        });
        let mut seen = Vec::new();
        while !is_back.load(Ordering::SeqCst) {
            let status = client.status("probe", "a")?;
            seen.extend(status.recovery.filter(|_| status.phase == "replaying"));
        }
        asker.join().ok().context("the client panicked")??.ok()?;
        anyhow::Ok(seen)
    })?;
    let partway: Vec<&Recovery> = seen.iter().filter(|r| r.events_done > 0 && r.events_done < EVENTS).collect();
    assert!(partway.len() >= 2, "it was never seen under way: {seen:?}");
    for pair in seen.windows(2) {
        let [earlier, later] = pair else { continue };
        assert!(earlier.events_done <= later.events_done && earlier.elapsed_ms <= later.elapsed_ms, "{pair:?}");
    }
    for view in partway {
        assert_eq!((view.events_total, view.from_snapshot), (EVENTS, None), "{view:?}");
        assert!(view.events_per_second > 0.0 && view.remaining_ms.is_some_and(|left| left > 0.0), "{view:?}");
    }
    let after = stage.client.status("probe", "a")?.recovery.context("no figures of the recovery")?;
    assert_eq!((after.events_done, after.remaining_ms), (EVENTS, None), "{after:?}");
    Ok(())
}
