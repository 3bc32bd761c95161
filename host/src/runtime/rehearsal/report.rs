//! What a rehearsal tells, line by line. As JSON, `type` says what a line is; members that do not apply are left out.

use serde::{Deserialize, Serialize};

use super::ReplayFrom;
use crate::decide::{Difference, Differences};
use crate::vocab::{Sequence, Timestamp};

/// One line of a rehearsal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RehearsalLine {
    /// The first: what is compared.
    Start(Box<RehearsalStart>),
    /// How far it has come.
    Progress(Box<RehearsalProgress>),
    /// Something that is not the same.
    Finding(Box<RehearsalFinding>),
    /// Something worth knowing that is not wrong with the candidate.
    Note(Box<RehearsalNote>),
    /// The last.
    Summary(Box<RehearsalSummary>),
    /// What a newer server tells.
    #[serde(other)]
    Other,
}

/// What is compared with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RehearsalStart {
    /// Whose actors.
    pub tenant: String,
    /// Of which kind.
    pub kind: String,
    /// The number of the active revision.
    pub active_revision: u32,
    /// BLAKE3 of its component, hexadecimal.
    pub active_digest: String,
    /// BLAKE3 of the candidate, hexadecimal.
    pub candidate_digest: String,
    /// Which actors were asked for.
    pub chosen: String,
    /// From where their histories are replayed.
    pub from: ReplayFrom,
    /// Whether recorded commands are handled again.
    #[serde(default)]
    pub commands: bool,
    /// The key behind which it begins; `None`: at the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Actors of the kind.
    pub actors_of_kind: u64,
    /// Those that are looked at, behind `after`.
    pub actors_total: u64,
}

/// How many came out how. An actor counts once, with the worst that was found of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RehearsalCounts {
    /// Actors that were looked at.
    pub actors: u64,
    /// Both revisions give them the same state.
    pub same: u64,
    /// The states differ.
    pub differs: u64,
    /// The candidate cannot replay their events.
    pub cannot_replay: u64,
    /// The candidate takes longer than a recovery may.
    pub too_slow: u64,
    /// The active revision cannot replay them itself.
    pub active_fails: u64,
    /// Something was in the way that is neither revision's fault.
    pub not_looked_at: u64,
    /// Findings beyond those that are told.
    pub findings_untold: u64,
    /// Things worth knowing.
    pub notes: u64,
    /// Notes beyond those that are told.
    pub notes_untold: u64,
    /// Recorded commands that were to be handled again.
    pub commands: u64,
    /// Those to which both revisions answered the same.
    pub commands_same: u64,
    /// Those to which they did not.
    pub commands_differ: u64,
    /// Those whose state of then is gone.
    pub commands_passed_over: u64,
    /// Events that were replayed, by both.
    pub events: u64,
    /// Milliseconds of recoveries on the active revision.
    pub active_ms: u64,
    /// Milliseconds of the same recoveries on the candidate.
    pub candidate_ms: u64,
}

impl RehearsalCounts {
    /// Counts an actor.
    pub(super) fn count(&mut self, verdict: Option<RehearsalVerdict>) {
        let of = match verdict {
            None => &mut self.same,
            Some(RehearsalVerdict::AnswersDiffer | RehearsalVerdict::Differs) => &mut self.differs,
            Some(RehearsalVerdict::CannotReplay) => &mut self.cannot_replay,
            Some(RehearsalVerdict::TooSlow) => &mut self.too_slow,
            Some(RehearsalVerdict::ActiveFails) => &mut self.active_fails,
            Some(RehearsalVerdict::NotLookedAt) => &mut self.not_looked_at,
        };
        *of = of.saturating_add(1);
        self.actors = self.actors.saturating_add(1);
    }

