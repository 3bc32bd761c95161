//! What a look at every stored byte finds, and how it is told. The embedded log's is in `log/verify`.

use std::fmt;

use serde::{Serialize, Serializer};
use tokio::sync::mpsc;

use super::StoreError;
use crate::vocab::{ActorId, Code, Sequence};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Nothing is wrong with what is stored.
    Note,
    /// No stored data is known to be lost, but something is as it should never be.
    Suspicious,
    /// Stored data is damaged or missing.
    Corrupt,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $severity:ident $next:literal,)*) => {
        /// What is wrong. The names are stable, as scripts read them: `docs/verify.md` has a line for each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum FindingKind {
            $($(#[$doc])* $name,)*
        }

        impl FindingKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// What to do next.
            #[must_use]
            pub const fn next(self) -> &'static str {
                match self { $(Self::$name => $next,)* }
            }
        }
    };
}

kinds! {
    /// The header of a segment in use fails its checksum or contradicts the file's name.
    SegmentHeader Corrupt "copy the directory, check the disk, restore this file from a backup",
    /// The segment belongs to another store.
    SegmentForeign Corrupt "take the file away if it came from another store; restore the right one from a backup",
    /// A segment that was never given up is not there.
    SegmentMissing Corrupt "restore the file from a backup of the same store",
    /// The system refuses to read it.
    SegmentUnreadable Corrupt "copy what can be copied, check the disk, restore this file from a backup",
    /// A segment that was prepared and never used.
    SegmentUnused Note "nothing; the next start removes it",
    /// A segment that was given up, and not removed yet.
    SegmentLeft Note "nothing; it is removed by and by",
    /// A file that is not the store's.
    ForeignFile Note "take it away; only the store's own files belong here",
    /// No sound batch stands where one should.
    BatchHeader Corrupt "copy the directory, check the disk, restore this file from a backup",
    /// A batch fails its checksum.
    BatchChecksum Corrupt "copy the directory, check the disk, restore this file from a backup",
    /// Batch numbers are skipped.
    BatchMissing Corrupt "copy the directory, check the disk, restore this file from a backup",
    /// A batch stands behind a later one.
    BatchOrder Corrupt "copy the directory and report this: it was written like that, or files were mixed",
    /// A sound batch speaks of more or fewer records than it has.
    BatchRecords Suspicious "copy the directory and report this: it was written like that",
    /// A batch calls something durable that it cannot know, or forgets what an earlier one knew.
    BatchVouching Suspicious "copy the directory and report this: it was written like that",
    /// An unfinished write at the very end of the log.
    TornTail Note "nothing; the next start cuts it off",
    /// The log ends before what its index covers, which was durable.
    LogCutShort Corrupt "restore the newest files from a backup, or delete the directory index to go on without what is missing",
    /// Bytes are not zero where nothing was ever written.
    NotZero Suspicious "check the disk: bytes changed that nobody wrote; no stored data lies there",
    /// A record fails its checksum or contradicts itself.
    RecordDamaged Corrupt "restore this file from a backup; the other records of the batch are listed only if damaged",
    /// A record of a kind that its segment's format does not have.
    RecordFormat Suspicious "copy the directory and report this: it was written like that",
    /// A frame fails a checksum or contradicts itself.
    FrameDamaged Corrupt "restore this file from a backup; the actor cannot be recovered past this sequence",
    /// An address whose hash is not the id beside it.
    AddressMismatch Corrupt "restore this file from a backup; the actor cannot be found by its name",
    /// Records of an actor that no record introduces.
    AddressMissing Corrupt "restore the store from a backup; nobody can say whose records these are",
    /// An actor's journal skips sequence numbers.
    JournalGap Corrupt "restore the store from a backup; the actor cannot be recovered past the gap",
    /// An event is stored twice and neither is a copy.
    JournalOverlap Corrupt "restore the store from a backup; two writers, or mixed files",
    /// Events are deleted that the journal never had.
    DeletedAheadOfJournal Suspicious "restore the store from a backup: the journal's end is missing",
    /// Events are deleted and no snapshot covers them.
    DeletedUncovered Note "nothing if the deletion was forced; else the actor's state cannot be rebuilt",
    /// A snapshot is ahead of its journal.
    SnapshotAhead Corrupt "restore the store from a backup: events that the snapshot holds are missing",
    /// A snapshot that should exist is stored nowhere.
    SnapshotMissing Corrupt "restore the store from a backup, or let the actor recover from an older snapshot",
    /// The index cannot be read.
    IndexUnreadable Suspicious "no data is lost: stop the server and delete the directory index; the next start rebuilds it",
    /// An entry of the index does not say what the log says.
    IndexWrong Suspicious "no data is lost: stop the server and delete the directory index; the next start rebuilds it",
    /// Something live in the log is not in the index.
    IndexMissing Suspicious "no data is lost: stop the server and delete the directory index; the next start rebuilds it",
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One thing that is not as it should be. What is not known is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub kind: FindingKind,
    /// The file's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The segment's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<u64>,
    /// Bytes from the start of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Whose record it is, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hexadecimal")]
    pub actor: Option<ActorId>,
    /// The actor's address: tenant/kind/key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The sequence number of the first event, or of the snapshot, that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Sequence>,
    /// What is wrong, as a sentence.
    pub what: String,
    /// What to do next.
    pub next: &'static str,
}

