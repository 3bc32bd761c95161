//! What becomes of an actor that failed: tried again after a pause, or quarantined.

use serde::{Deserialize, Serialize};

use crate::vocab::Timestamp;

/// Failures of one actor that are remembered; more cannot be asked for.
pub const FAILURES_KEPT_MAX: usize = 32;
/// A pause is lengthened by up to this share of it, in percent, so that many actors do not come back at once.
const JITTER_PERCENT: u64 = 25;

/// What is done about actors that fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SupervisionSettings {
    /// So many failures within the window put an actor into quarantine; 0: never. At most 32.
    pub failures_max: u32,
    /// The window, milliseconds; pauses that the host made between the failures do not count.
    pub window_ms: u64,
    /// The pause after the second failure, milliseconds; there is none after the first. It doubles with every further one.
    pub backoff_first_ms: u64,
    /// The longest pause, milliseconds.
    pub backoff_longest_ms: u64,
    /// What a deploy of the kind means for its quarantined actors.
    pub after_deploy: AfterDeploy,
}

/// What a deploy of the kind means for its quarantined actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterDeploy {
    /// Nothing: they wait for an operator.
    #[default]
    Stay,
    /// Each is tried once, as by `retry`; the ones that fail stay.
    Retry,
}

impl Default for SupervisionSettings {
    fn default() -> Self {
        Self {
            failures_max: 5,
            window_ms: 60_000,
            backoff_first_ms: 100,
            backoff_longest_ms: 30_000,
            after_deploy: AfterDeploy::default(),
        }
    }
}

impl SupervisionSettings {
    /// The first value that is not allowed, with its name; `None`: all are.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        if usize::try_from(self.failures_max).unwrap_or(usize::MAX) > FAILURES_KEPT_MAX {
            return Some("failures_max is over 32, the failures that are remembered");
        }
        if self.window_ms == 0 || self.backoff_first_ms == 0 {
            return Some("window_ms and backoff_first_ms must be at least 1");
        }
        (self.backoff_longest_ms < self.backoff_first_ms)
            .then_some("backoff_longest_ms is less than backoff_first_ms; it must not be")
    }
}

/// A failure, and the pause that the host made after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastFailure {
    /// When.
    pub at: Timestamp,
    /// How long the host waited before it tried again, milliseconds.
    pub waited_ms: u64,
}

/// What becomes of the actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sentence {
    /// It is tried again after this pause, milliseconds.
    Restart {
        /// The pause.
        after_ms: u64,
    },
    /// Nothing of it runs until an operator says so.
    Quarantine,
}

/// What becomes of an actor that failed now, after `past` failures, the oldest first. The same failures get the same
/// sentence; `seed` only spreads the pauses.
#[must_use]
pub fn sentence(settings: &SupervisionSettings, past: &[PastFailure], now: Timestamp, seed: u64) -> Sentence {
    let failures = recent(settings, past, now).saturating_add(1);
    if settings.failures_max > 0 && failures >= settings.failures_max {
        return Sentence::Quarantine;
    }
    let after_ms = if failures < 2 { 0 } else { pause_ms(settings, failures - 1, seed) };
    Sentence::Restart { after_ms }
}

/// How many of the failures lie within the window that ends now.
#[must_use]
pub fn recent(settings: &SupervisionSettings, past: &[PastFailure], now: Timestamp) -> u32 {
    let mut waited_ms: u64 = 0;
    let mut count = 0;
    for failure in past.iter().rev() {
        waited_ms = waited_ms.saturating_add(failure.waited_ms);
        if now.since_ms(failure.at).saturating_sub(waited_ms) > settings.window_ms {
            break;
        }
        count += 1;
    }
    count
}

/// The `count`-th pause of a row, the first is 1: doubling, bounded, and lengthened by a share that follows from the seed.
#[must_use]
pub fn pause_ms(settings: &SupervisionSettings, count: u32, seed: u64) -> u64 {
    let doublings = count.saturating_sub(1).min(u64::BITS - 1);
    let pause = settings.backoff_first_ms.saturating_mul(1 << doublings).min(settings.backoff_longest_ms);
    let share = mixed(seed.wrapping_add(u64::from(count))) % (JITTER_PERCENT + 1);
    pause.saturating_add(pause / 100 * share).min(settings.backoff_longest_ms)
}

