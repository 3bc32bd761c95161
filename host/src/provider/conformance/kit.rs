//! What the checks are written with.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::frame::{EventColumns, Frame, FrameParts};
use crate::provider::{Append, AppendError, ReadRange, SharedProvider, Snapshot, SnapshotMeta};
use crate::vocab::{ActorId, Address, RevisionId, Sequence, Timestamp};

/// A new, empty store, and what must be known of it.
#[derive(Clone)]
pub struct Subject {
    /// The store.
    pub provider: SharedProvider,
    /// The largest frame, snapshot (state and ledger) or catalog record (key and value) that it takes, bytes.
    pub record_bytes_max: usize,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("record_bytes_max", &self.record_bytes_max).finish_non_exhaustive()
    }
}

/// Why a check failed, as a sentence.
pub struct Failure(String);

/// What a check comes to.
pub type Check = Result<(), Failure>;

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(format!("an unexpected error: {error}"))
    }
}

/// Fails the check unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(crate::provider::conformance::kit::Failure::new(format!($($message)+)));
        }
    };
}

/// Fails the check unless both are equal.
macro_rules! ensure_eq {
    ($left:expr, $right:expr $(,)?) => {{
        let (left, right) = (&$left, &$right);
        if left != right {
            let message = format!("{} is {left:?}, not {right:?}", stringify!($left));
            return Err(crate::provider::conformance::kit::Failure::new(message));
        }
    }};
}

pub(super) use {ensure, ensure_eq};

/// One event as it was read: number, type, payload.
pub(super) type Event = (u64, u16, Vec<u8>);

/// The actor with this key.
pub(super) fn actor(key: &str) -> Result<Arc<Address>, Failure> {
    Ok(Arc::new(Address::new("tenant", "kind", key)?))
}

/// The events of a test: `count` of them from number `first` on, each different.
pub(super) fn events(first: u64, count: u64) -> Vec<Event> {
    (first..first.saturating_add(count))
        .map(|number| (number, u16::try_from(number % 7).unwrap_or(0), format!("event {number}").into_bytes()))
        .collect()
}

/// A frame of those events.
pub(super) fn frame(address: &Address, first: u64, payloads: &[Event]) -> Result<Frame, Failure> {
    let mut columns = EventColumns::default();
    for (_, kind, payload) in payloads {
        columns.types.push(*kind);
        columns.payloads.push(payload);
    }
    let parts = FrameParts {
        actor: address.id(),
        first: Sequence(first),
        time: Timestamp(1_000 + first % 1_000),
        wake_at: None,
        revision: RevisionId(3),
        events: &columns,
        effects: b"effects",
        keys: b"keys",
    };
    Ok(Frame::encode(&parts)?)
}

/// The turn that appends `count` events behind `expected`.
pub(super) fn turn(address: &Arc<Address>, expected: u64, count: u64) -> Result<Append, Failure> {
    let first = expected.saturating_add(1);
    let frame = frame(address, first, &events(first, count))?;
    Ok(Append { address: Arc::clone(address), expected: Sequence(expected), frame })
}

impl Subject {
    /// Appends `count` events behind `expected`.
    pub(super) async fn append(&self, address: &Arc<Address>, expected: u64, count: u64) -> Result<u64, Failure> {
        Ok(self.try_append(turn(address, expected, count)?).await?.0)
    }

    pub(super) async fn try_append(&self, append: Append) -> Result<Sequence, AppendError> {
        self.provider.append(append).await
    }

    /// The visible events with numbers in these bounds, read in batches of about `batch_bytes`.
    pub(super) async fn read(
        &self,
        actor: ActorId,
        from: u64,
        through: u64,
        batch_bytes: usize,
    ) -> Result<Vec<Event>, Failure> {
        let deleted = self.provider.head(actor).await?.deleted_through;
        let from = Sequence(from);
        let range = ReadRange { from, through: Sequence(through), batch_bytes };
        let mut reader = self.provider.read(actor, range);
        let mut read = Vec::new();
        while let Some(frames) = reader.next().await? {
            ensure!(!frames.is_empty(), "a batch without a frame");
            for frame in frames {
                let header = *frame.header();
                ensure!(header.actor == actor, "a frame of another actor");
                ensure!(header.last() >= from && header.first.0 <= through, "a frame outside of the bounds");
                let numbered =
                    (header.first.0..).zip(frame.events()).map(|(number, (kind, bytes))| (number, kind, bytes));
                let wanted = numbered.filter(|(number, ..)| (from.0..=through).contains(number) && *number > deleted.0);
                read.extend(wanted.map(|(number, kind, bytes)| (number, kind, bytes.to_vec())));
            }
        }
        Ok(read)
    }

    /// All visible events.
    pub(super) async fn all(&self, actor: ActorId) -> Result<Vec<Event>, Failure> {
        self.read(actor, 1, u64::MAX, 1_024 * 1_024).await
    }

    pub(super) async fn head(&self, actor: ActorId) -> Result<u64, Failure> {
        Ok(self.provider.head(actor).await?.sequence.0)
    }

    pub(super) async fn save(&self, address: &Arc<Address>, sequence: u64, state: &[u8]) -> Check {
        Ok(self.provider.save_snapshot(snapshot(address, sequence, state)).await?)
    }

    pub(super) async fn newest(&self, actor: ActorId, at_most: u64) -> Result<Option<(u64, Vec<u8>)>, Failure> {
        let loaded = self.provider.load_snapshot(actor, Sequence(at_most)).await?;
        Ok(loaded.map(|snapshot| (snapshot.meta.sequence.0, snapshot.state.to_vec())))
    }
}

pub(super) fn snapshot(address: &Arc<Address>, sequence: u64, state: &[u8]) -> Snapshot {
    Snapshot {
        address: Arc::clone(address),
        meta: SnapshotMeta {
            sequence: Sequence(sequence),
            time: Timestamp(2_000 + sequence % 1_000),
            revision: RevisionId(4),
            state_version: 5,
            state_bytes: state.len() as u64,
        },
        state: Bytes::copy_from_slice(state),
        ledger: Bytes::from_static(b"ledger"),
    }
}
