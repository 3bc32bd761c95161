//! What is kept of one actor's journal, for those who look through the journals of a kind.

use std::ops::ControlFlow;

use crate::frame::Frame;
use crate::provider::{ReadRange, SharedProvider, StoreError};
use crate::vocab::{ActorId, Sequence};

/// Bytes of frames that are read at a time.
const BATCH_BYTES: usize = /* 256 KiB */ 256 * 1_024;
/// How often a journal is read again from where it begins now, when a deletion overtook the reader.
const OVERTAKEN_MAX: u32 = 3;

/// Shows the kept frames of an actor to `look`, a batch at a time and with the first number that is kept, until that breaks it
/// off. False: the journal cannot be read for its own sake, and some of it may not have been shown. Waits for what was
/// handed to the store before.
///
/// # Errors
/// When the store fails.
pub(super) async fn look_through(
    provider: &SharedProvider,
    actor: ActorId,
    mut look: impl FnMut(&[Frame], Sequence) -> ControlFlow<()>,
) -> Result<bool, StoreError> {
    for _ in 0..OVERTAKEN_MAX {
        match look_once(provider, actor, &mut look).await {
            Err(StoreError::Gap { .. }) => {}
            Err(StoreError::Corrupt { .. }) => break,
            other => return other.map(|()| true),
        }
    }
    Ok(false)
}

async fn look_once(
    provider: &SharedProvider,
    actor: ActorId,
    look: &mut impl FnMut(&[Frame], Sequence) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let from = provider.head(actor).await?.deleted_through.next();
    let range = ReadRange { from, through: Sequence::MAX, batch_bytes: BATCH_BYTES };
    let mut reader = provider.read(actor, range);
    while let Some(frames) = reader.next().await? {
        if look(&frames, from).is_break() {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}
