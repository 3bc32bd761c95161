//! The thread that keeps the index store near the log. It waits for nobody but the disk: the committer may wait for it.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::super::core::{Core, Life, Shared};
use super::super::settings::LogSettings;
use super::Index;
use super::checkpoint::checkpoint;

/// When so many times the changes of one checkpoint wait, the committer waits too: what is not in the index store yet is
/// in memory.
const CHANGES_WAITING: usize = 2;

/// Whether a checkpoint should be made.
pub(in super::super) fn is_due(index: &Index, settings: &LogSettings) -> bool {
    let filled = index.changes >= settings.checkpoint_changes || index.lag_bytes >= settings.checkpoint_bytes;
    settings.maintain && filled && index.failed.is_none()
}

/// Whether the committer must let checkpoints catch up first. Refuses writes if there will be none.
pub(in super::super) fn must_wait(core: &mut Core, shared: &Shared) -> bool {
    let full = core.index.changes >= shared.settings.checkpoint_changes.saturating_mul(CHANGES_WAITING);
    if !full || !shared.settings.maintain || core.life != Life::Open {
        return false;
    }
    match &core.index.failed {
        Some(cause) => {
            let cause = format!("the index cannot be written, and memory has no room for more: {cause}");
            tracing::error!(%cause, "the log refuses writes until it is reopened");
            core.life = Life::Poisoned { cause };
            false
        }
        None => {
            shared.keeper.notify_one();
            true
        }
    }
}

/// Makes checkpoints until the log is closed.
pub(in super::super) fn run(shared: &Arc<Shared>) {
    while wait(shared) {
        // Its failure is logged, and ends checkpoints until the log is opened again.
        if checkpoint(shared).is_ok() {
            shared.work.notify_one();
            shared.lock().upkeep_due = true;
            shared.upkeep_wake.notify_all();
        }
    }
}

/// Waits until a checkpoint is due; `false`: the log is closed.
fn wait(shared: &Shared) -> bool {
    let mut core = shared.lock();
    let every = Duration::from_millis(shared.settings.checkpoint_every_ms);
    loop {
        if matches!(core.life, Life::Closed | Life::Abandoned) {
            return false;
        }
        let usable = core.life == Life::Open && core.index.failed.is_none();
        let old = core.index.changed_since.is_some_and(|since| since.elapsed() >= every);
        if usable && (old || is_due(&core.index, &shared.settings)) {
            return true;
        }
        let now = Instant::now();
        let until = core.index.changed_since.map_or(every, |since| (since + every).saturating_duration_since(now));
        // Not less, so that a log that cannot be kept does not keep a processor busy.
        let until = if usable { until.max(Duration::from_millis(1)) } else { every };
        core = shared.keeper.wait_timeout(core, until).unwrap_or_else(PoisonError::into_inner).0;
    }
}
