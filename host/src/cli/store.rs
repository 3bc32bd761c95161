//! The embedded store, as `serve` opens it.

use std::path::Path;

use super::failure::Failure;
use crate::provider::SharedProvider;
use crate::provider::log::{LogProvider, LogSettings};
use crate::runtime::Durability;
use crate::vocab::Code;

/// Beside the compiled code: the store wants a directory of its own.
const STORE_DIR: &str = "store";

/// Opens the store of a data directory, or makes a new one. Reads the whole log once.
pub(super) async fn open(data: &Path, durability: Durability) -> Result<SharedProvider, Failure> {
    let settings = LogSettings::new(data.join(STORE_DIR)).with_durability(durability);
    let opened = tokio::task::spawn_blocking(move || LogProvider::open(settings)).await;
    let opened = opened.map_err(|error| Failure::new(Code::StoreFailed, format!("opening the store: {error}")))?;
    match opened {
        Ok(store) => Ok(store),
        Err(error) => Err(Failure::new(error.code(), error.to_string())),
    }
}
