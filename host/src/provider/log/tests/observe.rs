//! Reads everything that callers can see of a store, and checks each event and each snapshot on the way.

use std::sync::Arc;

use super::history::{payload, snapshot_version, tenant_kind};
use super::model::{ActorState, State};
use crate::frame::EventColumns;
use crate::provider::log::LogProvider;
use crate::provider::{Catalog, EventStore, ReadRange, SnapshotStore, StoreError};
use crate::vocab::{Address, Sequence, Timestamp};

/// Why a store could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unseen {
    /// It said so, with an error of its own.
    Refused(StoreError),
    /// It gave something that was never stored, or contradicted itself.
    Wrong(String),
}

impl From<StoreError> for Unseen {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl std::fmt::Display for Unseen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "it cannot be read: {error}"),
            Self::Wrong(wrong) => f.write_str(wrong),
        }
    }
}

/// Reads all there is of these actors and of the catalog.
pub(super) async fn observe(log: &LogProvider, actors: &[Arc<Address>]) -> Result<State, Unseen> {
    let mut state = State::default();
    for (index, address) in actors.iter().enumerate() {
        let actor = observe_actor(log, address).await?;
        if actor != ActorState::default() {
            state.actors.insert(index, actor);
        }
    }
    for key in log.record_keys("").await? {
        let value = log.record(&key).await?.ok_or_else(|| Unseen::Wrong(format!("{key} is listed and not there")))?;
        let value = value[..].try_into().map_err(|_| Unseen::Wrong(format!("{key} has another value")))?;
        state.catalog.insert(key, u64::from_le_bytes(value));
    }
    check_listing(log, actors, &state).await?;
    Ok(state)
}

async fn observe_actor(log: &LogProvider, address: &Arc<Address>) -> Result<ActorState, Unseen> {
    let head = log.head(address.id()).await?;
    let (end, from) = (head.sequence.0, head.deleted_through.next());
    let mut events = EventColumns::default();
    let mut reader = log.read(address.id(), ReadRange { from, through: Sequence::MAX, batch_bytes: 1_000 });
    while let Some(frames) = reader.next().await? {
        frames.iter().for_each(|frame| _ = frame.append_events(from, Sequence::MAX, &mut events));
    }
    let expected: Vec<_> = (from.0..=end).map(|number| payload(address, number).into_bytes()).collect();
    if events.payloads.iter().ne(expected.iter().map(Vec::as_slice)) {
        let found = events.payloads.iter().count();
        let wrong = format!("{address}: {found} other events than were sent between {from} and {end}");
        return Err(Unseen::Wrong(wrong));
    }
    let mut actor = ActorState {
        head: end,
        deleted: head.deleted_through.0,
        wake_at: head.wake_at.map(|at| at.0),
        ..ActorState::default()
    };
    let metas = log.list_snapshots(address.id()).await?;
    if !metas.is_sorted_by(|a, b| a.sequence > b.sequence) {
        return Err(Unseen::Wrong(format!("{address}: snapshots out of order: {metas:?}")));
    }
    for meta in metas {
        let loaded = log.load_snapshot(address.id(), meta.sequence).await?;
        let version = u64::from(meta.state_version);
        if loaded != Some(snapshot_version(address, meta.sequence.0, version)) {
            return Err(Unseen::Wrong(format!("{address}: another snapshot at {} version {version}", meta.sequence)));
        }
        actor.snapshots.insert(meta.sequence.0, version);
    }
    Ok(actor)
}

/// Listings and wake-ups say the same as the journals.
async fn check_listing(log: &LogProvider, actors: &[Arc<Address>], state: &State) -> Result<(), Unseen> {
    let (tenant, kind) = tenant_kind(&actors[0]);
    let listed = log.actors(&tenant, &kind, None, usize::MAX).await?;
    let listed: Vec<_> = listed.into_iter().map(|one| (one.address.key.to_string(), one.sequence.0)).collect();
    let known = |(index, actor): (&usize, &ActorState)| (actors[*index].key.to_string(), actor.head);
    let mut expected: Vec<_> = state.actors.iter().map(known).filter(|(_, head)| *head > 0).collect();
    expected.sort();
    if listed != expected {
        return Err(Unseen::Wrong(format!("the listing is {listed:?} instead of {expected:?}")));
    }
    let mut wakes: Vec<_> =
        log.wakes().await?.into_iter().map(|wake| (wake.address.key.to_string(), wake.at)).collect();
    wakes.sort();
    let waking =
        |(index, actor): (&usize, &ActorState)| Some((actors[*index].key.to_string(), Timestamp(actor.wake_at?)));
    let mut expected: Vec<_> = state.actors.iter().filter_map(waking).collect();
    expected.sort();
    if wakes != expected {
        return Err(Unseen::Wrong(format!("wakes are {wakes:?} instead of {expected:?}")));
    }
    Ok(())
}
