//! CPU time of this process by the names of its threads, so that a row can say who spent it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::sample::Sample;

/// Nanoseconds on a core by thread name, since each thread began. Empty where the system does not tell.
#[derive(Debug, Default)]
pub(crate) struct Cpu(BTreeMap<String, u64>);

/// Thread names (as the system cuts them, to 15 bytes) and what the table calls them.
const NAMES: &[(&str, &str)] = &[
    (crate::bench::LOAD_THREADS, "CPU load"),
    ("greenroom-stage", "CPU actors"),
    ("greenroom-log", "CPU log"),
    ("http", "CPU HTTP"),
];

impl Cpu {
    /// What was spent until now.
    pub(crate) fn now() -> Self {
        let mut spent = BTreeMap::new();
        let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        for (name, nanos) in threads.filter_map(|thread| read(&thread.path())) {
            let sum: &mut u64 = spent.entry(name).or_default();
            *sum = sum.saturating_add(nanos);
        }
        Self(spent)
    }

    /// Adds to `sample` what each kind of thread has spent since, per operation, in microseconds.
    pub(crate) fn note_since(&self, operations: u64, sample: &mut Sample) {
        let now = Self::now();
        for (thread, label) in NAMES {
            let spent = |cpu: &Self| cpu.0.get(*thread).copied().unwrap_or_default();
            let nanos = spent(&now).saturating_sub(spent(self));
            if nanos > 0 {
                sample.note(label, nanos as f64 / 1e3 / operations.max(1) as f64, "µs");
            }
        }
    }
}

fn read(thread: &Path) -> Option<(String, u64)> {
    let name = std::fs::read_to_string(thread.join("comm")).ok()?;
    let schedule = std::fs::read_to_string(thread.join("schedstat")).ok()?;
    let nanos = schedule.split_whitespace().next()?.parse().ok()?;
    Some((name.trim().to_owned(), nanos))
}
