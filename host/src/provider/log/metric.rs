//! The log's figures; every name with its unit. Recorded per batch, never per event.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

const COMMITS: &str = "greenroom_commits_total";
const COMMIT_SECONDS: &str = "greenroom_commit_seconds";
const COMMIT_BYTES: &str = "greenroom_commit_bytes";
const COMMIT_RECORDS: &str = "greenroom_commit_records";
const SYNCS: &str = "greenroom_syncs_total";
const LOG_BYTES: &str = "greenroom_log_written_bytes_total";

const COPIED_BYTES: &str = "greenroom_log_copied_bytes_total";
const GIVEN_UP: &str = "greenroom_log_segments_given_up_total";
const GIVEN_BACK_BYTES: &str = "greenroom_log_given_back_bytes_total";
const MERGES: &str = "greenroom_log_merged_actors_total";
const KEPT: &str = "greenroom_log_upkeep_findings_total";

const CHECKPOINT_SECONDS: &str = "greenroom_index_checkpoint_seconds";
const CHECKPOINT_ENTRIES: &str = "greenroom_index_checkpoint_entries";
const INDEX_LAG_BYTES: &str = "greenroom_index_lag_bytes";
const RESIDENT: &str = "greenroom_index_resident_actors";
const INDEX_FAILURES: &str = "greenroom_index_failures_total";

/// Gives every metric of the log its help text; call once after the recorder is installed.
pub fn describe_metrics() {
    describe_counter!(COMMITS, "Group commits written");
    describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "Time from taking a batch to its acknowledgement");
    describe_histogram!(COMMIT_BYTES, Unit::Bytes, "Bytes of a group commit");
    describe_histogram!(COMMIT_RECORDS, Unit::Count, "Records of a group commit");
    describe_counter!(SYNCS, "Syncs asked of the disk for group commits");
    describe_counter!(LOG_BYTES, Unit::Bytes, "Bytes written to the log");
    describe_histogram!(CHECKPOINT_SECONDS, Unit::Seconds, "Time of writing what changed into the index");
    describe_histogram!(CHECKPOINT_ENTRIES, Unit::Count, "Entries written and removed by it");
    describe_gauge!(INDEX_LAG_BYTES, Unit::Bytes, "Bytes of log that came while the index was being written");
    describe_gauge!(RESIDENT, Unit::Count, "Actors of which the index keeps an entry in memory");
    describe_counter!(INDEX_FAILURES, "Times the index could not be written; it is tried again after a pause");
    describe_counter!(COPIED_BYTES, Unit::Bytes, "Bytes that upkeep wrote again at the end of the log");
    describe_counter!(GIVEN_UP, "Segments whose files were removed");
    describe_counter!(GIVEN_BACK_BYTES, Unit::Bytes, "Bytes of the segments whose files were removed");
    describe_counter!(MERGES, "Actors whose scattered events were brought together");
    describe_counter!(KEPT, "Times that upkeep left something as it is because it is damaged or could not be removed");
}

/// A checkpoint wrote so many entries; `lag_bytes` of log came meanwhile, and so many actors are in memory.
pub(super) fn checkpoint(took: Duration, entries: usize, lag_bytes: u64, resident: usize) {
    metrics::histogram!(CHECKPOINT_SECONDS).record(took.as_secs_f64());
    metrics::histogram!(CHECKPOINT_ENTRIES).record(f64::from(u32::try_from(entries).unwrap_or(u32::MAX)));
    metrics::gauge!(INDEX_LAG_BYTES).set(u32::try_from(lag_bytes).map_or(f64::MAX, f64::from));
    metrics::gauge!(RESIDENT).set(f64::from(u32::try_from(resident).unwrap_or(u32::MAX)));
}

/// The index store failed.
pub(super) fn index_failed() {
    metrics::counter!(INDEX_FAILURES).increment(1);
}

/// A batch was written and, if the durability asks for it, synced.
pub(super) fn commit(took: Duration, bytes: usize, records: u32) {
    metrics::counter!(COMMITS).increment(1);
    metrics::counter!(LOG_BYTES).increment(bytes as u64);
    metrics::histogram!(COMMIT_SECONDS).record(took.as_secs_f64());
    metrics::histogram!(COMMIT_BYTES).record(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)));
    metrics::histogram!(COMMIT_RECORDS).record(f64::from(records));
}

/// Upkeep wrote copies.
pub(super) fn copied(bytes: u64) {
    metrics::counter!(COPIED_BYTES).increment(bytes);
}

/// A segment's file was removed.
pub(super) fn given_up(bytes: u64) {
    metrics::counter!(GIVEN_UP).increment(1);
    metrics::counter!(GIVEN_BACK_BYTES).increment(bytes);
}

/// Actors' events were brought together.
pub(super) fn merged(actors: u64) {
    metrics::counter!(MERGES).increment(actors);
}

/// Upkeep found something that it must leave as it is.
pub(super) fn kept() {
    metrics::counter!(KEPT).increment(1);
}

/// The disk is asked to sync.
pub(super) fn sync() {
    metrics::counter!(SYNCS).increment(1);
}
