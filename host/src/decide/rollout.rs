//! Rollouts: which revision an actor is to run, when a ramp goes on, and when failures end it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::supervision::mixed;
use crate::vocab::{ActorId, Key, RevisionId, Timestamp};

/// Places that actors are spread over: a share is counted in hundredths of a percent.
const PLACES: u16 = 10_000;

/// A part of a kind's actors, in hundredths of a percent; at most all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

impl Share {
    /// All actors.
    pub const ALL: Self = Self(PLACES);

    /// So many hundredths of a percent; more than all is all.
    #[must_use]
    pub const fn of_hundredths(hundredths: u16) -> Self {
        if hundredths > PLACES { Self::ALL } else { Self(hundredths) }
    }

    /// A percentage between 0 and 100, rounded to hundredths; `None`: it is not between them, or so small that it would
    /// be rounded to nothing.
    #[must_use]
    pub fn of_percent(percent: f64) -> Option<Self> {
        let hundredths = (percent * 100.0).round();
        if !(0.0..=100.0).contains(&percent) || (percent > 0.0 && hundredths < 1.0) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10,000")]
        Some(Self(hundredths as u16))
    }

    /// The share in hundredths of a percent.
    #[must_use]
    pub const fn hundredths(self) -> u16 {
        self.0
    }

    /// The share as a percentage, for people.
    #[must_use]
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

/// Whom a rollout has chosen for the candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// A share of all actors: always the same ones for the same candidate, and those of a smaller share among them.
    Share(Share),
    /// These actors of the kind, by key.
    Named(BTreeSet<Key>),
}

/// Which revision each actor of a kind is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// What actors run that are not chosen.
    pub stable: RevisionId,
    /// What the chosen ones run.
    pub candidate: Option<(RevisionId, Chosen)>,
}

impl Assignment {
    /// The revision that an actor is assigned.
    #[must_use]
    pub fn of(&self, actor: ActorId, key: &Key) -> RevisionId {
        match &self.candidate {
            Some((candidate, Chosen::Share(share))) if place_of(actor, *candidate) < share.0 => *candidate,
            Some((candidate, Chosen::Named(keys))) if keys.contains(key) => *candidate,
            _ => self.stable,
        }
    }

    /// The revision that actors run unless they are chosen for another one: the candidate, once everybody is.
    #[must_use]
    pub const fn active(&self) -> RevisionId {
        match &self.candidate {
            Some((candidate, Chosen::Share(Share::ALL))) => *candidate,
            _ => self.stable,
        }
    }
}

/// Where an actor stands in the order in which a candidate's share takes actors in. Another candidate has another order, so
/// that it is not always the same actors who try what is new.
fn place_of(actor: ActorId, candidate: RevisionId) -> u16 {
    let seed = actor.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let place = mixed(seed ^ mixed(u64::from(candidate.0))) % u64::from(PLACES);
    u16::try_from(place).unwrap_or(0)
}

/// How rollouts go, where whoever begins one does not say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolloutSettings {
    /// So many actors at least must fail on the candidate within the window before the rollout is taken back; 0: never.
    pub failures_actors: u32,
    /// … and so many percent of those that tried it.
    pub failures_percent: u32,
    /// The window in which failures count, milliseconds.
    pub window_ms: u64,
    /// How long a candidate that everybody runs is watched before it is the stable one, milliseconds.
    pub watch_ms: u64,
    /// The longest that one live actor may take to change over, milliseconds; then it stays where it is. Its commands wait
    /// meanwhile.
    pub swap_ms: u64,
    /// The part of the time in which live actors change over, percent; in the rest of it the machine is everybody's.
    pub swap_percent: u32,
}

impl Default for RolloutSettings {
    fn default() -> Self {
        Self {
            failures_actors: 10,
            failures_percent: 5,
            window_ms: 60_000,
            watch_ms: 60_000,
            swap_ms: 5_000,
            swap_percent: 50,
        }
    }
}

impl RolloutSettings {
    /// The first value that is not allowed, with its name; `None`: all are.
    #[must_use]
    pub const fn problem(&self) -> Option<&'static str> {
        if self.failures_percent > 100 {
            return Some("failures_percent is over 100");
        }
        if self.window_ms == 0 || self.swap_ms == 0 {
            return Some("window_ms and swap_ms must be at least 1");
        }
        if self.swap_percent == 0 || self.swap_percent > 100 {
            return Some("swap_percent is between 1 and 100");
        }
        None
    }
}

/// From how many failures on a rollout is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// So many actors that failed at least; 0: it is never taken back by itself.
    pub actors: u32,
    /// … and so many percent of those that tried the candidate.
    pub percent: u32,
    /// Older failures do not count, milliseconds.
    pub window_ms: u64,
}

