//! The thread that keeps the index store near the log. It waits for nobody but the disk: the committer may wait for it.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::super::core::{Core, Life, Shared};
use super::super::settings::LogSettings;
use super::Index;
use super::checkpoint::checkpoint;
use crate::provider::StoreError;

/// When so many times the changes of one checkpoint wait, the committer waits too: what is not in the index store yet is
/// in memory.
const CHANGES_WAITING: usize = 2;

/// Whether a checkpoint should be made.
pub(in super::super) fn is_due(index: &Index, settings: &LogSettings) -> bool {
    let filled = index.changes >= settings.checkpoint_changes || index.lag_bytes >= settings.checkpoint_bytes;
    settings.maintain && filled && index.failed.is_none()
}

/// Whether memory has room for more of what the index store does not hold yet.
#[derive(Debug)]
pub(in super::super) enum Room {
    There,
    /// Once the checkpoint is made that was just asked for.
    Soon,
    /// Checkpoints fail, for this reason: writes must be refused until one succeeds.
    Unknown(StoreError),
}

/// Whether the committer may go on, must let checkpoints catch up first, or must refuse what is queued.
pub(in super::super) fn room(core: &Core, shared: &Shared) -> Room {
    let full = core.index.changes >= shared.settings.checkpoint_changes.saturating_mul(CHANGES_WAITING);
    if !full || !shared.settings.maintain || core.life != Life::Open {
        return Room::There;
    }
    match &core.index.failed {
        Some(failed) => Room::Unknown(failed.cause.clone()),
        None => {
            shared.keeper.notify_one();
            Room::Soon
        }
    }
}

/// Makes checkpoints until the log is closed.
pub(in super::super) fn run(shared: &Arc<Shared>) {
    while wait(shared) {
        // Its failure is logged, and says when the next one is tried.
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
        let now = Instant::now();
        let until = match &core.index.failed {
            _ if core.life != Life::Open => every,
            Some(failed) if failed.again_at <= now => return true,
            Some(failed) => failed.again_at - now,
            None => {
                let since = core.index.changed_since;
                if since.is_some_and(|since| since.elapsed() >= every) || is_due(&core.index, &shared.settings) {
                    return true;
                }
                since.map_or(every, |since| (since + every).saturating_duration_since(now))
            }
        };
        // Not less, so that a log that cannot be kept does not keep a processor busy.
        let until = until.max(Duration::from_millis(1));
        core = shared.keeper.wait_timeout(core, until).unwrap_or_else(PoisonError::into_inner).0;
    }
}
