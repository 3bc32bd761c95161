//! Every check of the conformance kit, on this provider.

use greenroom_host::provider::conformance::{Offer, Place};
use greenroom_host::provider::memory::MemoryProvider;
use greenroom_host::provider::{SharedProvider, StoreError};

struct Notes;

impl Place for Notes {
    fn open(&self) -> futures_util::future::BoxFuture<'_, Result<SharedProvider, StoreError>> {
        Box::pin(async {
            Ok(provider::Counting::new(MemoryProvider::with_record_bytes_max(2_000_000)) as SharedProvider)
        })
    }
    fn record_bytes_max(&self) -> usize {
        2_000_000
    }
    fn reopens(&self) -> Offer<()> {
        Offer::Declined("memory: each opening is a new store")
    }
}

greenroom_host::provider_conformance!(Notes);
