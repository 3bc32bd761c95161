//! What people and programs may see of actors and deployments.

use serde::{Deserialize, Serialize};

use crate::actor::{Phase, RecoveryProgress};
use crate::sandbox::{Manifest, RevisionDiff};
use crate::vocab::{Sequence, Timestamp};

/// The status of one actor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActorStatus {
    /// Whose.
    pub tenant: String,
    /// Of which kind.
    pub kind: String,
    /// Which one.
    pub key: String,
    /// The highest durable event number.
    pub sequence: Sequence,
    /// The newest snapshot's number; `None` without a snapshot.
    pub snapshot_sequence: Option<Sequence>,
    /// Events up to here are deleted.
    pub deleted_through: Sequence,
    /// The revision it runs, or would run.
    pub revision: u32,
    /// Where it is in its life.
    pub phase: Phase,
    /// Commands that wait in its mailbox.
    pub mailbox: usize,
    /// Events that replays leave out, as an operator decided.
    pub skipped_events: Vec<Sequence>,
    /// Progress of the recovery that is running, or figures of the last one.
    pub recovery: Option<RecoveryProgress>,
}

/// One event, rendered for people.
#[derive(Debug, Clone, Serialize)]
pub struct EventView {
    /// Its number.
    pub sequence: Sequence,
    /// Its type's name.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Its type's version.
    pub version: u16,
    /// The turn's time.
    pub time: Timestamp,
    /// The revision number that wrote it.
    pub revision: u32,
    /// Its payload as the component renders it.
    pub payload: Box<serde_json::value::RawValue>,
    /// Replays leave it out, as an operator decided.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
}

/// State as of a sequence number.
#[derive(Debug, Clone, Serialize)]
pub struct StateView {
    /// Events `1..=sequence` are folded in.
    pub sequence: Sequence,
    /// The revision number that rendered it.
    pub revision: u32,
    /// The state as the component renders it.
    pub state: Box<serde_json::value::RawValue>,
}

/// One deployed version of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeployedRevision {
    /// Of which kind.
    pub kind: String,
    /// 1 for the first deploy of the kind.
    pub revision: u32,
    /// BLAKE3 of the component, hexadecimal.
    pub digest: String,
    /// Bytes of the component.
    pub component_bytes: u64,
    /// When it was deployed.
    pub deployed_at: Timestamp,
    /// Whether new activations use it.
    pub active: bool,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What it changes, in the answer of the deploy that made it active; `None` elsewhere, and if that changed nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Box<RevisionDiff>>,
}

/// A revision of a kind, and who needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevisionView {
    /// The revision.
    #[serde(flatten)]
    pub revision: DeployedRevision,
    /// Whether a rollout is trying it.
    pub candidate: bool,
    /// Live actors that run it.
    pub live_actors: u64,
    /// What is kept of it; `None`: the journals were not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptView>,
}

/// What is kept of a revision: the first that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptView {
    /// What it is.
    pub what: KeptWhat,
    /// Whose, by key.
    pub actor: Option<String>,
    /// The number of the event, or of the snapshot.
    pub sequence: Option<Sequence>,
}

/// What can be kept of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptWhat {
    /// Nothing: it may be removed, if nobody runs it.
    Nothing,
    /// Events or records that it wrote.
    Frame,
    /// A snapshot that it took.
    Snapshot,
    /// Something may be: a journal cannot be read.
    Unknown,
}

/// What a deploy of a component would come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// BLAKE3 of the component, hexadecimal.
    pub digest: String,
    /// Bytes of the component.
    pub component_bytes: u64,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Whether a deploy would make it the active revision.
    pub accepted: bool,
    /// The number of the revision that has these bytes already; `None`: it would be a new one.
    pub revision: Option<u32>,
    /// Why a deploy would refuse it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// What it changes.
    pub diff: RevisionDiff,
}

/// Guest calls of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GuestCalls {
    /// How many run.
    pub running: usize,
    /// How many wait for CPU, to begin or to go on.
    pub waiting: usize,
    /// How many may run at the same time.
    pub max: usize,
}
