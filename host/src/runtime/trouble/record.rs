//! What is durable of an actor in trouble.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::actor::{Failure, Poison, PoisonCommand, in_words};
use crate::decide::PastFailure;
use crate::frame::codec;
use crate::provider::StoreError;
use crate::runtime::text::cut;
use crate::sandbox::Caller;
use crate::vocab::{ActorId, Address, Code, Digest, Sequence, Tenant, Timestamp};

/// Bytes of a message; longer ones are cut: guests choose them.
const MESSAGE_BYTES_MAX: usize = 600;
/// Bytes of a poison command's payload; of a longer one the beginning and the digest are kept.
pub(super) const POISON_BYTES_MAX: usize = /* 4 KiB */ 4 * 1_024;

/// What the catalog keeps of an actor in trouble. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredTrouble {
    /// The first layout.
    V1(TroubleRecord),
}

/// One actor in trouble as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TroubleRecord {
    pub(super) tenant: String,
    pub(super) kind: String,
    pub(super) key: String,
    /// Its failures, the oldest first; only so many of the newest are kept.
    pub(super) failures: Vec<FailureRecord>,
    /// The newest of them, in full.
    pub(super) cause: CauseRecord,
    /// Since when it is being tried again; if it stays so, the host died of it, or during it.
    pub(super) trying_since: Option<u64>,
    /// Since when nothing of it runs.
    pub(super) quarantined_at: Option<u64>,
    /// What an operator began to do and what must be finished after a crash.
    pub(super) act: Option<ActRecord>,
}

/// One failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FailureRecord {
    pub(super) at: u64,
    pub(super) waited_ms: u64,
    pub(super) code: u16,
}

/// How it failed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CauseRecord {
    pub(super) code: u16,
    pub(super) message: String,
    pub(super) revision: u32,
    pub(super) sequence: u64,
    pub(super) poison: Option<PoisonRecord>,
}

/// At what it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PoisonRecord {
    Command(CommandRecord),
    Events { first: u64, last: u64 },
}

/// A command, its payload perhaps cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CommandRecord {
    pub(super) name: String,
    pub(super) payload: Vec<u8>,
    pub(super) payload_bytes: u64,
    pub(super) payload_digest: [u8; 32],
    pub(super) key: Option<String>,
    pub(super) caller: CallerRecord,
}

/// Who sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum CallerRecord {
    Client(String),
    Actor { kind: String, key: String },
    Timer(String),
}

/// What an operator began to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ActRecord {
    /// The journal's next record behind `head` says that this event is skipped.
    Skip { sequence: u64, head: u64, who: String, why: String },
    /// The journal's next record behind `through` says that everything up to there is deleted.
    Purge { through: u64, who: String, why: String },
}

impl TroubleRecord {
    pub(super) fn new(address: &Address, cause: CauseRecord) -> Self {
        Self {
            tenant: address.tenant.to_string(),
            kind: address.kind.to_string(),
            key: address.key.to_string(),
            failures: Vec::new(),
            cause,
            trying_since: None,
            quarantined_at: None,
            act: None,
        }
    }

    pub(super) fn past(&self) -> Vec<PastFailure> {
        let past = |failure: &FailureRecord| PastFailure { at: Timestamp(failure.at), waited_ms: failure.waited_ms };
        self.failures.iter().map(past).collect()
    }

    pub(super) fn code(&self) -> Code {
        code_of(self.cause.code)
    }

    /// When it may be tried again.
    pub(super) fn until(&self) -> Timestamp {
        self.failures.last().map_or(Timestamp(0), |last| Timestamp(last.at.saturating_add(last.waited_ms)))
    }

    /// Encodes the record for the catalog.
    ///
    /// # Errors
    /// When it cannot be expressed, which its bounds exclude.
    pub(super) fn encode(&self) -> Result<Bytes, StoreError> {
        encode("trouble", &StoredTrouble::V1(self.clone()))
    }

    /// # Errors
    /// When the bytes are not a record, or do not belong to the place where they were found.
    pub(super) fn decode(key: &str, bytes: &[u8]) -> Result<(Arc<Address>, Self), StoreError> {
        let corrupt = |reason: String| StoreError::Corrupt { place: format!("catalog record {key}"), reason };
        let StoredTrouble::V1(record) = codec::decode(bytes).map_err(|error| corrupt(error.to_string()))?;
        let address = Address::new(record.tenant.as_str(), record.kind.as_str(), record.key.as_str());
        let address = address.map_err(|error| corrupt(error.to_string()))?;
        if place(&address.tenant, address.id()) != key {
            return Err(corrupt("it is of another actor".to_owned()));
        }
        Ok((Arc::new(address), record))
    }
}

impl CauseRecord {
    pub(super) fn of(failure: &Failure) -> Self {
        let poison = failure.poison.as_ref().map(|poison| match poison {
            Poison::Command(command) => PoisonRecord::Command(CommandRecord::of(command)),
            Poison::Events { first, last } => PoisonRecord::Events { first: first.0, last: last.0 },
        });
        let message = cut(failure.message.clone(), MESSAGE_BYTES_MAX);
        let Failure { code, revision, sequence, .. } = failure;
        Self { code: code.number(), message, revision: *revision, sequence: sequence.0, poison }
    }

    /// The events that it is about.
    pub(super) fn events(&self) -> Option<(Sequence, Sequence)> {
        match &self.poison {
            Some(PoisonRecord::Events { first, last }) => Some((Sequence(*first), Sequence(*last))),
            _ => None,
        }
    }

