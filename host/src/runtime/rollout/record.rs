//! What is durable of a kind's rollout: which revision is stable, what is being tried, and what happened before.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::decide::{Assignment, Chosen, Ramp, Share, Thresholds};
use crate::frame::codec;
use crate::provider::StoreError;
use crate::vocab::{Key, Kind, RevisionId, Tenant, Timestamp};

/// Where the records are in the catalog.
pub(super) const PREFIX: &str = "rollout/";
/// Entries of the history that are kept; the oldest go first.
const HISTORY_MAX: usize = 64;
/// Bytes of a text in the history; longer ones are cut.
const TEXT_BYTES_MAX: usize = 300;

/// What the catalog keeps of a kind's rollout. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredRollout {
    /// The first layout.
    V1(RolloutRecord),
}

/// One kind's rollout as it is stored. Revisions are given by their store-wide ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct RolloutRecord {
    pub(super) tenant: String,
    pub(super) kind: String,
    /// What actors run that no rollout has chosen.
    pub(super) stable: u32,
    /// What was stable before that; where a roll-back goes that names no revision.
    pub(super) before: Option<u32>,
    pub(super) candidate: Option<CandidateRecord>,
    /// The oldest first.
    pub(super) history: Vec<HistoryRecord>,
}

/// What is being tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CandidateRecord {
    pub(super) revision: u32,
    pub(super) whom: WhomRecord,
    pub(super) is_paused: bool,
    pub(super) began_at: u64,
    pub(super) watch_ms: u64,
    /// From how many failures on it is taken back: actors, percent, window in milliseconds.
    pub(super) thresholds: (u32, u32, u64),
}

/// Who is to run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum WhomRecord {
    /// A share that grows in stages, in hundredths of a percent.
    Share { stages: Vec<u16>, reached: u32, since: u64, pause_ms: u64 },
    /// These actors, by key.
    Named(Vec<String>),
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HistoryRecord {
    pub(super) at: u64,
    pub(super) what: WhatRecord,
    pub(super) revision: u32,
    pub(super) who: String,
    pub(super) why: String,
}

/// What happened. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum WhatRecord {
    /// The revision was made a candidate.
    Activated,
    /// Its ramp reached this share, in hundredths of a percent.
    Reached(u16),
    /// An operator stopped its ramp.
    Paused,
    /// An operator let it go on.
    Resumed,
    /// It became the stable revision.
    Completed,
    /// An operator went back to this revision.
    RolledBack,
    /// Too many actors failed on a candidate: the host went back to this revision.
    TakenBack,
}

impl WhatRecord {
    /// As text, in answers.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::Reached(_) => "reached",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Completed => "completed",
            Self::RolledBack => "rolled-back",
            Self::TakenBack => "taken-back",
        }
    }
}

impl RolloutRecord {
    pub(super) fn new(tenant: &Tenant, kind: &Kind, stable: RevisionId) -> Self {
        let (tenant, kind) = (tenant.to_string(), kind.to_string());
        Self { tenant, kind, stable: stable.0, before: None, candidate: None, history: Vec::new() }
    }

    pub(in crate::runtime) const fn stable(&self) -> RevisionId {
        RevisionId(self.stable)
    }

    pub(in crate::runtime) fn candidate(&self) -> Option<RevisionId> {
        self.candidate.as_ref().map(|candidate| RevisionId(candidate.revision))
    }

    /// Which revision each actor is to run.
    pub(super) fn assignment(&self) -> Assignment {
        let chosen = |candidate: &CandidateRecord| (RevisionId(candidate.revision), candidate.whom.chosen());
        Assignment { stable: self.stable(), candidate: self.candidate.as_ref().map(chosen) }
    }

    /// Adds to the history.
    pub(super) fn note(&mut self, at: Timestamp, what: WhatRecord, revision: u32, who: &str, why: &str) {
        let (who, why) = (cut(who), cut(why));
        self.history.push(HistoryRecord { at: at.0, what, revision, who, why });
        let over = self.history.len().saturating_sub(HISTORY_MAX);
        self.history.drain(..over);
    }

