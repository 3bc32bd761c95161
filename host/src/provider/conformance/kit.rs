//! What the checks are written with.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::place::{Handles, Offer, Place};
use crate::frame::{EventColumns, Frame, FrameParts};
use crate::provider::{Append, AppendError, Durability, ReadRange, SharedProvider, Snapshot, SnapshotMeta, StoreError};
use crate::vocab::{ActorId, Address, RevisionId, Sequence, Timestamp};

/// Makes places, each new and empty.
pub type MakePlace = Arc<dyn Fn() -> Arc<dyn Place> + Send + Sync>;

/// A new, empty store, and what may be done to it.
#[derive(Clone)]
pub struct Subject {
    /// Makes more of them.
    pub make: MakePlace,
    /// Where the store lies.
    pub place: Arc<dyn Place>,
    /// The store.
    pub provider: SharedProvider,
    /// As the place says.
    pub record_bytes_max: usize,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("record_bytes_max", &self.record_bytes_max).finish_non_exhaustive()
    }
}

/// Why a check did not come to its end.
pub enum Failure {
    /// A promise is broken, as a sentence.
    Broken(String),
    /// What the check needs is declined by the place, with its reason.
    Gap(&'static str),
}

/// What a check comes to.
pub type Check = Result<(), Failure>;

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::Broken(message.into())
    }

    pub(super) fn gap(why: &'static str) -> Self {
        Self::Gap(why)
    }

    /// The same with what led to it.
    pub(super) fn during(self, what: &str) -> Self {
        match self {
            Self::Broken(message) => Self::Broken(format!("{what}: {message}")),
            Self::Gap(why) => Self::Gap(why),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(message) => f.write_str(message),
            Self::Gap(why) => write!(f, "not offered: {why}"),
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Broken(format!("an unexpected error: {error}"))
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

/// A turn of one event that asks to be woken at that time.
pub(super) fn waking(address: &Arc<Address>, expected: u64, wake_at: Option<Timestamp>) -> Result<Append, Failure> {
    let plain = frame(address, expected + 1, &[(0, 0, b"event".to_vec())])?;
    let mut events = EventColumns::default();
    plain.append_events(Sequence::FIRST, Sequence::MAX, &mut events);
    let header = *plain.header();
    let (actor, first, time, revision) = (header.actor, header.first, header.time, header.revision);
    let parts = FrameParts { actor, first, time, wake_at, revision, events: &events, effects: &[], keys: &[] };
    Ok(Append { address: Arc::clone(address), expected: Sequence(expected), frame: Frame::encode(&parts)? })
}

/// The turn that appends event `number` alone, with its number and this text as payload.
pub(super) fn marked(address: &Arc<Address>, number: u64, text: &[u8]) -> Result<Append, Failure> {
    let payload = [format!("{number}: ").as_bytes(), text].concat();
    let frame = frame(address, number, &[(number, 1, payload)])?;
    Ok(Append { address: Arc::clone(address), expected: Sequence(number).previous(), frame })
}

/// What happened to a store before it is opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was dropped, without being closed, and opened in the same place.
    Dropped,
    /// Its process was killed.
    Killed(Durability),
    /// The power went.
    PowerCut(Durability),
}

impl Ending {
    /// Whether what was acknowledged must be there afterwards.
    pub(super) fn keeps_acknowledged(self) -> bool {
        match self {
            Self::Dropped => true,
            Self::Killed(durability) => durability != Durability::Memory,
            Self::PowerCut(durability) => durability == Durability::Sync,
        }
    }
}

/// How many different power cuts are tried at one moment.
const POWER_CUTS: u64 = 4;

impl Subject {
    /// Drops the store without closing it; what a crash at this moment can leave, as places.
    pub(super) fn crashed(self) -> Vec<(Ending, Arc<dyn Place>)> {
        drop(self.provider);
        let durability = self.place.durability();
        let mut images: Vec<(Ending, Arc<dyn Place>)> = Vec::new();
        if let Offer::Offered(left) = self.place.after_kill() {
            images.push((Ending::Killed(durability), left.into()));
        }
        for seed in 0..POWER_CUTS {
            if let Offer::Offered(left) = self.place.after_power_cut(seed) {
                images.push((Ending::PowerCut(durability), left.into()));
            }
        }
        images
    }

    /// All frames as they are read.
    pub(super) async fn frames(&self, actor: ActorId) -> Result<Vec<Frame>, Failure> {
        let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 100_000 };
        let mut reader = self.provider.read(actor, range);
        let mut read = Vec::new();
        while let Some(frames) = reader.next().await? {
            read.extend(frames);
        }
        Ok(read)
    }

    /// Reads everything, with the store's own error.
    pub(super) async fn provider_read(&self, address: &Address) -> Result<usize, StoreError> {
        let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 1 };
        let mut reader = self.provider.read(address.id(), range);
        let mut count = 0;
        while let Some(frames) = reader.next().await? {
            count += frames.len();
        }
        Ok(count)
    }

    /// A store in a new place.
    ///
    /// # Errors
    /// When the new place does not open.
    pub async fn fresh(make: &MakePlace) -> Result<Self, Failure> {
        Self::at(make, make()).await
    }

    /// The store at this place.
    pub(super) async fn at(make: &MakePlace, place: Arc<dyn Place>) -> Result<Self, Failure> {
        let provider = place.open().await.map_err(|error| Failure::new(format!("it does not open: {error}")))?;
        let record_bytes_max = place.record_bytes_max();
        Ok(Self { make: Arc::clone(make), place, provider, record_bytes_max })
    }

    /// Closes the store and opens it again.
    pub(super) async fn reopened(self) -> Result<Self, Failure> {
        self.place.reopens().offered()?;
        self.provider.close().await?;
        self.dropped().await
    }

    /// Drops the store without closing it and opens it again.
    pub(super) async fn dropped(self) -> Result<Self, Failure> {
        let Self { make, place, provider, .. } = self;
        drop(provider);
        Self::at(&make, place).await
    }

    /// Another handle on the same store.
    pub(super) async fn sharing(&self) -> Result<Self, Failure> {
        match self.place.handles().offered()? {
            Handles::Shared => Self::at(&self.make, Arc::clone(&self.place)).await,
            Handles::Exclusive => Err(Failure::gap("one handle at a time, by design: a second one is refused (P103)")),
        }
    }

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
