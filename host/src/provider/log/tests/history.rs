//! A seeded history of calls, what was acknowledged of it, and what a store must hold after a crash.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use crate::frame::{EventColumns, Frame, FrameParts};
use crate::provider::log::disk::{Disk, Seed, SimDisk};
use crate::provider::log::{LogProvider, LogSettings};
use crate::provider::{
    Append, Catalog, DeleteGuard, Durability, EventStore, Provider, ReadRange, Snapshot, SnapshotMeta, SnapshotStore,
};
use crate::vocab::{Address, RevisionId, Sequence, Timestamp};

/// Segments so small that a history fills several.
pub(super) fn settings(durability: Durability) -> LogSettings {
    LogSettings {
        durability,
        segment_bytes: /* 4 KiB */ 4 * 1_024,
        first_segment_bytes: /* 4 KiB */ 4 * 1_024,
        // The order of writes must follow from the seed alone.
        prepare_ahead: false,
        flush_every_ms: 60_000,
        // Upkeep does not rest.
        upkeep_percent: 100,
        ..LogSettings::default()
    }
}

/// What one actor was told and what it tried.
#[derive(Debug, Default, Clone)]
struct Told {
    acknowledged: u64,
    /// The last number of every frame that was sent, in order.
    sent: Vec<u64>,
    deleted: u64,
    deleting: u64,
    /// By number: whether it was acknowledged, or also deleted again (then anything goes).
    snapshots: BTreeMap<u64, bool>,
}

/// A history in progress.
#[derive(Debug)]
pub(super) struct History {
    seed: Seed,
    actors: Vec<(Arc<Address>, Told)>,
    catalog: BTreeMap<String, Values>,
}

/// The values that one key ever got, in order (`None`: no record).
#[derive(Debug)]
struct Values {
    sent: Vec<Option<u64>>,
    /// From here on they may be found: the last acknowledged one, or one that was sent after it.
    acknowledged: usize,
}

/// The turn of `count` events behind `expected`; its content follows from its numbers.
pub(super) fn turn(address: &Arc<Address>, expected: u64, count: u64) -> Append {
    let mut events = EventColumns::default();
    for number in expected + 1..=expected + count {
        events.types.push(u16::try_from(number % 5).expect("small"));
        events.payloads.push(payload(address, number).as_bytes());
    }
    let parts = FrameParts {
        actor: address.id(),
        first: Sequence(expected + 1),
        time: Timestamp(expected),
        wake_at: None,
        revision: RevisionId(1),
        events: &events,
        effects: &[],
        keys: &[],
    };
    let frame = Frame::encode(&parts).expect("sound");
    Append { address: Arc::clone(address), expected: Sequence(expected), frame }
}

fn payload(address: &Address, number: u64) -> String {
    format!("{} {number} {}", address.key, "x".repeat(usize::try_from(number * 37 % 300).expect("small")))
}

pub(super) fn snapshot(address: &Arc<Address>, sequence: u64) -> Snapshot {
    let state = format!("{} at {sequence}", address.key).into_bytes();
    let meta = SnapshotMeta {
        sequence: Sequence(sequence),
        time: Timestamp(sequence),
        revision: RevisionId(1),
        state_version: 1,
        state_bytes: state.len() as u64,
    };
    Snapshot { address: Arc::clone(address), meta, state: state.into(), ledger: Bytes::new() }
}

impl History {
    pub(super) fn new(seed: u64) -> Self {
        let actor = |index| Arc::new(Address::new("tenant", "kind", format!("actor {index}")).expect("legal"));
        let actors = (0..4).map(|index| (actor(index), Told::default())).collect();
        Self { seed: Seed(seed), actors, catalog: BTreeMap::new() }
    }

    /// As if nothing had been acknowledged: for durabilities that may forget.
    pub(super) fn forget_acknowledgements(&mut self) {
        for (_, told) in &mut self.actors {
            told.acknowledged = 0;
            told.deleted = 0;
            told.snapshots.values_mut().for_each(|acknowledged| *acknowledged = false);
        }
        self.catalog.values_mut().for_each(|values| values.acknowledged = 0);
    }

    /// Runs until the end or the first error; closes and opens again on the way.
    pub(super) async fn run(&mut self, disk: &SimDisk, settings: &LogSettings) {
        for life in 0..3 {
            let Ok(log) = LogProvider::open_on(Arc::new(disk.clone()), settings.clone()) else { return };
            for _ in 0..8 {
                if !self.step(&log).await {
                    return;
                }
            }
            // Twice closed, once dropped.
            if life != 1 && log.close().await.is_err() {
                return;
            }
        }
    }

    async fn step(&mut self, log: &LogProvider) -> bool {
        match self.seed.below(8) {
            0 => self.save(log).await,
            1 => self.delete(log).await,
            2 => self.put(log).await,
            _ => self.append(log).await,
        }
    }

    /// Pipelined turns of several actors.
    async fn append(&mut self, log: &LogProvider) -> bool {
        let mut waiting = Vec::new();
        for _ in 0..=self.seed.below(5) {
            let index = usize::try_from(self.seed.below(4)).expect("small");
            let count = self.seed.below(4) + 1;
            let (address, told) = &mut self.actors[index];
            let expected = told.sent.last().copied().unwrap_or(0);
            told.sent.push(expected + count);
            let appending = log.append(turn(address, expected, count));
            waiting.push(async move { (index, appending.await) });
        }
        let mut all = true;
        for (index, result) in join_all(waiting).await {
            let told = &mut self.actors[index].1;
            match result {
                Ok(last) => told.acknowledged = told.acknowledged.max(last.0),
                Err(_) => all = false,
            }
        }
        all
    }

