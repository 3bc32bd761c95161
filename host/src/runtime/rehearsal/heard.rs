//! Work that goes on for as long as somebody takes what it gives out.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::metric::UnderWay;
use super::places::Place;
use crate::actor::{AskError, RequestError};
use crate::provider::StoreError;
use crate::vocab::Tenant;

/// A reader that takes nothing for so long has left, though nobody noticed.
const READER_TIMEOUT: Duration = Duration::from_secs(60);

/// Where what is given out goes; an error is the last.
pub(super) type Out<T> = mpsc::Sender<Result<T, AskError>>;

/// Why work ends before its end.
pub(super) enum End {
    /// Nobody listens.
    Unheard,
    Failed(AskError),
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<RequestError> for End {
    fn from(error: RequestError) -> Self {
        Self::Failed(error.into())
    }
}

/// Gives something out; waits for a slow reader.
///
/// # Errors
/// When nobody takes it.
pub(super) async fn give<T>(out: &Out<T>, given: T) -> Result<(), End> {
    match timeout(READER_TIMEOUT, out.send(Ok(given))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Unheard),
    }
}

/// Works to the end, or until nobody listens or the host closes.
pub(super) async fn work_while_heard<T>(
    (tenant, place): (&Tenant, Place),
    out: Out<T>,
    mut closing: watch::Receiver<bool>,
    work: impl Future<Output = Result<(), End>>,
) {
    let _under_way = UnderWay::begins(tenant);
    let end = tokio::select! {
        biased;
        () = out.closed() => return,
        _ = closing.wait_for(|closing| *closing) => Err(End::Failed(AskError::ShuttingDown)),
        end = work => end,
    };
    // Whoever reads the last of it may begin the next one.
    drop(place);
    if let Err(End::Failed(error)) = end {
        let _left = timeout(READER_TIMEOUT, out.send(Err(error))).await;
    }
}
