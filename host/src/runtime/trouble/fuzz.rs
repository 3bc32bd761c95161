//! Records of actors in trouble, of skipped events and of dead letters; see `fuzzing`.

use super::dead_letters::StoredLetter;
use super::record::StoredTrouble;
use super::skips::StoredSkips;
use crate::frame::fuzz::record;

/// Bytes are a record or an error.
pub(crate) fn fuzz_troubles(bytes: &[u8]) {
    if let Some(StoredTrouble::V1(record)) = record(bytes) {
        let _looked = record.past();
    }
    let _skips: Option<StoredSkips> = record(bytes);
    let _letter: Option<StoredLetter> = record(bytes);
}