    /// The number to look at: the event, or the last one before the command.
    pub(super) fn shown_sequence(&self) -> Option<Sequence> {
        match &self.poison {
            Some(PoisonRecord::Events { first, .. }) => Some(Sequence(*first)),
            _ => (self.sequence > 0).then_some(Sequence(self.sequence)),
        }
    }
}

impl CommandRecord {
    fn of(command: &PoisonCommand) -> Self {
        let kept = command.payload.len().min(POISON_BYTES_MAX);
        let caller = match &command.caller {
            Caller::Client(name) => CallerRecord::Client(cut(name.clone(), MESSAGE_BYTES_MAX)),
            Caller::Actor(address) => {
                CallerRecord::Actor { kind: address.kind.to_string(), key: address.key.to_string() }
            }
            Caller::Timer(name) => CallerRecord::Timer(name.clone()),
        };
        Self {
            name: cut(command.name.clone(), MESSAGE_BYTES_MAX),
            payload: command.payload.get(..kept).unwrap_or_default().to_vec(),
            payload_bytes: u64::try_from(command.payload.len()).unwrap_or(u64::MAX),
            payload_digest: Digest::of(&command.payload).0,
            key: command.key.clone(),
            caller,
        }
    }

    /// Whether nothing of the payload was cut off.
    pub(super) fn is_whole(&self) -> bool {
        u64::try_from(self.payload.len()).is_ok_and(|kept| kept == self.payload_bytes)
    }

    /// The command again, as far as it was kept. `tenant`: whose.
    pub(super) fn command(&self, tenant: &Tenant) -> PoisonCommand {
        let caller = match &self.caller {
            CallerRecord::Client(name) => Caller::Client(name.clone()),
            CallerRecord::Timer(name) => Caller::Timer(name.clone()),
            CallerRecord::Actor { kind, key } => Address::new(tenant.as_str(), kind.as_str(), key.as_str())
                .map_or_else(|_| Caller::Client(String::new()), |address| Caller::Actor(Arc::new(address))),
        };
        let (payload, key) = (Bytes::from(self.payload.clone()), self.key.clone());
        PoisonCommand { name: self.name.clone(), payload, key, caller }
    }

    /// Who sent it, in words.
    pub(super) fn from(&self, tenant: &Tenant) -> String {
        in_words(&self.command(tenant).caller)
    }
}

/// A code as it was stored; one of a newer program reads as a failure of the host.
pub(super) fn code_of(number: u16) -> Code {
    Code::of(number).unwrap_or(Code::StoreFailed)
}

/// Where the catalog keeps an actor in trouble.
pub(super) fn place(tenant: &Tenant, id: ActorId) -> String {
    format!("{}{id}", prefix(tenant))
}

/// Where the catalog keeps those of a tenant.
pub(super) fn prefix(tenant: &Tenant) -> String {
    format!("{PREFIX}{tenant}/")
}

/// Where the catalog keeps all of them.
pub(super) const PREFIX: &str = "trouble/";

pub(super) fn encode(what: &str, value: &impl Serialize) -> Result<Bytes, StoreError> {
    let unstorable =
        |error: codec::CodecError| StoreError::Corrupt { place: what.to_owned(), reason: error.to_string() };
    codec::encode(value).map(Bytes::from).map_err(unstorable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> TroubleRecord {
        let address = Address::new("acme", "k", "a").unwrap();
        let command = PoisonCommand {
            name: "trap".to_owned(),
            payload: Bytes::from_static(b"x"),
            key: Some("id".to_owned()),
            caller: Caller::Timer("t".to_owned()),
        };
        let failure = Failure {
            code: Code::GuestTrapped,
            message: "boom".to_owned(),
            revision: 2,
            sequence: Sequence(300),
            poison: Some(Poison::Command(command)),
        };
        let mut record = TroubleRecord::new(&address, CauseRecord::of(&failure));
        record.failures.push(FailureRecord { at: 5, waited_ms: 7, code: 40 });
        record.quarantined_at = Some(5);
        record.act = Some(ActRecord::Purge { through: 9, who: "w".to_owned(), why: "y".to_owned() });
        record
    }

    /// Bytes as they lie in stores. A change that fails here breaks them.
    #[test]
    fn the_stored_layout_does_not_change() {
        let digest = blake3::hash(b"x");
        let mut expected = b"\0\x04acme\x01k\x01a\x01\x05\x07\x28\x28".to_vec();
        expected.extend_from_slice(b"\x04boom\x02\xfb\x2c\x01\x01\0\x04trap\x01x\x01");
        expected.extend_from_slice(digest.as_bytes());
        expected.extend_from_slice(b"\x01\x02id\x02\x01t\0\x01\x05\x01\x01\x09\x01w\x01y");
        let bytes = record().encode().unwrap();
        assert_eq!(bytes, expected);
        let key = place(&Tenant::new("acme").unwrap(), Address::new("acme", "k", "a").unwrap().id());
        assert_eq!(TroubleRecord::decode(&key, &bytes).unwrap().1, record());
        assert!(TroubleRecord::decode("trouble/acme/00", &bytes).is_err(), "of another place");
    }

    #[test]
    fn what_guests_choose_is_cut() {
        let command = PoisonCommand {
            name: "n".to_owned(),
            payload: vec![7; POISON_BYTES_MAX + 1].into(),
            key: None,
            caller: Caller::Client(String::new()),
        };
        let kept = CommandRecord::of(&command);
        assert!(!kept.is_whole() && kept.payload.len() == POISON_BYTES_MAX);
        assert_eq!(kept.payload_digest, Digest::of(&command.payload).0);
        assert_eq!(cut("größer".to_owned(), 3), "gr");
    }
}
