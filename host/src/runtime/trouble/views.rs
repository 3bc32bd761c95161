//! What people may see of actors in trouble.

use serde::Serialize;
use serde_json::value::RawValue;

use super::record::{CommandRecord, TroubleRecord};
use super::registry::Entry;
use crate::actor::Phase;
use crate::vocab::{Digest, Sequence, Tenant, Timestamp};

/// Everything that is known of an actor's trouble; of an actor without any, only who it is and what is skipped.
#[derive(Debug, Clone, Serialize)]
pub struct TroubleView {
    /// Whose.
    pub tenant: String,
    /// Of which kind.
    pub kind: String,
    /// Which one.
    pub key: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// Since when it is quarantined; `None`: it is not.
    pub quarantined_at: Option<Timestamp>,
    /// When it is tried again, in milliseconds from now; `None`: nothing waits for that.
    pub retry_after_ms: Option<u64>,
    /// Its failures that are remembered, the oldest first.
    pub failures: Vec<FailureView>,
    /// How it failed last.
    pub cause: Option<CauseView>,
    /// Events that replays leave out, as an operator decided.
    pub skipped_events: Vec<Sequence>,
    /// What can be done, in words.
    pub advice: String,
}

/// One failure.
#[derive(Debug, Clone, Serialize)]
pub struct FailureView {
    /// When.
    pub at: Timestamp,
    /// The code of its cause.
    pub code: String,
    /// How long the host waited before the next try, milliseconds.
    pub waited_ms: u64,
}

/// How an actor failed.
#[derive(Debug, Clone, Serialize)]
pub struct CauseView {
    /// The code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// The revision that failed; `None`: none ran.
    pub revision: Option<u32>,
    /// The number to look at: of the event, or of the last event before the command.
    pub sequence: Option<Sequence>,
    /// The event at which it failed.
    pub event: Option<PoisonEventView>,
    /// The command at which it failed.
    pub command: Option<PoisonCommandView>,
}

/// The event at which an actor failed.
#[derive(Debug, Clone, Serialize)]
pub struct PoisonEventView {
    /// Its number, or the first of those it may be.
    pub first: Sequence,
    /// The last of those it may be.
    pub last: Sequence,
    /// Its type, if it can be read.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// Its type's version.
    pub version: Option<u16>,
    /// Its payload as the component renders it; `None`: it cannot.
    pub payload: Option<Box<RawValue>>,
    /// Why it cannot be shown.
    pub unreadable: Option<String>,
}

/// The command at which an actor failed.
#[derive(Debug, Clone, Serialize)]
pub struct PoisonCommandView {
    /// Its name.
    pub name: String,
    /// Who sent it.
    pub from: String,
    /// Its idempotency key, if a client gave one.
    pub idempotency_key: Option<String>,
    /// Bytes of its payload.
    pub payload_bytes: u64,
    /// BLAKE3 of its payload, hexadecimal.
    pub payload_digest: String,
    /// Its payload, if it is JSON and was kept whole.
    pub payload: Option<Box<RawValue>>,
    /// What was kept of the payload, hexadecimal, if it is anything else.
    pub payload_hex: Option<String>,
}

/// One actor of a listing.
#[derive(Debug, Clone, Serialize)]
pub struct TroubleListing {
    /// Whose.
    pub tenant: String,
    /// Of which kind.
    pub kind: String,
    /// Which one.
    pub key: String,
    /// `quarantined`, or `restarting`: it failed lately.
    pub phase: Phase,
    /// When it failed last.
    pub failed_at: Timestamp,
    /// How many failures are remembered.
    pub failures: usize,
    /// The code of the last one.
    pub code: String,
    /// The same in words.
    pub message: String,
    /// The number to look at.
    pub sequence: Option<Sequence>,
}

impl CauseView {
    pub(super) fn of(record: &TroubleRecord, tenant: &Tenant) -> Self {
        use super::record::PoisonRecord::{Command, Events};
        let cause = &record.cause;
        let (event, command) = match &cause.poison {
            Some(Events { first, last }) => (Some(PoisonEventView::unread(Sequence(*first), Sequence(*last))), None),
            Some(Command(command)) => (None, Some(PoisonCommandView::of(command, tenant))),
            None => (None, None),
        };
        Self {
            code: record.code().to_string(),
            message: cause.message.clone(),
            revision: (cause.revision > 0).then_some(cause.revision),
            sequence: cause.shown_sequence(),
            event,
            command,
        }
    }
}

impl PoisonEventView {
    const fn unread(first: Sequence, last: Sequence) -> Self {
        Self { first, last, event_type: None, version: None, payload: None, unreadable: None }
    }
}

impl PoisonCommandView {
    fn of(command: &CommandRecord, tenant: &Tenant) -> Self {
        let (payload, payload_hex) = payload_of(&command.payload, command.is_whole());
        Self {
            name: command.name.clone(),
            from: command.from(tenant),
            // The keys of tells are the host's own.
            idempotency_key: command.key.clone().filter(|key| !key.starts_with('\0')),
            payload_bytes: command.payload_bytes,
            payload_digest: Digest(command.payload_digest).to_string(),
            payload,
            payload_hex,
        }
    }
}

impl TroubleListing {
    pub(super) fn of(entry: &Entry) -> Self {
        let record = &entry.record;
        let phase = if record.quarantined_at.is_some() { Phase::Quarantined } else { Phase::Restarting };
        Self {
            tenant: record.tenant.clone(),
            kind: record.kind.clone(),
            key: record.key.clone(),
            phase,
            failed_at: Timestamp(record.failures.last().map_or(0, |last| last.at)),
            failures: record.failures.len(),
            code: record.code().to_string(),
            message: record.cause.message.clone(),
            sequence: record.cause.shown_sequence(),
        }
    }
}

/// A payload as JSON if it is that and whole, else as hexadecimal digits.
pub(super) fn payload_of(payload: &[u8], is_whole: bool) -> (Option<Box<RawValue>>, Option<String>) {
    if payload.is_empty() {
        return (None, None);
    }
    match serde_json::from_slice::<Box<RawValue>>(payload) {
        Ok(json) if is_whole => (Some(json), None),
        _ => {
            use std::fmt::Write;
            let mut hex = String::with_capacity(payload.len().saturating_mul(2));
            for byte in payload {
                let _infallible = write!(hex, "{byte:02x}");
            }
            (None, Some(hex))
        }
    }
}