    /// The candidate becomes the stable revision. What a roll-back leaves is nowhere to go back to.
    pub(super) fn complete(&mut self) {
        let went_back = self.went_back();
        if let Some(candidate) = self.candidate.take()
            && candidate.revision != self.stable
        {
            let left = std::mem::replace(&mut self.stable, candidate.revision);
            self.before = (!went_back).then_some(left);
        }
    }

    /// Whether the last that was decided is a roll-back, by an operator or by the host: who asks for one again has it.
    pub(super) fn went_back(&self) -> bool {
        let decides =
            |what: WhatRecord| matches!(what, WhatRecord::Activated | WhatRecord::RolledBack | WhatRecord::TakenBack);
        let last = self.history.iter().rev().find(|entry| decides(entry.what));
        last.is_some_and(|entry| entry.what != WhatRecord::Activated)
    }

    /// Where the record is in the catalog.
    pub(in crate::runtime) fn place(&self) -> String {
        format!("{PREFIX}{}/{}", self.tenant, self.kind)
    }

    /// Encodes the record for the catalog.
    ///
    /// # Errors
    /// When it cannot be expressed, which its bounds exclude.
    pub(super) fn encode(&self) -> Result<Bytes, StoreError> {
        let unstorable = |reason| StoreError::Corrupt { place: self.place(), reason };
        let bytes = codec::encode(&StoredRollout::V1(self.clone()));
        bytes.map(Bytes::from).map_err(|error| unstorable(error.to_string()))
    }

    /// # Errors
    /// When the bytes are not a record, or do not belong to the place where they were found.
    pub(super) fn decode(place: &str, bytes: &[u8]) -> Result<(Tenant, Kind, Self), StoreError> {
        let corrupt = |reason: String| StoreError::Corrupt { place: format!("catalog record {place}"), reason };
        let StoredRollout::V1(record) = codec::decode(bytes).map_err(|error| corrupt(error.to_string()))?;
        let tenant = Tenant::new(record.tenant.clone()).map_err(|error| corrupt(error.to_string()))?;
        let kind = Kind::new(record.kind.clone()).map_err(|error| corrupt(error.to_string()))?;
        if record.place() != place {
            return Err(corrupt("it is of another kind".to_owned()));
        }
        Ok((tenant, kind, record))
    }
}

/// Where the records of a tenant are in the catalog.
pub(super) fn prefix(tenant: &Tenant) -> String {
    format!("{PREFIX}{tenant}/")
}

impl CandidateRecord {
    /// The stage that it is at, or its watch, begins now.
    pub(super) fn watch_from(&mut self, now: Timestamp) {
        if let WhomRecord::Share { since, .. } = &mut self.whom {
            *since = now.0;
        }
    }

    pub(super) const fn thresholds(&self) -> Thresholds {
        let (actors, percent, window_ms) = self.thresholds;
        Thresholds { actors, percent, window_ms }
    }

    /// Whether every actor of the kind is to run it.
    pub(super) fn is_for_all(&self) -> bool {
        self.whom.chosen() == Chosen::Share(Share::ALL)
    }

