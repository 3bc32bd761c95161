//! What the host remembers beside a guest's state: idempotency keys, timers, undelivered tells.
//!
//! Like the state it is the fold of the journal: frames carry the changes, a snapshot carries the whole. It never
//! changes in any other way, so after a crash it is what the durable frames say.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::frame::codec::{self, CodecError};
use crate::vocab::{Limit, Limits, Sequence, Timestamp};

/// A time in the past that means "as soon as possible"; zero is taken for "never" in the frame header.
const AT_ONCE: Timestamp = Timestamp(1);

/// An accepted command with an idempotency key, and the reply that a repetition gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    /// The caller's key.
    pub(crate) key: String,
    /// The command it was used for; another one under the same key is an error.
    pub(crate) command: String,
    /// The reply of the first handling.
    pub(crate) reply: Vec<u8>,
    /// Where the journal ended after the turn.
    pub(crate) sequence: u64,
}

/// Names a tell for ever: the number of its frame's first event and its position in the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct TellId {
    /// The first event number of the frame that holds it.
    pub(crate) sequence: u64,
    /// Which effect of the turn.
    pub(crate) index: u32,
}

/// A command for another actor, kept until it was handled there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tell {
    /// The receiver's kind; its tenant is the sender's.
    pub(crate) kind: String,
    /// The receiver's key.
    pub(crate) key: String,
    /// The command's name.
    pub(crate) name: String,
    /// The command's payload.
    pub(crate) payload: Vec<u8>,
}

/// A command that this actor sends itself at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Timer {
    /// When it is due, milliseconds since the Unix epoch.
    pub(crate) at: u64,
    /// The command's name.
    pub(crate) name: String,
    /// The command's payload.
    pub(crate) payload: Vec<u8>,
}

/// One change of the ledger, as a frame carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Change {
    /// A tell is to be delivered.
    Tell {
        /// Its position in the turn.
        index: u32,
        /// What is to be delivered.
        tell: Tell,
    },
    /// A timer is set or replaced.
    Schedule {
        /// The timer's name.
        timer: String,
        /// What it sends, and when.
        entry: Timer,
    },
    /// A timer is removed, by the actor or because it fired.
    Unschedule {
        /// The timer's name.
        timer: String,
    },
    /// A tell was handled by its receiver, or given up with a message in the log.
    Delivered {
        /// Which.
        id: TellId,
    },
    /// An operator decided that replays leave an event out. The ledger does not change by it.
    Skip {
        /// The event's number.
        sequence: u64,
        /// Who decided it: the id of a key, or `anyone`.
        who: String,
        /// Why, in the operator's words.
        why: String,
    },
    /// An operator deleted all events before this record, all snapshots, and with them the ledger.
    Purge {
        /// The last event that was deleted.
        through: u64,
        /// Who decided it: the id of a key, or `anyone`.
        who: String,
        /// Why, in the operator's words.
        why: String,
    },
}

impl Change {
    /// Bytes that stay pending because of it.
    pub(crate) fn pending_bytes(&self) -> u64 {
        match self {
            Self::Tell { tell, .. } => tell.bytes(),
            Self::Schedule { timer, entry } => entry.bytes(timer),
            Self::Unschedule { .. } | Self::Delivered { .. } | Self::Skip { .. } | Self::Purge { .. } => 0,
        }
    }
}

impl Tell {
    fn bytes(&self) -> u64 {
        length(self.kind.as_bytes())
            + length(self.key.as_bytes())
            + length(self.name.as_bytes())
            + length(&self.payload)
    }
}

impl Timer {
    fn bytes(&self, timer: &str) -> u64 {
        length(timer.as_bytes()) + length(self.name.as_bytes()) + length(&self.payload)
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tell { tell, .. } => write!(f, "tell {}/{} {}", tell.kind, tell.key, tell.name),
            Self::Schedule { timer, entry } => write!(f, "schedule {timer} at {}: {}", entry.at, entry.name),
            Self::Unschedule { timer } => write!(f, "unschedule {timer}"),
            Self::Delivered { id } => write!(f, "delivered {}.{}", id.sequence, id.index),
            Self::Skip { sequence, who, why } => write!(f, "skip event {sequence}, by {who}: {why}"),
            Self::Purge { through, who, why } => write!(f, "purged events through {through}, by {who}: {why}"),
        }
    }
}

