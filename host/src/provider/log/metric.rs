//! The log's figures; every name with its unit. Recorded per batch, never per event.

use std::time::Duration;

/// Group commits written.
const COMMITS: &str = "greenroom_commits_total";
/// Time from taking a batch to its acknowledgement, seconds.
const COMMIT_SECONDS: &str = "greenroom_commit_seconds";
/// Bytes of a batch.
const COMMIT_BYTES: &str = "greenroom_commit_bytes";
/// Records of a batch.
const COMMIT_RECORDS: &str = "greenroom_commit_records";
/// Syncs asked of the disk for batches.
const SYNCS: &str = "greenroom_syncs_total";
/// Bytes written to the log.
const LOG_BYTES: &str = "greenroom_log_written_bytes_total";

/// A batch was written and, if the durability asks for it, synced.
pub(super) fn commit(took: Duration, bytes: usize, records: u32) {
    metrics::counter!(COMMITS).increment(1);
    metrics::counter!(LOG_BYTES).increment(bytes as u64);
    metrics::histogram!(COMMIT_SECONDS).record(took.as_secs_f64());
    metrics::histogram!(COMMIT_BYTES).record(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)));
    metrics::histogram!(COMMIT_RECORDS).record(f64::from(records));
}

/// The disk is asked to sync.
pub(super) fn sync() {
    metrics::counter!(SYNCS).increment(1);
}