    /// What its ramp does next is decided with this; `None`: named actors have no ramp.
    pub(super) fn with_ramp<T>(&self, decide: impl FnOnce(&Ramp<'_>) -> T) -> Option<T> {
        let WhomRecord::Share { stages, reached, since, pause_ms } = &self.whom else { return None };
        let stages: Vec<Share> = stages.iter().map(|stage| Share::of_hundredths(*stage)).collect();
        Some(decide(&Ramp {
            stages: &stages,
            reached: usize::try_from(*reached).unwrap_or(usize::MAX),
            since: Timestamp(*since),
            pause_ms: *pause_ms,
            watch_ms: self.watch_ms,
            is_paused: self.is_paused,
        }))
    }
}

impl WhomRecord {
    pub(super) fn chosen(&self) -> Chosen {
        match self {
            Self::Share { stages, reached, .. } => {
                let reached = usize::try_from(*reached).unwrap_or(usize::MAX);
                Chosen::Share(Share::of_hundredths(stages.get(reached).copied().unwrap_or(0)))
            }
            // What is no key is the key of nobody.
            Self::Named(keys) => Chosen::Named(keys.iter().filter_map(|key| Key::new(key.clone()).ok()).collect()),
        }
    }
}

/// A text, cut to what is kept of it.
pub(super) fn cut(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// Bytes of the catalog are a record or an error; see `fuzzing`.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz_rollout(bytes: &[u8]) {
    let Ok(stored) = codec::decode::<StoredRollout>(bytes) else { return };
    let again = codec::encode(&stored).ok().and_then(|bytes| codec::decode::<StoredRollout>(&bytes).ok());
    assert!(again.is_some_and(|again| again == stored), "a rollout is not read as it is written");
    let StoredRollout::V1(mut record) = stored;
    let actor = crate::vocab::Address::new("t", "k", "a").ok();
    if let Some(actor) = actor {
        let assigned = record.assignment().of(actor.id(), &actor.key);
        assert!(assigned == record.stable() || Some(assigned) == record.candidate(), "{assigned}");
    }
    let _next = record.candidate.as_ref().map(|candidate| {
        let step = candidate.with_ramp(|ramp| crate::decide::ramp_step(ramp, Timestamp(1)));
        (step, candidate.thresholds(), candidate.is_for_all())
    });
    record.complete();
    record.note(Timestamp(1), WhatRecord::Completed, record.stable, "", "");
    assert!(record.candidate.is_none() && record.history.len() <= HISTORY_MAX.max(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> RolloutRecord {
        RolloutRecord {
            tenant: "acme".to_owned(),
            kind: "counter".to_owned(),
            stable: 3,
            before: Some(2),
            candidate: Some(CandidateRecord {
                revision: 9,
                whom: WhomRecord::Share { stages: vec![100, 10_000], reached: 1, since: 500, pause_ms: 30_000 },
                is_paused: true,
                began_at: 400,
                watch_ms: 60_000,
                thresholds: (10, 5, 1_000),
            }),
            history: vec![HistoryRecord {
                at: 400,
                what: WhatRecord::Reached(100),
                revision: 9,
                who: "anyone".to_owned(),
                why: "try".to_owned(),
            }],
        }
    }

    /// Bytes as they lie in catalogs. A change that fails here breaks them; a new layout is a new variant.
    #[test]
    fn the_stored_layout_does_not_change() {
        let bytes = record().encode().unwrap();
        let expected = b"\0\x04acme\x07counter\x03\x01\x02\x01\x09\0\x02\x64\xfb\x10\x27\x01\xfb\xf4\x01\xfb\x30\x75\
            \x01\xfb\x90\x01\xfb\x60\xea\x0a\x05\xfb\xe8\x03\x01\xfb\x90\x01\x01\x64\x09\x06anyone\x03try";
        assert_eq!(bytes.as_ref(), expected);
        let (tenant, kind, again) = RolloutRecord::decode("rollout/acme/counter", expected).unwrap();
        assert_eq!((tenant.as_str(), kind.as_str(), again), ("acme", "counter", record()));
        assert!(RolloutRecord::decode("rollout/acme/other", expected).is_err(), "of another kind");
        let named = RolloutRecord {
            candidate: Some(CandidateRecord {
                whom: WhomRecord::Named(vec!["a".to_owned()]),
                ..record().candidate.unwrap()
            }),
            ..record()
        };
        let bytes = named.encode().unwrap();
        assert_eq!(RolloutRecord::decode("rollout/acme/counter", &bytes).unwrap().2, named);
    }

    #[test]
    fn a_candidate_that_is_completed_is_stable_and_what_was_is_remembered() {
        let mut record = record();
        record.complete();
        assert_eq!((record.stable, record.before, record.candidate.is_none()), (9, Some(3), true));
        record.complete();
        assert_eq!((record.stable, record.before), (9, Some(3)), "once is enough");
    }

    #[test]
    fn the_history_is_bounded_and_its_texts_are() {
        let mut record = record();
        for at in 0..200 {
            record.note(Timestamp(at), WhatRecord::Paused, 1, "anyone", &"ü".repeat(1_000));
        }
        assert_eq!((record.history.len(), record.history.last().map(|last| last.at)), (HISTORY_MAX, Some(199)));
        assert!(record.history.iter().all(|entry| entry.why.len() <= TEXT_BYTES_MAX));
    }
}