/// Whether a rollout is to be taken back: `failed` distinct actors within the window, of `tried` that tried the candidate.
#[must_use]
pub fn is_failing(thresholds: &Thresholds, failed: u64, tried: u64) -> bool {
    let tried = tried.max(failed);
    thresholds.actors > 0
        && failed >= u64::from(thresholds.actors)
        && failed.saturating_mul(100) >= u64::from(thresholds.percent).saturating_mul(tried)
}

/// Where a ramp is.
#[derive(Debug, Clone, Copy)]
pub struct Ramp<'a> {
    /// The shares that it goes through, in order.
    pub stages: &'a [Share],
    /// Which of them it has reached.
    pub reached: usize,
    /// Since when.
    pub since: Timestamp,
    /// How long it stays at each stage, milliseconds.
    pub pause_ms: u64,
    /// How long the last stage is watched, if it is everybody, milliseconds.
    pub watch_ms: u64,
    /// An operator stopped it.
    pub is_paused: bool,
}

/// What a ramp does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RampStep {
    /// Nothing before so many milliseconds have passed.
    Wait(u64),
    /// It goes on to this stage.
    GoTo(usize),
    /// Everybody runs the candidate and nothing was wrong with it: it becomes the stable revision.
    Complete,
    /// Nothing, until somebody says so.
    Stay,
}

