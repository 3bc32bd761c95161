//! What people see of a rollout.

use serde::Serialize;
use utoipa::ToSchema;

use super::PauseView;
use super::record::{CandidateRecord, HistoryRecord, WhatRecord, WhomRecord};
use super::state::Held;
use crate::decide::Share;
use crate::runtime::deployment::Deployment;
use crate::vocab::{RevisionId, Timestamp};

/// A kind's rollout: which revision actors are to run, how far they are, and what happened before.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RolloutView {
    /// Of which kind.
    pub kind: String,
    /// The revision that actors run which no rollout has chosen.
    pub stable: u32,
    /// The revision that is being tried; `None`: none is.
    pub candidate: Option<CandidateView>,
    /// Live actors by the revision that they run.
    pub live: Vec<LiveView>,
    /// Live actors that do not run yet what they are to run.
    pub behind: u64,
    /// Live actors that changed over since the rollout began, or the host started.
    pub moved: u64,
    /// Actors that ran the candidate or failed to, in the same time.
    pub tried: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// How long live actors paused while they changed over; `None`: none did.
    pub pause: Option<PauseView>,
    /// Actors that stay on another revision than they are assigned, because that did not bear them.
    pub held_actors: u64,
    /// The first hundred of them, by key.
    pub held: Vec<HeldView>,
    /// What happened, the oldest first; the newest 64 entries are kept.
    pub history: Vec<RolloutEntry>,
}

/// A revision that is being tried.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CandidateView {
    /// Its number.
    pub revision: u32,
    /// The share of actors that is to run it, percent; `None`: actors were named.
    pub percent: Option<f64>,
    /// The shares that its ramp goes through, percent; empty: actors were named.
    pub stages: Vec<f64>,
    /// How long it stays at each, milliseconds.
    pub pause_ms: u64,
    /// Since when it is at this share, milliseconds since the Unix epoch.
    #[schema(value_type = u64)]
    pub since: Timestamp,
    /// The actors that were named.
    pub actors: Vec<String>,
    /// An operator stopped its ramp.
    pub paused: bool,
    /// When it was activated, milliseconds since the Unix epoch.
    #[schema(value_type = u64)]
    pub began_at: Timestamp,
    /// So many actors must fail on it before it is taken back; 0: never.
    pub failures_actors: u32,
    /// … and so many percent of those that tried it.
    pub failures_percent: u32,
    /// Older failures do not count, milliseconds.
    pub window_ms: u64,
}

/// How many live actors run a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct LiveView {
    /// Its number.
    pub revision: u32,
    /// How many run it.
    pub actors: u64,
}

/// An actor that stays on another revision than it is assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldView {
    /// Which actor.
    pub key: String,
    /// The revision that did not bear it.
    pub refused: u32,
    /// The revision that it runs instead.
    pub on: u32,
    /// Since when, milliseconds since the Unix epoch.
    #[schema(value_type = u64)]
    pub since: Timestamp,
    /// The stable code of the reason.
    pub code: String,
    /// The reason in words.
    pub reason: String,
}

/// One thing that happened in a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RolloutEntry {
    /// When, milliseconds since the Unix epoch.
    #[schema(value_type = u64)]
    pub at: Timestamp,
    /// `activated`, `reached`, `paused`, `resumed`, `completed`, `rolled-back` (by an operator) or `taken-back` (by the host).
    pub what: String,
    /// Which revision: the one that was activated, or the one that actors went back to.
    pub revision: u32,
    /// The share that was reached, percent.
    pub percent: Option<f64>,
    /// Who: the id of a key, `anyone` on a server without keys; empty: the host.
    pub who: String,
    /// Why, in words; may be empty.
    pub why: String,
}

impl CandidateView {
    pub(super) fn of(record: &CandidateRecord, deployment: &Deployment) -> Self {
        let percent = |hundredths: &u16| Share::of_hundredths(*hundredths).percent();
        let (stages, reached, since, pause_ms, actors) = match &record.whom {
            WhomRecord::Share { stages, reached, since, pause_ms } => {
                let reached = usize::try_from(*reached).ok().and_then(|at| stages.get(at)).map(percent);
                (stages.iter().map(percent).collect(), reached, *since, *pause_ms, Vec::new())
            }
            WhomRecord::Named(keys) => (Vec::new(), None, record.began_at, 0, keys.clone()),
        };
        let (failures_actors, failures_percent, window_ms) = record.thresholds;
        Self {
            revision: number(deployment, record.revision),
            percent: reached,
            stages,
            pause_ms,
            since: Timestamp(since),
            actors,
            paused: record.is_paused,
            began_at: Timestamp(record.began_at),
            failures_actors,
            failures_percent,
            window_ms,
        }
    }
}

impl HeldView {
    pub(super) fn of(held: &Held, deployment: &Deployment) -> Self {
        Self {
            key: held.key.to_string(),
            refused: number(deployment, held.refused.0),
            on: number(deployment, held.on.0),
            since: held.since,
            code: held.code.to_string(),
            reason: held.reason.clone(),
        }
    }
}

impl RolloutEntry {
    pub(super) fn of(record: &HistoryRecord, deployment: &Deployment) -> Self {
        let percent = match record.what {
            WhatRecord::Reached(hundredths) => Some(Share::of_hundredths(hundredths).percent()),
            _ => None,
        };
        Self {
            at: Timestamp(record.at),
            what: record.what.label().to_owned(),
            revision: number(deployment, record.revision),
            percent,
            who: record.who.clone(),
            why: record.why.clone(),
        }
    }
}

fn number(deployment: &Deployment, id: u32) -> u32 {
    deployment.number_of(RevisionId(id)).unwrap_or_default()
}
