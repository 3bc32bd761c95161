//! The host's own counters: how a row knows that what it told was handled, and how many syncs it took.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Commands that were handled.
pub(crate) const COMMANDS: &str = "greenroom_commands_total";
/// Calls of guests that handled commands.
pub(crate) const TURNS: &str = "greenroom_turns_total";
/// Syncs of the log.
pub(crate) const SYNCS: &str = "greenroom_syncs_total";
/// Actors brought on stage.
pub(crate) const ACTIVATIONS: &str = "greenroom_activations_total";
/// Actors that left the stage.
pub(crate) const PASSIVATIONS: &str = "greenroom_passivations_total";
/// Events handed to guests in recoveries.
pub(crate) const REPLAYED_EVENTS: &str = "greenroom_replayed_events_total";
/// Snapshots that were saved, or could not be.
pub(crate) const SNAPSHOTS: &str = "greenroom_snapshots_total";
/// How long to wait for a counter that follows an answer.
const COUNTED_WITHIN: Duration = Duration::from_secs(2);

/// Every counter of the process by name, labels added up. Gauges and histograms are not kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

impl Counts {
    /// Becomes the process's recorder.
    ///
    /// # Errors
    /// When there is one already.
    pub(crate) fn install() -> Result<Self> {
        let counts = Self::default();
        metrics::set_global_recorder(counts.clone()).context("this process has a metrics recorder already")?;
        Ok(counts)
    }

    /// What a counter shows; 0 if nobody counted.
    pub(crate) fn get(&self, name: &str) -> u64 {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.get(name).map_or(0, |counter| counter.load(Ordering::SeqCst))
    }

    /// Fails unless a counter shows exactly `expected`. Waits a moment for it: answers leave before they are counted.
    ///
    /// # Errors
    /// When it shows more, or less after the moment.
    pub(crate) async fn ensure(&self, name: &str, expected: u64) -> Result<()> {
        let until = Instant::now() + COUNTED_WITHIN;
        while self.get(name) < expected && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let found = self.get(name);
        ensure!(found == expected, "{name} is {found}, it should be {expected}");
        Ok(())
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Counter::from_arc(Arc::clone(counters.entry(key.name().to_owned()).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