    /// These and those of an earlier part of the same rehearsal.
    #[must_use]
    pub const fn and(&self, earlier: &Self) -> Self {
        Self {
            actors: self.actors.saturating_add(earlier.actors),
            same: self.same.saturating_add(earlier.same),
            differs: self.differs.saturating_add(earlier.differs),
            cannot_replay: self.cannot_replay.saturating_add(earlier.cannot_replay),
            too_slow: self.too_slow.saturating_add(earlier.too_slow),
            active_fails: self.active_fails.saturating_add(earlier.active_fails),
            not_looked_at: self.not_looked_at.saturating_add(earlier.not_looked_at),
            commands: self.commands.saturating_add(earlier.commands),
            commands_same: self.commands_same.saturating_add(earlier.commands_same),
            commands_differ: self.commands_differ.saturating_add(earlier.commands_differ),
            commands_passed_over: self.commands_passed_over.saturating_add(earlier.commands_passed_over),
            findings_untold: self.findings_untold.saturating_add(earlier.findings_untold),
            notes: self.notes.saturating_add(earlier.notes),
            notes_untold: self.notes_untold.saturating_add(earlier.notes_untold),
            events: self.events.saturating_add(earlier.events),
            active_ms: self.active_ms.saturating_add(earlier.active_ms),
            candidate_ms: self.candidate_ms.saturating_add(earlier.candidate_ms),
        }
    }

    /// Whether every actor came out the same, and every command.
    #[must_use]
    pub const fn are_all_same(&self) -> bool {
        self.same == self.actors && self.commands_differ == 0
    }
}

/// How far a rehearsal has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RehearsalProgress {
    /// The last actor that was looked at: a rehearsal that is broken off goes on behind it.
    pub after: String,
    /// Actors to be looked at, as far as is known.
    pub actors_total: u64,
    /// What was found so far.
    #[serde(flatten)]
    pub counts: RehearsalCounts,
    /// Since the beginning, milliseconds.
    pub elapsed_ms: u64,
    /// Until the end at this rate, milliseconds.
    pub remaining_ms: u64,
}

/// What was found, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RehearsalVerdict {
    /// The revisions answer a command differently.
    AnswersDiffer,
    /// The states differ.
    Differs,
    /// The candidate cannot replay the events, and the active revision can.
    CannotReplay,
    /// The candidate takes longer than a recovery may.
    TooSlow,
    /// The active revision cannot replay the events itself.
    ActiveFails,
    /// Something was in the way that is neither revision's fault.
    NotLookedAt,
}

impl RehearsalVerdict {
    /// For people.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::AnswersDiffer => "answers differ",
            Self::Differs => "differs",
            Self::CannotReplay => "cannot replay",
            Self::TooSlow => "too slow",
            Self::ActiveFails => "the active revision fails",
            Self::NotLookedAt => "not looked at",
        }
    }

    /// As it is written in JSON, and as the label of its metric.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::AnswersDiffer => "answers_differ",
            Self::Differs => "differs",
            Self::CannotReplay => "cannot_replay",
            Self::TooSlow => "too_slow",
            Self::ActiveFails => "active_fails",
            Self::NotLookedAt => "not_looked_at",
        }
    }
}

/// One way in which an actor is not the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RehearsalFinding {
    /// Which actor.
    pub key: String,
    /// Its state as of this event.
    pub sequence: Sequence,
    /// What was found.
    pub verdict: RehearsalVerdict,
    /// From where its history was replayed.
    pub from: ReplayFrom,
    /// The command that was handled again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<RehearsedCommand>,
    /// The snapshot that the candidate started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Sequence>,
    /// Where the states differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Differences beyond those.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub differences_untold: u64,
    /// How the candidate failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<RehearsalFailure>,
    /// How the active revision failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<RehearsalFailure>,
    /// How long the active revision took, milliseconds.
    #[serde(default)]
    pub active_ms: u64,
    /// How long the candidate took, milliseconds.
    #[serde(default)]
    pub candidate_ms: u64,
    /// How long a recovery may take, milliseconds; where that was passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl RehearsalFinding {
    /// One without any detail.
    pub(super) const fn blank(key: String, sequence: Sequence, verdict: RehearsalVerdict, from: ReplayFrom) -> Self {
        Self {
            key,
            sequence,
            verdict,
            from,
            command: None,
            snapshot: None,
            differences: Vec::new(),
            differences_untold: 0,
            candidate: None,
            active: None,
            active_ms: 0,
            candidate_ms: 0,
            limit_ms: None,
        }
    }

    /// The same with where two states differ.
    pub(super) fn with_differences(self, differences: Differences) -> Self {
        Self { differences: differences.listed, differences_untold: differences.more, ..self }
    }
}

