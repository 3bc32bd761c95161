//! The embedded store, as `serve` opens it.

use std::path::Path;

use super::failure::Failure;
use crate::api::Problem;
use crate::provider::SharedProvider;
use crate::provider::log::{LogProvider, LogSettings};
use crate::runtime::{AskError, Durability};
use crate::vocab::Code;

/// Beside the compiled code: the store wants a directory of its own.
pub(super) const STORE_DIR: &str = "store";

/// Opens the store below the data directory, off the threads that answer requests: it reads the whole log.
///
/// # Errors
/// That the directory cannot be used, is in use, or holds what cannot be trusted.
pub(super) async fn open(data: &Path, log: LogSettings, durability: Durability) -> Result<SharedProvider, Failure> {
    let settings = LogSettings { dir: data.join(STORE_DIR), durability, ..log };
    let opened = tokio::task::spawn_blocking(move || LogProvider::open(settings)).await;
    match opened {
        Ok(Ok(provider)) => Ok(provider),
        Ok(Err(error)) => Err(Failure::from(Problem::from(AskError::from(error)))),
        Err(panic) => Err(Failure::new(Code::StoreFailed, format!("the store could not be opened: {panic}"))),
    }
}
