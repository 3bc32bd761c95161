//! A seeded history of calls: the same seed gives the same calls, and the same steps of the disk.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::model::{Call, Fate, Floor, Model};
use super::observe::{Unseen, observe};
use crate::frame::{EventColumns, Frame, FrameParts};
use crate::provider::log::disk::{Seed, SimDisk};
use crate::provider::log::{LogProvider, LogSettings, Maintenance};
use crate::provider::{
    Append, AppendError, Catalog, DeleteGuard, Durability, EventStore, Provider, Snapshot, SnapshotMeta, SnapshotStore,
    StoreError,
};
use crate::vocab::{Address, Kind, RevisionId, Sequence, Tenant, Timestamp};

/// How many actors a history has.
const ACTORS: usize = 4;
/// Times that the store is opened in one history.
const LIVES: u64 = 4;
/// Rounds of calls in one life.
const ROUNDS: u64 = 7;

/// Segments so small that a history fills several.
pub(in crate::provider::log) fn settings(durability: Durability) -> LogSettings {
    LogSettings {
        durability,
        segment_bytes: /* 4 KiB */ 4 * 1_024,
        first_segment_bytes: /* 4 KiB */ 4 * 1_024,
        // The order of writes must follow from the seed alone.
        prepare_ahead: false,
        maintain: false,
        flush_every_ms: 60_000,
        // Upkeep does not rest.
        upkeep_percent: 100,
        ..LogSettings::default()
    }
}

/// The turn of `count` events behind `expected`; its content follows from its numbers.
pub(in crate::provider::log) fn turn(address: &Arc<Address>, expected: u64, count: u64) -> Append {
    waking_turn(address, expected, count, None)
}

/// The same, and the actor asks to be woken.
pub(super) fn waking_turn(address: &Arc<Address>, expected: u64, count: u64, wake_at: Option<u64>) -> Append {
    let mut events = EventColumns::default();
    for number in expected + 1..=expected + count {
        events.types.push(u16::try_from(number % 5).expect("small"));
        events.payloads.push(payload(address, number).as_bytes());
    }
    let parts = FrameParts {
        actor: address.id(),
        first: Sequence(expected + 1),
        time: Timestamp(expected),
        wake_at: wake_at.map(Timestamp),
        revision: RevisionId(1),
        events: &events,
        effects: if wake_at.is_some() { b"opaque effects" } else { &[] },
        keys: if wake_at.is_some() { b"opaque keys" } else { &[] },
    };
    let frame = Frame::encode(&parts).expect("sound");
    Append { address: Arc::clone(address), expected: Sequence(expected), frame }
}

/// The event with this number.
pub(super) fn payload(address: &Address, number: u64) -> String {
    format!("{} {number} {}", address.key, "x".repeat(usize::try_from(number * 37 % 300).expect("small")))
}

pub(in crate::provider::log) fn snapshot(address: &Arc<Address>, sequence: u64) -> Snapshot {
    snapshot_version(address, sequence, 1)
}

/// A snapshot whose content follows from its number and its version; later ones at the same number replace it.
pub(in crate::provider::log) fn snapshot_version(address: &Arc<Address>, sequence: u64, version: u64) -> Snapshot {
    let filler = "s".repeat(usize::try_from((version - 1) * 131 % 900).expect("small"));
    let state = format!("{} at {sequence}{filler}", address.key).into_bytes();
    let meta = SnapshotMeta {
        sequence: Sequence(sequence),
        time: Timestamp(sequence),
        revision: RevisionId(1),
        state_version: u32::try_from(version).expect("small"),
        state_bytes: state.len() as u64,
    };
    Snapshot { address: Arc::clone(address), meta, state: state.into(), ledger: Bytes::new() }
}

pub(super) fn tenant_kind(address: &Address) -> (Tenant, Kind) {
    (address.tenant.clone(), address.kind.clone())
}

/// A history in progress.
#[derive(Debug, Clone)]
pub(super) struct History {
    seed: Seed,
    actors: Vec<Arc<Address>>,
    /// What was called and what must be there.
    pub(super) model: Model,
    /// What acknowledgements are taken to mean: that of the settings, or more in order to be disappointed.
    pub(super) promise: Durability,
    pub(super) settings: LogSettings,
    /// What a store is judged by when the history opens it again after ending it itself.
    pub(super) floor: Floor,
    /// The step of the disk behind which the store was open last.
    pub(super) opened_at: u64,
    versions: u64,
}

