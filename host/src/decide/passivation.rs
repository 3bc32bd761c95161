//! Who leaves the stage when it is full.

use serde::{Deserialize, Serialize};

/// The stage is cleared by a sixteenth at a time, so that finding the least recently used costs little per actor.
const CLEARED_SHARE: usize = 16;

/// When live actors become passive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PassivationSettings {
    /// After this long without a command, milliseconds; 0: never for idleness.
    pub idle_after_ms: u64,
}

impl Default for PassivationSettings {
    fn default() -> Self {
        Self { idle_after_ms: 60_000 }
    }
}

/// Which of the live actors to make passive so that there is room again: the least recently used, oldest first.
///
/// `live` pairs an actor with a stamp that grows with every use. Returns nothing while there is room.
#[must_use]
pub fn least_recently_used<Id>(mut live: Vec<(u64, Id)>, live_max: usize) -> Vec<Id> {
    if live.len() < live_max || live.is_empty() {
        return Vec::new();
    }
    let over = live.len().saturating_sub(live_max);
    let cleared = over.saturating_add((live_max / CLEARED_SHARE).max(1)).min(live.len());
    live.select_nth_unstable_by_key(cleared.saturating_sub(1), |(stamp, _)| *stamp);
    live.truncate(cleared);
    live.sort_unstable_by_key(|(stamp, _)| *stamp);
    live.into_iter().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_leaves_while_there_is_room() {
        assert!(least_recently_used(vec![(1, 'a'), (2, 'b')], 3).is_empty());
    }

    #[test]
    fn the_least_recently_used_leave_first() {
        let live = (0..64u64).rev().map(|stamp| (stamp, stamp)).collect();
        assert_eq!(least_recently_used(live, 64), vec![0, 1, 2, 3]);
    }

    #[test]
    fn a_stage_of_one_is_cleared() {
        assert_eq!(least_recently_used(vec![(9, 'a')], 1), vec!['a']);
    }
}
