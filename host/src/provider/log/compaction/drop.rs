//! Giving a segment up, once nothing of it is needed: first the record, then the file.

use super::submit;
use crate::provider::StoreError;
use crate::provider::log::core::Shared;
use crate::provider::log::queue::Op;
use crate::provider::log::segment;
use crate::provider::log::writer::io_error;

/// Why a segment is still there.
#[derive(Debug)]
pub(super) enum DropFailure {
    /// Nothing was done; it can be tried again.
    NotBegun(StoreError),
    /// It is given up, and its file may or may not come back after a power cut. Nothing else may be given up before the
    /// log is opened again: what it holds is older than deletions that would be forgotten then.
    Unfinished(StoreError),
}

/// Writes that `number` is given up, durably, then removes its file, durably. `segments` are all that there are.
///
/// A crash in between leaves a file that opening removes.
pub(super) fn give_up(shared: &Shared, number: u64, segments: &[u64]) -> Result<(), DropFailure> {
    let oldest = segments.iter().copied().filter(|other| *other != number).min().unwrap_or(number + 1);
    submit(shared, Op::GiveUp { segment: number, oldest }).map_err(DropFailure::NotBegun)?;
    let place = shared.files.place(&segment::name(number));
    let removed = shared.files.remove(number);
    removed.map_err(|error| DropFailure::Unfinished(io_error("removing", &place, &error)))
}
