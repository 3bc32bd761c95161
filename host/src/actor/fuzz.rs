//! What frames and snapshots carry for the host itself: timers, tells, keys.

use super::ledger::{Ledger, decode_changes, decode_keys, encode_changes, encode_keys};
use crate::vocab::{Limits, Sequence};

/// Bytes are a ledger, changes or keys, or an error; applying whatever was read keeps the ledger's sums right.
pub(crate) fn ledger(bytes: &[u8]) {
    let mut ledger = Ledger::decode(bytes).unwrap_or_default();
    if let Ok(changes) = decode_changes(bytes) {
        let again = encode_changes(&changes).ok().and_then(|bytes| decode_changes(&bytes).ok());
        assert!(again.is_some_and(|again| again == changes), "changes are not read as they are written");
        ledger.apply_changes(Sequence(1), changes);
    }
    if let Ok(keys) = decode_keys(bytes) {
        let again = encode_keys(&keys).ok().and_then(|bytes| decode_keys(&bytes).ok());
        assert!(again.is_some_and(|again| again == keys), "keys are not read as they are written");
        ledger.apply_keys(keys, &Limits::default());
    }
    let _looked = (ledger.wake_at(), ledger.next_timer_at(), ledger.outbox_len());
    let pending = ledger.pending_bytes();
    let again = ledger.encode().ok().and_then(|bytes| Ledger::decode(&bytes).ok());
    assert!(again.is_none_or(|again| again.pending_bytes() == pending), "the bytes that are pending are miscounted");
}