/// Why a history ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It is over.
    Over,
    /// The store refused to go on, with this error.
    Refused(StoreError),
    /// The store broke a promise.
    Broken(String),
}

/// Whether the history goes on.
type Settled = Result<(), StoreError>;
/// What a call came to.
type Called = Result<(), (Fate, StoreError)>;

impl History {
    pub(super) fn new(seed: u64, durability: Durability) -> Self {
        let actor = |index| Arc::new(Address::new("tenant", "kind", format!("actor {index}")).expect("legal"));
        Self {
            seed: Seed(seed),
            actors: (0..ACTORS).map(actor).collect(),
            model: Model::default(),
            promise: durability,
            // Events are scattered soon, and the index is written soon.
            settings: LogSettings {
                merge_reads_min: 3,
                merge_read_bytes: 2_000,

                checkpoint_changes: 30,
                ..settings(durability)
            },
            floor: Floor::Written,
            opened_at: 0,
            versions: 1,
        }
    }

    fn index(&mut self) -> usize {
        usize::try_from(self.seed.below(ACTORS as u64)).expect("small")
    }

    /// Runs until the end or the first refusal; closes or drops the store, and opens it again, on the way.
    pub(super) async fn run(&mut self, disk: &SimDisk) -> End {
        for _ in 0..LIVES {
            let ended = self.live(disk, self.floor, ROUNDS).await;
            if ended != End::Over {
                return ended;
            }
        }
        End::Over
    }

    /// Opens the store, checks what is there, goes on with calls, and closes or drops it.
    pub(super) async fn live(&mut self, disk: &SimDisk, floor: Floor, rounds: u64) -> End {
        let log = match self.open(disk, floor).await {
            Ok(log) => log,
            Err(end) => return end,
        };
        for _ in 0..rounds {
            if let Err(error) = self.round(&log, disk).await {
                return End::Refused(error);
            }
        }
        if self.seed.below(3) == 0 {
            return End::Over;
        }
        match log.close().await {
            Ok(()) => {
                self.model.promise_all(!disk.has_lied());
                End::Over
            }
            Err(error) => End::Refused(error),
        }
    }

    /// Opens the store and compares it with the model, which takes over what was found.
    pub(super) async fn open(&mut self, disk: &SimDisk, floor: Floor) -> Result<Arc<LogProvider>, End> {
        let opened = LogProvider::open_on(Arc::new(disk.clone()), self.settings.clone());
        let log = opened.map_err(End::Refused)?;
        match observe(&log, &self.actors).await {
            Ok(found) => {
                self.model.check(&found, floor).map_err(End::Broken)?;
                check_recoverable(&found).map_err(End::Broken)?;
                self.model.adopt(found, !disk.has_lied());
                self.opened_at = disk.steps();
                Ok(log)
            }
            Err(Unseen::Refused(error)) => Err(End::Refused(error)),
            Err(Unseen::Wrong(wrong)) => Err(End::Broken(wrong)),
        }
    }

    /// Opens what a crash left; goes on writing, opens again, and compares again. Nothing may be refused.
    pub(super) async fn survive(&mut self, left: &SimDisk, floor: Floor) -> Result<(), String> {
        for floor in [floor, self.floor] {
            match self.live(left, floor, 2).await {
                End::Over => {}
                End::Refused(error) => return Err(format!("it does not go on: {error}")),
                End::Broken(broken) => return Err(broken),
            }
        }
        match self.open(left, self.floor).await {
            Ok(_) => Ok(()),
            Err(end) => Err(format!("{end:?}")),
        }
    }

    async fn round(&mut self, log: &LogProvider, disk: &SimDisk) -> Settled {
        match self.seed.below(12) {
            0 => self.retain(log, disk).await,
            1 => self.delete_forced(log, disk).await,
            2 | 3 => maintained(log, Maintenance::Compact).await,
            4 => maintained(log, Maintenance::Merge).await,
            5 => maintained(log, Maintenance::Checkpoint).await,
            _ => self.group(log, disk).await,
        }
    }

