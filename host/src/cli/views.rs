//! The server's answers as far as tables show them. Members that a newer server adds are ignored here and printed by
//! `--json`, which passes answers on as they came.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::runtime::KeptView;
use crate::sandbox::RevisionDiff;

#[derive(Debug, Deserialize)]
pub(super) struct Kinds {
    pub(super) kinds: Vec<Revision>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Revisions {
    pub(super) revisions: Vec<Revision>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Revision {
    pub(super) kind: String,
    pub(super) revision: u32,
    pub(super) digest: String,
    pub(super) component_bytes: u64,
    pub(super) deployed_at: u64,
    pub(super) active: bool,
    pub(super) manifest: crate::sandbox::Manifest,
    #[serde(default)]
    pub(super) candidate: bool,
    #[serde(default)]
    pub(super) live_actors: u64,
    /// Where the journals were asked.
    pub(super) kept: Option<KeptView>,
    /// In the answer of a deploy.
    pub(super) diff: Option<Box<RevisionDiff>>,
}

/// The answer to `:check`.
#[derive(Debug, Deserialize)]
pub(super) struct Checked {
    pub(super) revision: Option<u32>,
    pub(super) refusal: Option<String>,
    pub(super) diff: RevisionDiff,
}

#[derive(Debug, Deserialize)]
pub(super) struct Actors {
    pub(super) actors: Vec<Actor>,
    pub(super) next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Actor {
    pub(super) key: String,
    pub(super) sequence: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) sequence: u64,
    pub(super) snapshot_sequence: Option<u64>,
    pub(super) deleted_through: u64,
    pub(super) revision: u32,
    pub(super) phase: String,
    pub(super) mailbox: u64,
    #[serde(default)]
    pub(super) skipped_events: Vec<u64>,
    pub(super) recovery: Option<Recovery>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Recovery {
    pub(super) from_snapshot: Option<u64>,
    pub(super) events_done: u64,
    pub(super) events_total: u64,
    pub(super) events_per_second: f64,
    pub(super) elapsed_ms: f64,
    pub(super) remaining_ms: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct State {
    pub(super) sequence: u64,
    pub(super) revision: u32,
    pub(super) state: serde_json::Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) sequence: u64,
    pub(super) r#type: String,
    pub(super) version: u16,
    pub(super) time: u64,
    pub(super) payload: Box<serde_json::value::RawValue>,
    #[serde(default)]
    pub(super) skipped: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Recheck {
    pub(super) checked: Vec<u64>,
    pub(super) unchecked: Vec<u64>,
    pub(super) findings: Vec<Drift>,
}

/// A snapshot that differs.
#[derive(Debug, Deserialize)]
pub(super) struct Drift {
    pub(super) code: String,
    pub(super) sequence: u64,
    pub(super) after: u64,
}

/// The answer to `:snapshot`.
#[derive(Debug, Deserialize)]
pub(super) struct SnapshotTaken {
    pub(super) snapshot_sequence: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tenants {
    pub(super) tenants: Vec<Tenant>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tenant {
    pub(super) tenant: String,
    pub(super) display_name: String,
    pub(super) weight: u32,
    pub(super) suspended: bool,
    pub(super) created_at: u64,
    pub(super) quotas: BTreeMap<String, u64>,
    pub(super) grants: Vec<String>,
    /// Those that differ from the host's.
    pub(super) limits: BTreeMap<String, u64>,
    pub(super) effective_limits: BTreeMap<String, u64>,
    /// By quota; null: not counted.
    pub(super) usage: BTreeMap<String, Option<u64>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Keys {
    pub(super) keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) created_at: u64,
    pub(super) expires_at: Option<u64>,
    pub(super) revoked_at: Option<u64>,
    pub(super) last_used: Option<u64>,
}

/// Has no `Debug`: it holds the key itself.
#[derive(Deserialize)]
pub(super) struct NewKey {
    pub(super) key: String,
    #[serde(flatten)]
    pub(super) view: Key,
}

#[derive(Debug, Deserialize)]
pub(super) struct Audit {
    pub(super) entries: Vec<AuditEntry>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AuditEntry {
    pub(super) number: u64,
    pub(super) at: u64,
    pub(super) who: String,
    pub(super) what: String,
    pub(super) target: String,
    pub(super) result: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Refusals {
    pub(super) refusals: Vec<Refusal>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) digest: String,
    pub(super) code: String,
    pub(super) reason: String,
    pub(super) at: u64,
    pub(super) expires_at: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Forgotten {
    pub(super) forgotten: bool,
}

/// A line of a verification.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum VerifyLine {
    Progress(VerifyProgress),
    Finding(Box<Finding>),
    Summary(Box<VerifySummary>),
    /// Of a newer server.
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct VerifyProgress {
    pub(super) pass: u64,
    pub(super) passes: u64,
    pub(super) bytes: u64,
    pub(super) total_bytes: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Finding {
    pub(super) severity: String,
    pub(super) kind: String,
    pub(super) file: Option<String>,
    pub(super) offset: Option<u64>,
    pub(super) actor: Option<String>,
    pub(super) address: Option<String>,
    pub(super) sequence: Option<u64>,
    pub(super) what: String,
    pub(super) next: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct VerifySummary {
    pub(super) sound: bool,
    pub(super) complete: bool,
    pub(super) corrupt: u64,
    pub(super) suspicious: u64,
    pub(super) notes: u64,
    pub(super) segments: u64,
    pub(super) bytes: u64,
    pub(super) batches: u64,
    pub(super) records: u64,
    pub(super) events: u64,
    pub(super) snapshots: u64,
    pub(super) actors: u64,
    pub(super) index_entries: Option<u64>,
    pub(super) index_skipped: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Trouble {
    pub(super) phase: String,
    pub(super) quarantined_at: Option<u64>,
    pub(super) retry_after_ms: Option<u64>,
    pub(super) failures: Vec<PastFailure>,
    pub(super) cause: Option<Cause>,
    pub(super) skipped_events: Vec<u64>,
    pub(super) advice: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PastFailure {
    pub(super) at: u64,
    pub(super) code: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Cause {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) revision: Option<u32>,
    pub(super) event: Option<PoisonEvent>,
    pub(super) command: Option<PoisonCommand>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PoisonEvent {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) r#type: Option<String>,
    pub(super) version: Option<u16>,
    pub(super) payload: Option<Box<serde_json::value::RawValue>>,
    pub(super) unreadable: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PoisonCommand {
    pub(super) name: String,
    pub(super) from: String,
    pub(super) payload_bytes: u64,
    pub(super) payload: Option<Box<serde_json::value::RawValue>>,
    pub(super) payload_hex: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Troubled {
    pub(super) actors: Vec<TroubledActor>,
    pub(super) next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TroubledActor {
    pub(super) tenant: String,
    pub(super) kind: String,
    pub(super) key: String,
    pub(super) phase: String,
    pub(super) failed_at: u64,
    pub(super) failures: u64,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) sequence: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeadLetters {
    pub(super) letters: Vec<DeadLetter>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeadLetter {
    pub(super) number: u64,
    pub(super) at: u64,
    pub(super) reason: String,
    pub(super) code: String,
    pub(super) kind: String,
    pub(super) key: String,
    pub(super) command: String,
    pub(super) from: String,
    pub(super) payload_bytes: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rollout {
    pub(super) kind: String,
    pub(super) stable: u32,
    pub(super) candidate: Option<RolloutCandidate>,
    pub(super) live: Vec<LiveActors>,
    pub(super) behind: u64,
    pub(super) moved: u64,
    pub(super) failed: u64,
    pub(super) pause: Option<Pause>,
    pub(super) held_actors: u64,
    pub(super) held: Vec<HeldActor>,
    pub(super) history: Vec<RolloutEntry>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RolloutCandidate {
    pub(super) revision: u32,
    pub(super) percent: Option<f64>,
    pub(super) actors: Vec<String>,
    pub(super) paused: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct LiveActors {
    pub(super) revision: u32,
    pub(super) actors: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pause {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct HeldActor {
    pub(super) key: String,
    pub(super) refused: u32,
    pub(super) on: u32,
    pub(super) code: String,
    pub(super) reason: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RolloutEntry {
    pub(super) at: u64,
    pub(super) what: String,
    pub(super) revision: u32,
    pub(super) percent: Option<f64>,
    pub(super) who: String,
    pub(super) why: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RollbackCheck {
    pub(super) to: u32,
    pub(super) actors: u64,
    pub(super) stay: u64,
    pub(super) staying: Vec<Staying>,
    pub(super) advice: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Staying {
    pub(super) key: String,
    pub(super) why: String,
}