/// A recorded command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RehearsedCommand {
    /// Its name.
    pub name: String,
    /// When it was handled.
    pub time: Timestamp,
    /// Who sent it, in words.
    pub from: String,
    /// Its payload as JSON text, cut if it is long.
    pub payload: String,
}

/// How a revision failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RehearsalFailure {
    /// The stable code.
    pub code: String,
    /// What happened.
    pub reason: String,
    /// The event at which it failed, or the first of those it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Sequence>,
    /// The last of those it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_last: Option<Sequence>,
    /// Type and version of that event, `name v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
}

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RehearsalNote {
    /// Which actor.
    pub key: String,
    /// What it is.
    pub note: RehearsalNoteKind,
    /// The snapshot that it is about.
    pub snapshot: Sequence,
    /// In words.
    pub what: String,
}

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RehearsalNoteKind {
    /// The candidate does not use a snapshot that the active revision uses: it replays more events.
    SnapshotPassedOver,
    /// The active revision's own snapshot is not what its events give.
    Drifted,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RehearsalSummary {
    /// Every actor came out the same.
    pub all_same: bool,
    /// How many came out how.
    #[serde(flatten)]
    pub counts: RehearsalCounts,
    /// From the beginning to the end, milliseconds.
    pub elapsed_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written_and_newer_ones_passed_over() {
        let counts = RehearsalCounts { actors: 3, same: 2, differs: 1, ..RehearsalCounts::default() };
        let progress =
            RehearsalProgress { after: "c".to_owned(), actors_total: 9, counts, elapsed_ms: 1, remaining_ms: 2 };
        let finding = RehearsalFinding {
            key: "a".to_owned(),
            sequence: Sequence(7),
            verdict: RehearsalVerdict::CannotReplay,
            from: ReplayFrom::First,
            active_ms: 1,
            ..RehearsalFinding::blank(String::new(), Sequence::ZERO, RehearsalVerdict::Differs, ReplayFrom::Both)
        };
        for line in [RehearsalLine::Progress(Box::new(progress)), RehearsalLine::Finding(Box::new(finding))] {
            let text = serde_json::to_string(&line).unwrap();
            assert!(!text.contains("null") && !text.contains("snapshot"), "{text}");
            assert_eq!(serde_json::from_str::<RehearsalLine>(&text).unwrap(), line);
        }
        let newer: RehearsalLine = serde_json::from_str(r#"{"type":"weather","of":1}"#).unwrap();
        assert_eq!(newer, RehearsalLine::Other);
    }

    #[test]
    fn every_verdict_counts_once_and_its_label_is_its_name() {
        let mut counts = RehearsalCounts::default();
        counts.count(None);
        assert!(counts.are_all_same());
        for verdict in [
            RehearsalVerdict::Differs,
            RehearsalVerdict::CannotReplay,
            RehearsalVerdict::TooSlow,
            RehearsalVerdict::ActiveFails,
            RehearsalVerdict::NotLookedAt,
        ] {
            counts.count(Some(verdict));
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.label());
            assert_eq!(serde_json::to_value(counts).unwrap()[verdict.label()], 1);
        }
        assert_eq!((counts.actors, counts.same), (6, 1));
        assert!(!counts.are_all_same());
        assert_eq!(counts.and(&counts).actors, 12);
    }
}