    /// Some calls, whatever the seed says.
    pub(super) async fn round_of_appends(&mut self, log: &LogProvider, disk: &SimDisk) -> Settled {
        self.group(log, disk).await?;
        let head = self.model.newest().actors.get(&0).map_or(0, |known| known.head);
        self.alone(log, disk, Call::Append { actor: 0, expected: head, count: 1, wake_at: None }).await
    }

    /// Calls that follow each other without waiting: the first is held at the disk until the others are queued.
    async fn group(&mut self, log: &LogProvider, disk: &SimDisk) -> Result<(), StoreError> {
        let mut waiting = Vec::new();
        disk.hold();
        for _ in 0..=self.seed.below(6) {
            let Some(call) = self.draw() else { continue };
            let mut calling = self.issue(log, &call);
            // In `memory` the committer is patient: no turn comes to the disk before somebody asks for it.
            let comes = self.settings.durability != Durability::Memory || !matches!(call, Call::Append { .. });
            let place = self.model.call(call);
            let mut done = (&mut calling).now_or_never();
            while comes && done.is_none() && !disk.is_held() {
                tokio::task::yield_now().await;
                done = (&mut calling).now_or_never();
            }
            waiting.push((place, done, calling));
        }
        disk.release();
        let mut outcome = Ok(());
        for (place, done, calling) in waiting {
            let settled = self.finish(place, done, calling).await;
            outcome = outcome.and(settled);
        }
        outcome
    }

    /// One call alone.
    async fn alone(&mut self, log: &LogProvider, disk: &SimDisk, call: Call) -> Result<(), StoreError> {
        disk.hold();
        let mut calling = self.issue(log, &call);
        let place = self.model.call(call);
        let done = (&mut calling).now_or_never();
        disk.release();
        self.finish(place, done, calling).await
    }

    async fn finish(&mut self, place: usize, done: Option<Called>, calling: BoxFuture<'_, Called>) -> Settled {
        match done {
            Some(called) => self.settle_at_once(place, called),
            None => {
                let called = calling.await;
                self.settle(place, called)
            }
        }
    }

    /// An answer that came while the disk was held: there was nothing to do, which promises nothing of the calls before it.
    fn settle_at_once(&mut self, place: usize, called: Called) -> Result<(), StoreError> {
        if called.is_ok() && !self.model.is_append(place) {
            self.model.settle(place, Fate::NotStored);
            return Ok(());
        }
        self.settle(place, called)
    }

    fn settle(&mut self, place: usize, called: Called) -> Result<(), StoreError> {
        match called {
            Ok(()) => {
                self.model.settle(place, Fate::Stored);
                match self.promise {
                    Durability::Sync => self.model.promise_durable(place),
                    Durability::Flush => self.model.promise_written(place),
                    Durability::Memory if self.model.is_append(place) => {}
                    Durability::Memory => self.model.promise_durable(place),
                }
                Ok(())
            }
            Err((fate, error)) => {
                self.model.settle(place, fate);
                // The store goes on when there is space again.
                if matches!(error, StoreError::DiskFull { .. }) { Ok(()) } else { Err(error) }
            }
        }
    }

    /// A snapshot of all, deletion of what it covers, deletion of the older snapshots: as the host does it.
    async fn retain(&mut self, log: &LogProvider, disk: &SimDisk) -> Result<(), StoreError> {
        let actor = self.index();
        let known = self.model.newest().actors.remove(&actor).unwrap_or_default();
        if known.head == 0 {
            return Ok(());
        }
        self.versions += 1;
        let version = self.versions;
        self.alone(log, disk, Call::Save { actor, sequence: known.head, version }).await?;
        // On a full disk it may not have been saved; then the guard refuses this.
        if self.model.newest().actors.get(&actor).is_none_or(|now| now.snapshots.get(&known.head) != Some(&version)) {
            return Ok(());
        }
        self.alone(log, disk, Call::DeleteThrough { actor, through: known.head, is_forced: false }).await?;
        for sequence in known.snapshots.into_keys().filter(|sequence| *sequence < known.head) {
            self.alone(log, disk, Call::DeleteSnapshot { actor, sequence }).await?;
        }
        Ok(())
    }