/// The ledger of one actor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    keys: BTreeMap<String, KeyRecord>,
    /// The keys by age, the oldest first.
    age: VecDeque<String>,
    reply_bytes: u64,
    timers: BTreeMap<String, Timer>,
    outbox: BTreeMap<TellId, Tell>,
    /// Bytes of timers and undelivered tells; counted again when a ledger is decoded.
    #[serde(skip)]
    pending_bytes: u64,
}

impl Ledger {
    /// The record of an idempotency key, if it is remembered.
    pub(crate) fn key(&self, key: &str) -> Option<&KeyRecord> {
        self.keys.get(key)
    }

    /// Remembers the keys of a turn and forgets the oldest beyond the limits; tells which limit made it forget some.
    pub(crate) fn apply_keys(&mut self, records: Vec<KeyRecord>, limits: &Limits) -> Option<Limit> {
        let mut hit = None;
        for record in records {
            self.reply_bytes = self.reply_bytes.saturating_add(length(&record.reply));
            self.age.push_back(record.key.clone());
            if let Some(old) = self.keys.insert(record.key.clone(), record) {
                self.reply_bytes = self.reply_bytes.saturating_sub(length(&old.reply));
                self.age.iter().position(|key| *key == old.key).map(|at| self.age.remove(at));
            }
        }
        loop {
            if self.keys.len() > usize_of(limits.idempotency_keys) {
                hit = Some(Limit::IdempotencyKeys);
            } else if self.reply_bytes > u64::from(limits.idempotency_bytes) {
                hit = Some(Limit::IdempotencyBytes);
            } else {
                break;
            }
            let Some(oldest) = self.age.pop_front() else { break };
            if let Some(record) = self.keys.remove(&oldest) {
                self.reply_bytes = self.reply_bytes.saturating_sub(length(&record.reply));
            }
        }
        hit
    }

    /// Takes the changes of the frame whose first event is `first`.
    pub(crate) fn apply_changes(&mut self, first: Sequence, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Tell { index, tell } => {
                    let bytes = tell.bytes();
                    let replaced = self.outbox.insert(TellId { sequence: first.0, index }, tell);
                    self.count(bytes, replaced.map(|old| old.bytes()));
                }
                Change::Schedule { timer, entry } => {
                    let bytes = entry.bytes(&timer);
                    let replaced = self.timers.insert(timer.clone(), entry);
                    self.count(bytes, replaced.map(|old| old.bytes(&timer)));
                }
                Change::Unschedule { timer } => {
                    let removed = self.timers.remove(&timer);
                    self.count(0, removed.map(|old| old.bytes(&timer)));
                }
                Change::Delivered { id } => {
                    let removed = self.outbox.remove(&id);
                    self.count(0, removed.map(|old| old.bytes()));
                }
                Change::Skip { .. } => {}
                Change::Purge { .. } => *self = Self::default(),
            }
        }
    }

    fn count(&mut self, more: u64, less: Option<u64>) {
        self.pending_bytes = self.pending_bytes.saturating_add(more).saturating_sub(less.unwrap_or(0));
    }

    /// Bytes of timers and undelivered tells.
    pub(crate) const fn pending_bytes(&self) -> u64 {
        self.pending_bytes
    }

    /// When the host must wake this actor at the latest; `None`: nothing is pending.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        if !self.outbox.is_empty() {
            return Some(AT_ONCE);
        }
        self.next_timer_at()
    }

    /// When the next timer is due.
    pub(crate) fn next_timer_at(&self) -> Option<Timestamp> {
        self.timers.values().map(|timer| Timestamp(timer.at.max(AT_ONCE.0))).min()
    }

    /// A timer that is set.
    pub(crate) fn timer(&self, name: &str) -> Option<&Timer> {
        self.timers.get(name)
    }

    /// The timers that are due, the earliest first, at most `limit`.
    pub(crate) fn due_timers(&self, now: Timestamp, limit: usize) -> Vec<(String, Timer)> {
        let mut due: Vec<_> = self.timers.iter().filter(|(_, timer)| timer.at <= now.0).collect();
        due.sort_by_key(|(_, timer)| timer.at);
        due.into_iter().take(limit).map(|(name, timer)| (name.clone(), timer.clone())).collect()
    }

    /// How many timers are set.
    pub(crate) fn timer_count(&self) -> usize {
        self.timers.len()
    }

    /// The tells that are not delivered yet, in order.
    pub(crate) fn outbox(&self) -> impl Iterator<Item = (TellId, &Tell)> {
        self.outbox.iter().map(|(id, tell)| (*id, tell))
    }

    /// How many tells are not delivered yet.
    pub(crate) fn outbox_len(&self) -> usize {
        self.outbox.len()
    }

    /// The ledger as a snapshot carries it; an empty one takes no bytes.
    ///
    /// # Errors
    /// When it is over the codec's limit.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, CodecError> {
        if *self == Self::default() { Ok(Vec::new()) } else { codec::encode(self) }
    }

    /// The ledger of a snapshot.
    ///
    /// # Errors
    /// When the bytes are not one.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut ledger: Self = if bytes.is_empty() { Self::default() } else { codec::decode(bytes)? };
        let timers = ledger.timers.iter().map(|(name, timer)| timer.bytes(name));
        ledger.pending_bytes = timers.chain(ledger.outbox.values().map(Tell::bytes)).sum();
        Ok(ledger)
    }
}