fn hexadecimal<S: Serializer>(actor: &Option<ActorId>, serializer: S) -> Result<S::Ok, S::Error> {
    match actor {
        Some(actor) => serializer.collect_str(actor),
        None => serializer.serialize_none(),
    }
}

impl Finding {
    /// A finding about no place in particular.
    #[must_use]
    pub fn new(kind: FindingKind, what: impl Into<String>) -> Self {
        Self {
            severity: kind.severity(),
            kind,
            file: None,
            segment: None,
            offset: None,
            actor: None,
            address: None,
            sequence: None,
            what: what.into(),
            next: kind.next(),
        }
    }
}

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// The walk over the store that is under way; the first is 1.
    pub pass: u64,
    /// How many there will be, as far as is known.
    pub passes: u64,
    /// Bytes walked in this pass.
    pub bytes: u64,
    /// Bytes of all segments.
    pub total_bytes: u64,
}

/// How the store was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VerifyMode {
    /// Nobody had the store open.
    Offline,
    /// Beside the process that has it open, by reading its files.
    Online,
    /// By the process that has it open.
    Server,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifySummary {
    /// Nothing but notes was found, and the walk came to its end.
    pub sound: bool,
    /// The walk came to its end.
    pub complete: bool,
    /// How it was looked at.
    pub mode: VerifyMode,
    /// Findings of each severity.
    pub corrupt: u64,
    /// Findings of each severity.
    pub suspicious: u64,
    /// Findings of each severity.
    pub notes: u64,
    /// Segment files walked.
    pub segments: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Sound batches.
    pub batches: u64,
    /// Sound records of every kind.
    pub records: u64,
    /// Sound frames, copies included.
    pub frames: u64,
    /// Events in them, copies included.
    pub events: u64,
    /// Sound snapshot records, replaced and deleted ones included.
    pub snapshots: u64,
    /// Sound catalog records, replaced ones included.
    pub catalog_records: u64,
    /// Actors of whom anything is stored.
    pub actors: u64,
    /// Entries of the index that were compared; none: the index was not looked at.
    pub index_entries: Option<u64>,
    /// Why the index was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_skipped: Option<String>,
    /// Walks over the store; more than one when there are more actors than fit the memory it may use.
    pub passes: u64,
}

/// One line of a verification; as JSON, `type` says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum VerifyLine {
    /// How far it has come.
    Progress(VerifyProgress),
    /// Something that is not as it should be.
    Finding(Box<Finding>),
    /// The end.
    Summary(Box<VerifySummary>),
}

/// The lines of a verification under way. Dropping it ends the verification.
#[derive(Debug)]
pub struct VerifyFeed {
    lines: mpsc::Receiver<Result<VerifyLine, StoreError>>,
}

impl VerifyFeed {
    /// What a verification tells through the other end. An error must be the last.
    #[must_use]
    pub const fn new(lines: mpsc::Receiver<Result<VerifyLine, StoreError>>) -> Self {
        Self { lines }
    }

    /// The next line; `None` at the end. Without a summary before it, the verification did not come to its end.
    ///
    /// # Errors
    /// When the store could not be looked at.
    pub async fn next(&mut self) -> Result<Option<VerifyLine>, StoreError> {
        self.lines.recv().await.transpose()
    }
}

/// Why a verification does not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyRefusal {
    /// This provider has no verification.
    #[error("this store cannot verify itself; only the log can")]
    Unsupported,
    /// One is under way: a second would only take the disk from it.
    #[error("this store is being verified already; wait for the end of that")]
    UnderWay,
    /// The store is closed, or the system gives no thread.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

impl VerifyRefusal {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unsupported => Code::InvalidRequest,
            Self::UnderWay => Code::VerifyUnderWay,
            Self::Failed(error) => error.code(),
        }
    }
}
