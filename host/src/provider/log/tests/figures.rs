//! What was tried, counted; and histories spread over the machine's cores.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counts by name.
#[derive(Debug, Default)]
pub(super) struct Figures(Mutex<BTreeMap<&'static str, u64>>);

impl Figures {
    pub(super) fn add(&self, name: &'static str, count: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += count;
    }

    pub(super) fn count(&self, name: &'static str) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or_default()
    }

    /// One line per name.
    pub(super) fn table(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(name, count)| format!("  {name:<44} {count:>10}\n")).collect()
    }
}

/// Runs `each` for every seed, as many at a time as there are cores; the first failure of the smallest seed.
pub(super) fn every_seed<F, R>(seeds: Range<u64>, each: F) -> Result<(), String>
where
    F: Fn(u64) -> R + Sync,
    R: Future<Output = Result<(), String>>,
{
    let next = AtomicU64::new(seeds.start);
    let failures = Mutex::new(BTreeMap::new());
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= seeds.end || !failures.lock().expect("no panic").is_empty() {
                return;
            }
            if let Err(broken) = runtime.block_on(each(seed)) {
                failures.lock().expect("no panic").insert(seed, broken);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
    failures.into_inner().expect("no panic").into_values().next().map_or(Ok(()), Err)
}
