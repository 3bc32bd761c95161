//! A place whose stores have a defect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::{BoxFuture, FutureExt};

use super::defect::Defect;
use super::provider::BrokenProvider;
use crate::provider::conformance::{Faults, Handles, Offer, Place};
use crate::provider::memory::MemoryPlace;
use crate::provider::{SharedProvider, StoreError};

const RECORD_BYTES_MAX: usize = /* 2 MiB */ 2 * 1_024 * 1_024;

/// A store in memory with a defect.
#[derive(Debug)]
pub(super) struct BrokenPlace {
    memory: MemoryPlace,
    defect: Defect,
    most_bytes: AtomicU64,
    poisoned: Arc<AtomicBool>,
}

impl BrokenPlace {
    pub(super) fn new(defect: Defect) -> Self {
        let one_more = usize::from(defect == Defect::LimitIsOneMore);
        let memory = MemoryPlace::new(RECORD_BYTES_MAX + one_more);
        Self { memory, defect, most_bytes: AtomicU64::new(0), poisoned: Arc::default() }
    }
}

impl Place for BrokenPlace {
    fn open(&self) -> BoxFuture<'_, Result<SharedProvider, StoreError>> {
        async move {
            let island = MemoryPlace::new(RECORD_BYTES_MAX);
            let memory = if self.defect == Defect::HandlesAreIslands { &island } else { &self.memory };
            let inner = memory.open().await?;
            Ok(BrokenProvider::new(inner, self.defect, Arc::clone(&self.poisoned)) as SharedProvider)
        }
        .boxed()
    }

    fn record_bytes_max(&self) -> usize {
        RECORD_BYTES_MAX
    }

    fn handles(&self) -> Offer<Handles> {
        self.memory.handles()
    }

    fn faults(&self) -> Offer<&dyn Faults> {
        self.memory.faults()
    }

    fn used_bytes(&self) -> BoxFuture<'_, Offer<u64>> {
        if self.defect != Defect::KeepsSpace {
            return self.memory.used_bytes();
        }
        async move {
            let Offer::Offered(used) = self.memory.used_bytes().await else { return Offer::Declined("unknown") };
            Offer::Offered(self.most_bytes.fetch_max(used, Ordering::SeqCst).max(used))
        }
        .boxed()
    }

    fn of_a_newer_format(&self) -> Offer<Box<dyn Place>> {
        match self.defect {
            Defect::OpensTheFuture => Offer::Offered(Box::new(Self::new(self.defect))),
            _ => self.memory.of_a_newer_format(),
        }
    }

    fn fingerprint(&self) -> Offer<Vec<u8>> {
        Offer::Offered(Vec::new())
    }
}
