//! What an operator may tweak about the log.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::disk::IndexMemory;
use crate::provider::Durability;

/// The largest record. Places in a file are 32 bits, and so are lengths: a batch, which is at most one record over its own bound,
/// must stay below that.
const RECORD_BYTES_MAX: usize = /* 1 GiB */ 1_024 * 1_024 * 1_024;
/// The largest group commit, before its last record.
const BATCH_BYTES_MAX: usize = /* 1 GiB */ 1_024 * 1_024 * 1_024;
/// The smallest segment; less would be headers only.
const SEGMENT_BYTES_MIN: u64 = /* 4 KiB */ 4 * 1_024;

/// How the log writes and reads. Everything but `dir` has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LogSettings {
    /// The directory that holds the store, and nothing else.
    pub dir: PathBuf,
    /// What an acknowledgement is worth.
    pub durability: Durability,
    /// Bytes of one segment file; written with zeros before it is used, so that syncs need not grow it.
    pub segment_bytes: u64,
    /// Bytes of the first segment of a new store: less to write before the first command is served.
    pub first_segment_bytes: u64,
    /// Bytes of one frame, snapshot or catalog record; bounds what one record makes the host hold in memory.
    pub record_bytes_max: usize,
    /// Bytes of one group commit, roughly; bounds how long an append waits behind others in the same sync.
    pub batch_bytes: usize,
    /// Bytes that wait for the committer before [`Durability::Memory`] makes writers wait too.
    pub queue_bytes: usize,
    /// How often [`Durability::Flush`] syncs and [`Durability::Memory`] writes, milliseconds.
    pub flush_every_ms: u64,
    /// Whether a thread prepares the next segment before it is needed. Off: the commit that needs it waits.
    pub prepare_ahead: bool,
    /// Reads that use the disk at the same time; the others queue in order. Bounds the threads they occupy.
    pub concurrent_reads: usize,
    /// Whether a thread keeps the index near the log and gives space back. Off: only on demand, and at closing.
    pub maintain: bool,
    /// Actors that are kept in memory because they were used lately; the index holds all of them.
    pub resident_actors: usize,
    /// Changes (frames, snapshots, deletions) after which the index is written; what is not written is in memory, and is
    /// read again after a crash. The committer waits when twice as many wait.
    pub checkpoint_changes: usize,
    /// Bytes of log after which the index is written: how much is read again after a crash.
    pub checkpoint_bytes: u64,
    /// The longest time after which it is, if anything changed, milliseconds.
    pub checkpoint_every_ms: u64,
    /// Bytes of the index's blocks that are kept for reading.
    pub index_cache_bytes: u64,
    /// Bytes of changes that the index keeps in memory before it sorts them into a file; at most five times this, briefly.
    pub index_write_bytes: u64,
    /// A segment of which less than this is still needed is given up, percent; 0: none ever is.
    pub give_up_below_percent: u32,
    /// How much of the disk's time upkeep may take, percent.
    pub upkeep_percent: u32,
    /// An actor whose events need at least this many small reads is merged once it is quiet; 0: none ever is.
    pub merge_reads_min: usize,
    /// … if those reads bring in less than this on average, bytes.
    pub merge_read_bytes: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("data"),
            durability: Durability::Sync,
            segment_bytes: /* 64 MiB */ 64 * 1_024 * 1_024,
            first_segment_bytes: /* 4 MiB */ 4 * 1_024 * 1_024,
            record_bytes_max: /* 32 MiB */ 32 * 1_024 * 1_024,
            batch_bytes: /* 4 MiB */ 4 * 1_024 * 1_024,
            queue_bytes: /* 32 MiB */ 32 * 1_024 * 1_024,
            flush_every_ms: 1_000,
            prepare_ahead: true,
            concurrent_reads: 16,
            maintain: true,
            resident_actors: 65_536,
            checkpoint_changes: 16_384,
            checkpoint_bytes: /* 64 MiB */ 64 * 1_024 * 1_024,
            checkpoint_every_ms: 30_000,
            index_cache_bytes: /* 16 MiB */ 16 * 1_024 * 1_024,
            index_write_bytes: /* 16 MiB */ 16 * 1_024 * 1_024,
            give_up_below_percent: 50,
            upkeep_percent: 25,
            merge_reads_min: 64,
            merge_read_bytes: /* 16 KiB */ 16 * 1_024,
        }
    }
}

impl LogSettings {
    /// The defaults, in this directory.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), ..Self::default() }
    }

    /// Settings whose zero is no bound that stops everything, but switches something off.
    pub const ZERO_IS_NEVER: [&str; 2] = ["give_up_below_percent", "merge_reads_min"];

    /// What is wrong with the values: the setting's name, and why; `None`: nothing. A log is not opened with others.
    #[must_use]
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let bounds = [
            ("record_bytes_max", self.record_bytes_max, RECORD_BYTES_MAX),
            ("batch_bytes", self.batch_bytes, BATCH_BYTES_MAX),
        ];
        let over = bounds.into_iter().find(|(_, bytes, most)| bytes > most);
        over.map(|(name, bytes, most)| {
            (name, format!("{bytes} is more than {most}, the most that the log's format holds"))
        })
    }

    /// These settings with another durability.
    #[must_use]
    pub fn with_durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// What the index store may use.
    pub(super) const fn index_memory(&self) -> IndexMemory {
        IndexMemory { cache_bytes: self.index_cache_bytes, write_bytes: self.index_write_bytes }
    }

    /// Bytes of a segment, within what the format can hold.
    pub(super) fn segment_bytes(&self, number: u64) -> u64 {
        let wanted = if number == 1 { self.first_segment_bytes.min(self.segment_bytes) } else { self.segment_bytes };
        wanted.clamp(SEGMENT_BYTES_MIN, u64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_format_cannot_hold_is_named() {
        assert_eq!(LogSettings::default().problem(), None);
        let most =
            LogSettings { record_bytes_max: RECORD_BYTES_MAX, batch_bytes: BATCH_BYTES_MAX, ..LogSettings::default() };
        assert_eq!(most.problem(), None);
        let over = [
            LogSettings { record_bytes_max: RECORD_BYTES_MAX + 1, ..LogSettings::default() },
            LogSettings { batch_bytes: BATCH_BYTES_MAX + 1, ..LogSettings::default() },
        ];
        let named = over.map(|settings| settings.problem().map(|(name, _)| name));
        assert_eq!(named, [Some("record_bytes_max"), Some("batch_bytes")]);
    }

    /// The largest batch, with the largest record as its last one, fits a file whose places are 32 bits.
    #[test]
    fn the_largest_batch_fits_the_format() {
        let batch = RECORD_BYTES_MAX.max(BATCH_BYTES_MAX) + /* headers, an address */ 8 * 1_024;
        assert!(u32::try_from(batch + BATCH_BYTES_MAX).is_ok());
    }
}