    async fn save(&mut self, log: &LogProvider) -> bool {
        let index = usize::try_from(self.seed.below(4)).expect("small");
        let (address, told) = &mut self.actors[index];
        let sequence = told.acknowledged;
        if sequence == 0 {
            return true;
        }
        let known = told.snapshots.entry(sequence).or_insert(false);
        let saved = log.save_snapshot(snapshot(address, sequence)).await.is_ok();
        *known |= saved;
        saved
    }

    async fn delete(&mut self, log: &LogProvider) -> bool {
        let index = usize::try_from(self.seed.below(4)).expect("small");
        let (address, told) = &mut self.actors[index];
        let through = told.acknowledged / 2;
        told.deleting = told.deleting.max(through);
        let deleted = log.delete_through(address.id(), Sequence(through), DeleteGuard::Forced).await.is_ok();
        if deleted {
            told.deleted = told.deleted.max(through);
        }
        deleted
    }

    async fn put(&mut self, log: &LogProvider) -> bool {
        let key = format!("key {}", self.seed.below(3));
        let value = (self.seed.below(4) > 0).then(|| self.seed.draw());
        let known = self.catalog.entry(key.clone()).or_insert_with(|| Values { sent: vec![None], acknowledged: 0 });
        known.sent.push(value);
        let stored = match value {
            Some(value) => log.put_record(&key, Bytes::copy_from_slice(&value.to_le_bytes())).await,
            None => log.delete_record(&key).await,
        };
        if stored.is_ok() {
            known.acknowledged = known.sent.len() - 1;
        }
        stored.is_ok()
    }

    /// Opens what a crash left and compares; then goes on writing, opens again, and compares again.
    pub(super) async fn verify(&self, disk: &SimDisk, settings: &LogSettings) -> Result<(), String> {
        let open = || {
            let disk: Arc<dyn Disk> = Arc::new(disk.clone());
            LogProvider::open_on(disk, settings.clone()).map_err(|error| format!("it does not open: {error}"))
        };
        let log = open()?;
        let mut heads = Vec::new();
        for (address, told) in &self.actors {
            heads.push(verify_actor(&log, address, told).await?);
        }
        self.verify_catalog(&log).await?;
        for ((address, _), head) in self.actors.iter().zip(&heads) {
            log.append(turn(address, *head, 2)).await.map_err(|error| format!("it does not go on: {error}"))?;
        }
        log.close().await.map_err(|error| error.to_string())?;
        drop(log);
        let log = open()?;
        for ((address, _), head) in self.actors.iter().zip(heads) {
            let again = log.head(address.id()).await.map_err(|error| error.to_string())?;
            if again.sequence != Sequence(head + 2) {
                return Err(format!("{address} went from {head} to {} instead of two on", again.sequence));
            }
        }
        Ok(())
    }

    async fn verify_catalog(&self, log: &LogProvider) -> Result<(), String> {
        for (key, values) in &self.catalog {
            let allowed = &values.sent[values.acknowledged..];
            let found = log.record(key).await.map_err(|error| error.to_string())?;
            let found = found.map(|bytes| u64::from_le_bytes(bytes[..].try_into().expect("eight bytes")));
            if !allowed.contains(&found) {
                return Err(format!("{key} is {found:?}, not one of {allowed:?}"));
            }
        }
        Ok(())
    }
}

/// Checks one actor; returns where its journal ends.
async fn verify_actor(log: &LogProvider, address: &Arc<Address>, told: &Told) -> Result<u64, String> {
    let text = |error: crate::provider::StoreError| format!("{address}: {error}");
    let head = log.head(address.id()).await.map_err(text)?;
    let end = head.sequence.0;
    if end < told.acknowledged {
        return Err(format!("{address} lost {} of {} acknowledged events", told.acknowledged - end, told.acknowledged));
    }
    if end > 0 && !told.sent.contains(&end) {
        return Err(format!("{address} ends at {end}, inside a turn: {:?}", told.sent));
    }
    if !(told.deleted..=told.deleting).contains(&head.deleted_through.0) {
        return Err(format!("{address} is deleted through {}, not {}", head.deleted_through, told.deleted));
    }
    let mut events = EventColumns::default();
    let from = head.deleted_through.next();
    let mut reader = log.read(address.id(), ReadRange { from, through: Sequence::MAX, batch_bytes: 1_000 });
    while let Some(frames) = reader.next().await.map_err(text)? {
        frames.iter().for_each(|frame| _ = frame.append_events(from, Sequence::MAX, &mut events));
    }
    let expected: Vec<_> = (from.0..=end).map(|number| payload(address, number).into_bytes()).collect();
    if events.payloads.iter().ne(expected.iter().map(Vec::as_slice)) {
        return Err(format!("{address}: other events than were sent between {from} and {end}"));
    }
    for (sequence, acknowledged) in &told.snapshots {
        let loaded = log.load_snapshot(address.id(), Sequence(*sequence)).await.map_err(text)?;
        let same = loaded.as_ref() == Some(&snapshot(address, *sequence));
        if *acknowledged && !same {
            return Err(format!("{address} lost its snapshot at {sequence}"));
        }
    }
    Ok(end)
}