/// A turn's keys as its frame carries them; no key takes no bytes.
pub(crate) fn encode_keys(records: &Vec<KeyRecord>) -> Result<Vec<u8>, CodecError> {
    if records.is_empty() { Ok(Vec::new()) } else { codec::encode(records) }
}

/// The keys of a frame.
pub(crate) fn decode_keys(bytes: &[u8]) -> Result<Vec<KeyRecord>, CodecError> {
    if bytes.is_empty() { Ok(Vec::new()) } else { codec::decode(bytes) }
}

/// A turn's changes as its frame carries them; no change takes no bytes.
pub(crate) fn encode_changes(changes: &Vec<Change>) -> Result<Vec<u8>, CodecError> {
    if changes.is_empty() { Ok(Vec::new()) } else { codec::encode(changes) }
}

/// The changes of a frame.
pub(crate) fn decode_changes(bytes: &[u8]) -> Result<Vec<Change>, CodecError> {
    if bytes.is_empty() { Ok(Vec::new()) } else { codec::decode(bytes) }
}

/// A frame's changes as JSON for people: a list of sentences.
pub(crate) fn describe_changes(frame: &crate::frame::Frame) -> String {
    let sentences: Vec<String> = match decode_changes(frame.effects()) {
        Ok(changes) => changes.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    };
    serde_json::Value::from(sentences).to_string()
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn usize_of(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, reply: &[u8]) -> KeyRecord {
        KeyRecord { key: key.to_owned(), command: "c".to_owned(), reply: reply.to_vec(), sequence: 1 }
    }

    #[test]
    fn the_oldest_keys_are_forgotten_first() {
        let limits = Limits { idempotency_keys: 2, ..Limits::default() };
        let mut ledger = Ledger::default();
        assert_eq!(ledger.apply_keys(vec![record("a", b""), record("b", b"")], &limits), None);
        assert_eq!(ledger.apply_keys(vec![record("c", b"")], &limits), Some(Limit::IdempotencyKeys));
        assert!(ledger.key("a").is_none());
        assert!(ledger.key("b").is_some() && ledger.key("c").is_some());
    }

    #[test]
    fn remembered_replies_are_bounded_in_bytes() {
        let limits = Limits { idempotency_bytes: 10, ..Limits::default() };
        let mut ledger = Ledger::default();
        assert_eq!(ledger.apply_keys(vec![record("a", &[0; 6]), record("z", &[0; 4])], &limits), None);
        assert_eq!(ledger.apply_keys(vec![record("b", &[0; 6])], &limits), Some(Limit::IdempotencyBytes));
        assert!(ledger.key("a").is_none() && ledger.key("b").is_some());
        assert_eq!(ledger.reply_bytes, 10);
    }

    #[test]
    fn a_key_used_again_is_remembered_once() {
        let mut ledger = Ledger::default();
        ledger.apply_keys(vec![record("a", b"1"), record("a", b"22")], &Limits::default());
        assert_eq!((ledger.age.len(), ledger.reply_bytes), (1, 2));
    }

    #[test]
    fn an_undelivered_tell_wakes_at_once_and_a_timer_at_its_time() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.wake_at(), None);
        let entry = Timer { at: 500, name: "tick".to_owned(), payload: Vec::new() };
        ledger.apply_changes(Sequence(1), vec![Change::Schedule { timer: "t".to_owned(), entry }]);
        assert_eq!(ledger.wake_at(), Some(Timestamp(500)));
        let tell = Tell { kind: "k".into(), key: "x".into(), name: "n".into(), payload: Vec::new() };
        ledger.apply_changes(Sequence(2), vec![Change::Tell { index: 0, tell }]);
        assert_eq!(ledger.wake_at(), Some(AT_ONCE));
        ledger.apply_changes(Sequence(3), vec![Change::Delivered { id: TellId { sequence: 2, index: 0 } }]);
        ledger.apply_changes(Sequence(4), vec![Change::Unschedule { timer: "t".to_owned() }]);
        assert_eq!(ledger, Ledger::default());
    }

    #[test]
    fn what_is_pending_is_counted_in_bytes_also_after_decoding() {
        let mut ledger = Ledger::default();
        let timer = |bytes| Timer { at: 500, name: "tick".to_owned(), payload: vec![0; bytes] };
        let set = |bytes| Change::Schedule { timer: "t".to_owned(), entry: timer(bytes) };
        let tell = Tell { kind: "k".into(), key: "x".into(), name: "n".into(), payload: vec![0; 7] };
        ledger.apply_changes(Sequence(1), vec![set(100), set(5), Change::Tell { index: 2, tell }]);
        assert_eq!(ledger.pending_bytes(), 20);
        let bytes = ledger.encode().expect("encodes");
        assert_eq!(Ledger::decode(&bytes).expect("decodes").pending_bytes(), 20);
        let id = TellId { sequence: 1, index: 2 };
        ledger.apply_changes(Sequence(2), vec![Change::Delivered { id }, Change::Delivered { id }]);
        assert_eq!(ledger.pending_bytes(), 10);
    }

    #[test]
    fn only_some_of_the_due_timers_are_taken_the_earliest_first() {
        let mut ledger = Ledger::default();
        for at in [30, 10, 20, 99] {
            let entry = Timer { at, name: "tick".to_owned(), payload: Vec::new() };
            ledger.apply_changes(Sequence(1), vec![Change::Schedule { timer: format!("t{at}"), entry }]);
        }
        let due: Vec<_> = ledger.due_timers(Timestamp(30), 2).into_iter().map(|(name, _)| name).collect();
        assert_eq!(due, ["t10", "t20"]);
    }

    /// Bytes as they lie in journals. A change that fails here breaks them; new kinds of changes go to the end.
    #[test]
    fn the_stored_layout_of_changes_does_not_change() {
        let tell = Tell { kind: "k".into(), key: "x".into(), name: "n".into(), payload: vec![7] };
        let entry = Timer { at: 500, name: "tick".to_owned(), payload: vec![8] };
        let changes = vec![
            Change::Tell { index: 2, tell },
            Change::Schedule { timer: "t".to_owned(), entry },
            Change::Unschedule { timer: "t".to_owned() },
            Change::Delivered { id: TellId { sequence: 9, index: 1 } },
            Change::Skip { sequence: 7, who: "anyone".to_owned(), why: "poison".to_owned() },
            Change::Purge { through: 300, who: "anyone".to_owned(), why: String::new() },
        ];
        let bytes = encode_changes(&changes).unwrap();
        let expected = b"\x06\0\x02\x01k\x01x\x01n\x01\x07\x01\x01t\xfb\xf4\x01\x04tick\x01\x08\x02\x01t\x03\x09\x01\
            \x04\x07\x06anyone\x06poison\x05\xfb\x2c\x01\x06anyone\0";
        assert_eq!(bytes, expected);
        assert_eq!(decode_changes(expected).unwrap(), changes);
        // What was written before the last two kinds existed reads as before.
        let before = b"\x02\x02\x01t\x03\x09\x01";
        assert_eq!(decode_changes(before).unwrap(), changes[2..4]);
    }

    #[test]
    fn an_empty_ledger_takes_no_bytes_and_a_full_one_round_trips() {
        assert_eq!(Ledger::default().encode().map(|bytes| bytes.len()).ok(), Some(0));
        let mut ledger = Ledger::default();
        ledger.apply_keys(vec![record("a", b"1")], &Limits::default());
        let bytes = ledger.encode().expect("encodes");
        assert_eq!(Ledger::decode(&bytes).expect("decodes"), ledger);
    }
}
