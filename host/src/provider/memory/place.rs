//! Memory as a place for the conformance kit: handles on one store, and faults on request.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};

use super::hook::{Course, Hook};
use super::journal::Journal;
use super::{MemoryProvider, State, lock};
use crate::provider::conformance::{Fault, Faults, Handles, Hold, Offer, Place, Space};
use crate::provider::{SharedProvider, StoreError};

/// A store in memory that outlives its handles.
#[derive(Debug, Default)]
pub struct MemoryPlace {
    state: Arc<Mutex<State>>,
    faults: Arc<MemoryFaults>,
    record_bytes_max: usize,
}

/// The faults of one store in memory.
#[derive(Debug, Default)]
pub struct MemoryFaults {
    state: Arc<Mutex<State>>,
    calls: AtomicU64,
    planned: Mutex<Option<(u64, Fault)>>,
    is_full: AtomicBool,
    reads_to_fail: AtomicU32,
}

impl MemoryPlace {
    /// An empty one whose store refuses records over this size.
    #[must_use]
    pub fn new(record_bytes_max: usize) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let faults = Arc::new(MemoryFaults { state: Arc::clone(&state), ..MemoryFaults::default() });
        Self { state, faults, record_bytes_max }
    }
}

impl Place for MemoryPlace {
    fn open(&self) -> BoxFuture<'_, Result<SharedProvider, StoreError>> {
        let hook = Hook { faults: Some(Arc::clone(&self.faults)) };
        let (state, record_bytes_max) = (Arc::clone(&self.state), self.record_bytes_max);
        let provider: SharedProvider =
            Arc::new(MemoryProvider { state, record_bytes_max, hook, ..MemoryProvider::default() });
        ready(Ok(provider)).boxed()
    }

    fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }

    fn handles(&self) -> Offer<Handles> {
        Offer::Offered(Handles::Shared)
    }

    fn after_kill(&self) -> Offer<Box<dyn Place>> {
        Offer::Declined("a killed process takes its memory along: the one promise that this provider does not make")
    }

    fn after_power_cut(&self, _seed: u64) -> Offer<Box<dyn Place>> {
        Offer::Declined("memory does not survive a power cut, by design")
    }

    fn faults(&self) -> Offer<&dyn Faults> {
        Offer::Offered(&*self.faults)
    }

    fn used_bytes(&self) -> BoxFuture<'_, Offer<u64>> {
        let used = lock(&self.state).journals.values().map(Journal::bytes).sum();
        ready(Offer::Offered(used)).boxed()
    }

    fn of_a_newer_format(&self) -> Offer<Box<dyn Place>> {
        Offer::Declined("nothing is kept from one version of the program to the next: there is no format")
    }
}

impl MemoryFaults {
    pub(super) fn change(&self) -> Course {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let due = planned.filter(|(at, _)| call >= *at).map(|(_, fault)| fault);
        if due.is_some() {
            *planned = None;
        }
        match due {
            // One step under a lock: there is no half of it.
            Some(Fault::Before | Fault::Halfway) => Course::Refused(injected("write")),
            Some(Fault::After) => Course::Obscured(injected("write")),
            None if self.is_full.load(Ordering::SeqCst) => {
                Course::Refused(StoreError::DiskFull { place: "memory".to_owned() })
            }
            None => Course::Well,
        }
    }

    pub(super) fn read(&self) -> Result<(), StoreError> {
        let take = |left: u32| left.checked_sub(1);
        let failed = self.reads_to_fail.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
        if failed { Err(injected("read")) } else { Ok(()) }
    }
}

impl Faults for MemoryFaults {
    fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn fail(&self, call: u64, fault: Fault) {
        *self.planned.lock().unwrap_or_else(PoisonError::into_inner) = Some((call, fault));
    }

    fn cut(&self, _call: u64) -> Offer<()> {
        Offer::Declined("a killed process takes its memory along: the one promise that this provider does not make")
    }

    fn fail_reads(&self, count: u32) -> Offer<()> {
        self.reads_to_fail.store(count, Ordering::SeqCst);
        Offer::Offered(())
    }

    fn corrupt(&self, marker: &[u8]) -> Offer<usize> {
        let mut state = lock(&self.state);
        Offer::Offered(state.journals.values_mut().map(|journal| corrupt_journal(journal, marker)).sum())
    }

    fn fill(&self, space: Space) -> Offer<()> {
        self.is_full.store(space == Space::Full, Ordering::SeqCst);
        Offer::Offered(())
    }

    fn hold(&self, _hold: Hold) -> Offer<()> {
        Offer::Declined("a change is made inside of the call: nothing can be between call and change")
    }
}

fn injected(operation: &'static str) -> StoreError {
    StoreError::Io { operation, place: "memory".to_owned(), reason: "injected".to_owned() }
}

fn corrupt_journal(journal: &mut Journal, marker: &[u8]) -> usize {
    let mut found = 0;
    for frame in &mut journal.frames {
        if let Some(flipped) = flip(&frame.bytes, marker) {
            frame.bytes = flipped;
            found += 1;
        }
    }
    for saved in journal.snapshots.values_mut() {
        if let Some(flipped) = flip(&saved.snapshot.state, marker) {
            saved.snapshot.state = flipped;
            found += 1;
        }
    }
    found
}

/// The bytes with one bit of the marker flipped, if it is in them.
fn flip(bytes: &Bytes, marker: &[u8]) -> Option<Bytes> {
    let at = bytes.windows(marker.len().max(1)).position(|window| window == marker)?;
    let mut flipped = bytes.to_vec();
    if let Some(byte) = flipped.get_mut(at) {
        *byte ^= 1;
    }
    Some(flipped.into())
}
