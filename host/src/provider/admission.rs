//! Whether an append may be stored: decided from what is known in memory, in the order of the calls.

use super::{Append, AppendError, Snapshot, StoreError};
use crate::vocab::{Address, Sequence};

/// What becomes of an append.
#[derive(Debug)]
pub(super) enum Admission {
    /// It continues the journal.
    Next,
    /// Its place is taken: if by the very same frame, it is a repetition and was successful; if not, a conflict.
    Taken,
    /// It must not be stored.
    Refused(AppendError),
}

/// Decides about an append to the journal of `known` (`None`: a new actor), which ends at `end`.
pub(super) fn admit(append: &Append, known: Option<&Address>, end: Sequence, frame_bytes_max: usize) -> Admission {
    let header = append.frame.header();
    if let Some(reason) = contradiction(append, known) {
        return Admission::Refused(AppendError::Rejected { reason });
    }
    let bytes = append.frame.bytes().len();
    if bytes > frame_bytes_max {
        let reason = StoreError::TooLarge { bytes, limit: frame_bytes_max }.to_string();
        return Admission::Refused(AppendError::Rejected { reason });
    }
    if append.expected == end {
        Admission::Next
    } else if header.last() <= end {
        Admission::Taken
    } else {
        Admission::Refused(conflict(append, end))
    }
}

/// The conflict of an append with a journal that ends at `end`.
pub(super) fn conflict(append: &Append, end: Sequence) -> AppendError {
    AppendError::Conflict { actor: append.frame.header().actor, expected: append.expected, actual: end }
}

/// Where address, expected number and frame do not fit together.
fn contradiction(append: &Append, known: Option<&Address>) -> Option<String> {
    let header = append.frame.header();
    // A known address was hashed once, when its first frame came; comparing is cheaper than hashing it again.
    let same = known.is_some_and(|known| *known == *append.address);
    if !same && append.address.id() != header.actor {
        return Some(format!("the frame of {} was given for {}", header.actor, append.address));
    }
    if let (false, Some(known)) = (same, known) {
        return Some(format!("{} and {known} have the same id, and {known} was first", append.address));
    }
    let gap = append.expected.0.checked_add(1) != Some(header.first.0);
    gap.then(|| format!("the frame starts at {}, which does not follow {}", header.first, append.expected))
}

/// Checks a snapshot of `known`, whose journal ends at `end`, before it is saved.
pub(super) fn admit_snapshot(
    snapshot: &Snapshot,
    known: Option<&Address>,
    end: Sequence,
    bytes_max: usize,
) -> Result<(), StoreError> {
    let bytes = snapshot.state.len().saturating_add(snapshot.ledger.len());
    if bytes > bytes_max {
        return Err(StoreError::TooLarge { bytes, limit: bytes_max });
    }
    if let Some(known) = known.filter(|known| **known != *snapshot.address) {
        return Err(StoreError::AddressTaken { address: snapshot.address.to_string(), holder: known.to_string() });
    }
    if snapshot.meta.sequence > end {
        let actor = snapshot.address.id();
        return Err(StoreError::AheadOfJournal { actor, sequence: snapshot.meta.sequence, head: end });
    }
    Ok(())
}