/// What a ramp does, once every live actor runs what it is assigned.
#[must_use]
pub fn ramp_step(ramp: &Ramp<'_>, now: Timestamp) -> RampStep {
    if ramp.is_paused {
        return RampStep::Stay;
    }
    let next = ramp.reached.saturating_add(1);
    let (stays_ms, then) = match (ramp.stages.get(next), ramp.stages.get(ramp.reached)) {
        (Some(_), _) => (ramp.pause_ms, RampStep::GoTo(next)),
        (None, Some(&Share::ALL)) => (ramp.watch_ms, RampStep::Complete),
        (None, _) => return RampStep::Stay,
    };
    // A clock that goes back makes nobody wait for longer than was asked for.
    let left_ms = stays_ms.saturating_sub(now.since_ms(ramp.since));
    if left_ms > 0 { RampStep::Wait(left_ms) } else { then }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Address;

    const STABLE: RevisionId = RevisionId(1);
    const CANDIDATE: RevisionId = RevisionId(7);

    fn actors() -> impl Iterator<Item = Address> {
        (0..20_000).map(|n| Address::new("t", "k", format!("a-{n}")).unwrap())
    }

    fn with_share(candidate: RevisionId, hundredths: u16) -> Assignment {
        let chosen = Chosen::Share(Share::of_hundredths(hundredths));
        Assignment { stable: STABLE, candidate: Some((candidate, chosen)) }
    }

    fn chosen(assignment: &Assignment) -> BTreeSet<Address> {
        actors().filter(|actor| assignment.of(actor.id(), &actor.key) != STABLE).collect()
    }

    #[test]
    fn a_share_is_about_as_large_as_it_says_and_a_larger_one_moves_nobody_back() {
        let mut before = BTreeSet::new();
        for (hundredths, expected) in [(0, 0..=0), (100, 150..=250), (1_000, 1_800..=2_200), (5_000, 9_700..=10_300)] {
            let now = chosen(&with_share(CANDIDATE, hundredths));
            assert!(expected.contains(&now.len()), "{hundredths}: {}", now.len());
            assert!(before.is_subset(&now), "{hundredths}: somebody moved back");
            before = now;
        }
        assert_eq!(chosen(&with_share(CANDIDATE, 10_000)).len(), 20_000);
        assert_eq!(chosen(&with_share(CANDIDATE, u16::MAX)).len(), 20_000);
    }

    #[test]
    fn another_candidate_is_tried_by_others() {
        let first = chosen(&with_share(CANDIDATE, 1_000));
        let second = chosen(&with_share(RevisionId(8), 1_000));
        let both = first.intersection(&second).count();
        assert!((100..=320).contains(&both), "{both} of {} and {}", first.len(), second.len());
    }

    #[test]
    fn the_same_actor_is_chosen_on_every_machine_and_in_every_version() {
        let actor = Address::new("default", "counter", "c-1").unwrap();
        assert_eq!((place_of(actor.id(), RevisionId(2)), place_of(actor.id(), RevisionId(3))), (7_806, 6_864));
    }

    #[test]
    fn named_actors_and_nobody_else() {
        let keys = ["a-3", "a-5"].map(|key| Key::new(key).unwrap()).into();
        let named = Assignment { stable: STABLE, candidate: Some((CANDIDATE, Chosen::Named(keys))) };
        let keys: Vec<String> = chosen(&named).into_iter().map(|actor| actor.key.to_string()).collect();
        assert_eq!(keys, ["a-3", "a-5"]);
        assert_eq!(named.active(), STABLE);
    }

    #[test]
    fn the_active_revision_is_the_candidate_once_everybody_is_chosen() {
        assert_eq!(with_share(CANDIDATE, 9_999).active(), STABLE);
        assert_eq!(with_share(CANDIDATE, 10_000).active(), CANDIDATE);
        assert_eq!(Assignment { stable: STABLE, candidate: None }.active(), STABLE);
    }

    #[test]
    fn percentages_are_hundredths_and_nothing_else() {
        let hundredths = |percent| Share::of_percent(percent).map(Share::hundredths);
        assert_eq!(hundredths(0.0), Some(0));
        assert_eq!(hundredths(0.01), Some(1));
        assert_eq!(hundredths(12.345), Some(1_235));
        assert_eq!(hundredths(100.0), Some(10_000));
        for wrong in [-1.0, 0.001, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(hundredths(wrong), None, "{wrong}");
        }
        assert!((Share::of_hundredths(1_235).percent() - 12.35).abs() < 1e-9);
    }

    #[test]
    fn failures_take_a_rollout_back_when_they_are_many_and_a_large_part() {
        let thresholds = Thresholds { actors: 3, percent: 10, window_ms: 1 };
        assert!(!is_failing(&thresholds, 2, 2), "too few to tell");
        assert!(is_failing(&thresholds, 3, 30));
        assert!(!is_failing(&thresholds, 3, 31), "too small a part");
        assert!(is_failing(&thresholds, 3, 0), "who failed has tried");
        assert!(!is_failing(&Thresholds { actors: 0, ..thresholds }, 1_000, 1_000), "switched off");
        assert!(is_failing(&Thresholds { percent: 0, ..thresholds }, 3, u64::MAX));
    }

    fn ramp(stages: &[Share], reached: usize) -> Ramp<'_> {
        let since = Timestamp(1_000);
        Ramp { stages, reached, since, pause_ms: 100, watch_ms: 500, is_paused: false }
    }

    #[test]
    fn a_ramp_goes_from_stage_to_stage_and_ends_when_everybody_was_watched() {
        let stages = [1, 1_000, 10_000].map(Share::of_hundredths);
        assert_eq!(ramp_step(&ramp(&stages, 0), Timestamp(1_099)), RampStep::Wait(1));
        assert_eq!(ramp_step(&ramp(&stages, 0), Timestamp(1_100)), RampStep::GoTo(1));
        assert_eq!(ramp_step(&ramp(&stages, 1), Timestamp(9_999)), RampStep::GoTo(2));
        assert_eq!(ramp_step(&ramp(&stages, 2), Timestamp(1_100)), RampStep::Wait(400));
        assert_eq!(ramp_step(&ramp(&stages, 2), Timestamp(1_500)), RampStep::Complete);
        assert_eq!(ramp_step(&ramp(&stages, 2), Timestamp(0)), RampStep::Wait(500), "a clock that went back");
    }

    #[test]
    fn a_ramp_that_ends_below_everybody_or_is_paused_stays() {
        let stages = [1, 1_000].map(Share::of_hundredths);
        assert_eq!(ramp_step(&ramp(&stages, 1), Timestamp(u64::MAX)), RampStep::Stay);
        let paused = Ramp { is_paused: true, ..ramp(&stages, 0) };
        assert_eq!(ramp_step(&paused, Timestamp(u64::MAX)), RampStep::Stay);
        assert_eq!(ramp_step(&ramp(&[], 0), Timestamp(u64::MAX)), RampStep::Stay);
    }

    #[test]
    fn settings_that_make_no_sense_are_named() {
        assert_eq!(RolloutSettings::default().problem(), None);
        for (settings, name) in [
            (RolloutSettings { failures_percent: 101, ..RolloutSettings::default() }, "failures_percent"),
            (RolloutSettings { window_ms: 0, ..RolloutSettings::default() }, "window_ms"),
            (RolloutSettings { swap_ms: 0, ..RolloutSettings::default() }, "swap_ms"),
            (RolloutSettings { swap_percent: 0, ..RolloutSettings::default() }, "swap_percent"),
            (RolloutSettings { swap_percent: 101, ..RolloutSettings::default() }, "swap_percent"),
        ] {
            assert!(settings.problem().is_some_and(|problem| problem.contains(name)), "{name}");
        }
    }
}