    /// Only of every other actor: the others must be recoverable whatever happens.
    async fn delete_forced(&mut self, log: &LogProvider, disk: &SimDisk) -> Result<(), StoreError> {
        let actor = self.index() | 1;
        let head = self.model.newest().actors.get(&actor).map_or(0, |known| known.head);
        let through = self.seed.below(head + 1);
        if through == 0 {
            return Ok(());
        }
        self.alone(log, disk, Call::DeleteThrough { actor, through, is_forced: true }).await
    }

    /// Something to be called.
    fn draw(&mut self) -> Option<Call> {
        let newest = self.model.newest();
        let actor = self.index();
        let known = newest.actors.get(&actor).cloned().unwrap_or_default();
        let key = format!("key {}", self.seed.below(3));
        Some(match self.seed.below(20) {
            0..=2 if known.head > 0 => {
                self.versions += 1;
                let older = known.snapshots.keys().next().copied().filter(|_| self.seed.below(3) == 0);
                Call::Save { actor, sequence: older.unwrap_or(known.head), version: self.versions }
            }
            3 => Call::DeleteSnapshot { actor, sequence: *known.snapshots.keys().rev().nth(1)? },
            4..=5 => Call::Put { key, value: self.seed.draw() },
            6 => Call::DeleteRecord { key },
            rest => {
                let count = if rest == 7 && self.seed.below(4) == 0 { 40 } else { 1 + self.seed.below(4) };
                let wake_at = (self.seed.below(3) == 0).then(|| known.head + 1_000);
                Call::Append { actor, expected: known.head, count, wake_at }
            }
        })
    }

    /// Makes a call; it is queued once the result was polled.
    fn issue<'a>(&self, log: &'a LogProvider, call: &Call) -> BoxFuture<'a, Called> {
        let address = |actor: &usize| &self.actors[*actor];
        match call {
            Call::Append { actor, expected, count, wake_at } => {
                let appending = log.append(waking_turn(address(actor), *expected, *count, *wake_at));
                async move { appending.await.map(|_| ()).map_err(append_fate) }.boxed()
            }
            Call::Save { actor, sequence, version } => {
                fated(log.save_snapshot(snapshot_version(address(actor), *sequence, *version)))
            }
            Call::DeleteSnapshot { actor, sequence } => {
                fated(log.delete_snapshot(address(actor).id(), Sequence(*sequence)))
            }
            Call::DeleteThrough { actor, through, is_forced } => {
                let guard = if *is_forced { DeleteGuard::Forced } else { DeleteGuard::BehindSnapshot };
                fated(log.delete_through(address(actor).id(), Sequence(*through), guard))
            }
            Call::Put { key, value } => fated(log.put_record(key, Bytes::copy_from_slice(&value.to_le_bytes()))),
            Call::DeleteRecord { key } => fated(log.delete_record(key)),
        }
    }
}

fn fated<'a>(calling: BoxFuture<'a, Result<(), StoreError>>) -> BoxFuture<'a, Called> {
    async move { calling.await.map_err(|error| (fate(&error), error)) }.boxed()
}

/// Upkeep changes nothing that callers see.
async fn maintained(log: &LogProvider, what: Maintenance) -> Settled {
    match log.maintain(what).await {
        Ok(_) | Err(StoreError::DiskFull { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What an error says of the call that got it.
fn fate(error: &StoreError) -> Fate {
    match error {
        // It may have been written.
        StoreError::Io { .. } => Fate::Unknown,
        _ => Fate::NotStored,
    }
}

fn append_fate(error: AppendError) -> (Fate, StoreError) {
    match error {
        AppendError::Unknown(cause) => (Fate::Unknown, cause),
        AppendError::Failed(cause) => (Fate::NotStored, cause),
        other => (Fate::NotStored, StoreError::Poisoned { cause: other.to_string() }),
    }
}

/// Of actors whose events are deleted behind snapshots only, the newest snapshot and the events after it give the
/// whole state: nothing is lost and nothing counts twice.
fn check_recoverable(found: &super::model::State) -> Result<(), String> {
    for (actor, state) in found.actors.iter().filter(|(actor, _)| *actor % 2 == 0) {
        let newest = state.snapshots.keys().next_back().copied().unwrap_or(0);
        if newest < state.deleted || newest > state.head {
            return Err(format!("actor {actor} cannot be recovered: {state:?}"));
        }
    }
    Ok(())
}
