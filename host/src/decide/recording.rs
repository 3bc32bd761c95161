//! Which commands are kept for rehearsals: recent ones, spread over time, so that a busy kind's are not all of one moment.

use serde::{Deserialize, Serialize};

use crate::vocab::Timestamp;

/// Commands of one kind that are kept per second.
const PER_SECOND: u64 = 64;
/// Commands of one turn that are kept: so others' turns have room in the same second.
const PER_TURN: u64 = 8;
/// Bits of a window that count; those above tell which second it is.
const COUNT_BITS: u32 = 16;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

/// What is kept of the commands that a kind handled, in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingSettings {
    /// Commands that are kept, the newest ones; 0: none.
    pub commands: u32,
    /// Bytes of these.
    pub bytes: u32,
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self { commands: 128, bytes: /* 256 KiB */ 256 * 1_024 }
    }
}

/// How many of a turn's commands are kept, and the window afterwards. A window is a plain number, so that it can be kept
/// where many threads change it; 0 at the beginning.
#[must_use]
pub fn kept_of_turn(window: u64, now: Timestamp, commands: usize) -> (usize, u64) {
    let second = now.0.checked_div(1_000).unwrap_or(0) & (u64::MAX >> COUNT_BITS);
    let taken = if window >> COUNT_BITS == second { window & COUNT_MASK } else { 0 };
    let wanted = u64::try_from(commands).unwrap_or(u64::MAX).min(PER_TURN);
    let kept = wanted.min(PER_SECOND.saturating_sub(taken));
    (usize::try_from(kept).unwrap_or(0), (second << COUNT_BITS) | taken.saturating_add(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_and_a_turn_takes_only_some_of_them() {
        let (mut window, mut kept) = (0, 0);
        for _ in 0..100 {
            let (some, next) = kept_of_turn(window, Timestamp(5_999), 1_000);
            assert!(u64::try_from(some).unwrap() <= PER_TURN);
            (window, kept) = (next, kept + some);
        }
        assert_eq!(u64::try_from(kept).unwrap(), PER_SECOND);
        assert_eq!(
            kept_of_turn(window, Timestamp(5_000), 1).0,
            0,
            "a clock that goes back within the second gives nothing"
        );
        let (some, window) = kept_of_turn(window, Timestamp(6_000), 3);
        assert_eq!(some, 3);
        assert_eq!(kept_of_turn(window, Timestamp(6_001), 1).0, 1);
        assert_eq!(kept_of_turn(0, Timestamp(u64::MAX), 1).0, 1);
    }
}