/// Splitmix64: every bit of the result depends on every bit of the seed.
pub(super) const fn mixed(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: SupervisionSettings = SupervisionSettings {
        failures_max: 3,
        window_ms: 1_000,
        backoff_first_ms: 100,
        backoff_longest_ms: 5_000,
        after_deploy: AfterDeploy::Stay,
    };

    fn failures(times: &[(u64, u64)]) -> Vec<PastFailure> {
        times.iter().map(|(at, waited_ms)| PastFailure { at: Timestamp(*at), waited_ms: *waited_ms }).collect()
    }

    #[test]
    fn the_last_failure_of_the_window_is_the_one_that_quarantines() {
        let first = sentence(&SETTINGS, &[], Timestamp(10), 1);
        assert_eq!(first, Sentence::Restart { after_ms: 0 });
        let second = sentence(&SETTINGS, &failures(&[(10, 0)]), Timestamp(20), 1);
        assert!(matches!(second, Sentence::Restart { after_ms: 100..=125 }), "{second:?}");
        assert_eq!(sentence(&SETTINGS, &failures(&[(10, 0), (20, 0)]), Timestamp(30), 1), Sentence::Quarantine);
    }

    #[test]
    fn failures_that_lie_apart_never_quarantine() {
        let past = failures(&[(0, 0), (900, 0)]);
        assert_eq!(sentence(&SETTINGS, &past, Timestamp(1_000), 1), Sentence::Quarantine);
        assert_eq!(recent(&SETTINGS, &past, Timestamp(1_001)), 1);
        assert_eq!(sentence(&SETTINGS, &past, Timestamp(9_000), 1), Sentence::Restart { after_ms: 0 });
    }

    #[test]
    fn the_pauses_that_the_host_makes_do_not_rescue_an_actor() {
        // Without counting the pauses, failures 10 s apart would never lie in a window of 1 s.
        let past = failures(&[(0, 10_000), (10_000, 10_000)]);
        assert_eq!(sentence(&SETTINGS, &past, Timestamp(20_000), 1), Sentence::Quarantine);
    }

    #[test]
    fn with_no_bound_it_is_tried_again_for_ever_at_the_longest_pause() {
        let settings = SupervisionSettings { failures_max: 0, ..SETTINGS };
        let past = failures(&[(0, 0); FAILURES_KEPT_MAX]);
        assert_eq!(sentence(&settings, &past, Timestamp(0), 1), Sentence::Restart { after_ms: 5_000 });
    }

    #[test]
    fn pauses_double_are_bounded_and_spread() {
        let pauses: Vec<u64> = (1..40).map(|count| pause_ms(&SETTINGS, count, 7)).collect();
        assert!(pauses.iter().zip(1..).all(|(pause, n)| *pause >= 100_u64.saturating_mul(1 << (n - 1)).min(5_000)));
        assert!(pauses.iter().all(|pause| *pause <= 5_000));
        let spread: std::collections::BTreeSet<u64> = (0..100).map(|seed| pause_ms(&SETTINGS, 3, seed)).collect();
        assert!(spread.len() > 10 && spread.iter().all(|pause| (400..=500).contains(pause)), "{spread:?}");
        assert_eq!(pause_ms(&SETTINGS, 3, 42), pause_ms(&SETTINGS, 3, 42));
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing() {
        assert_eq!(recent(&SETTINGS, &failures(&[(5_000, 0), (5_100, 0)]), Timestamp(4_000)), 2);
    }

    #[test]
    fn settings_that_contradict_themselves_are_named() {
        assert_eq!(SupervisionSettings::default().problem(), None);
        for (settings, name) in [
            (SupervisionSettings { failures_max: 33, ..SETTINGS }, "failures_max"),
            (SupervisionSettings { window_ms: 0, ..SETTINGS }, "window_ms"),
            (SupervisionSettings { backoff_first_ms: 0, ..SETTINGS }, "backoff_first_ms"),
            (SupervisionSettings { backoff_longest_ms: 99, ..SETTINGS }, "backoff_longest_ms"),
        ] {
            assert!(settings.problem().is_some_and(|problem| problem.contains(name)), "{name}");
        }
    }
}
