//! The secret of a store: what guests' random numbers depend on beside actor and moment, so that nobody outside can
//! compute them. Made once, kept in the catalog.

use bytes::Bytes;

use super::AskError;
use crate::provider::{SharedProvider, StoreError};
use crate::vocab::Code;

const PLACE: &str = "secret";

/// The store's secret; made and stored if there is none yet.
///
/// # Errors
/// When the store cannot be read or written, holds something else there, or the machine gives no random bytes.
pub(super) async fn secret_of(provider: &SharedProvider) -> Result<[u8; 32], AskError> {
    if let Some(bytes) = provider.record(PLACE).await? {
        let corrupt = |_| StoreError::Corrupt {
            place: format!("catalog record {PLACE}"),
            reason: format!("it has {} bytes instead of 32", bytes.len()),
        };
        return Ok(<[u8; 32]>::try_from(bytes.as_ref()).map_err(corrupt)?);
    }
    let secret = random_bytes()?;
    provider.put_record(PLACE, Bytes::copy_from_slice(&secret)).await?;
    Ok(secret)
}

/// 256 random bits from the machine's own generator, by way of the TLS library that is there anyway.
///
/// # Errors
/// When the machine gives none.
pub(super) fn random_bytes() -> Result<[u8; 32], AskError> {
    let mut bytes = [0; 32];
    let provider = tokio_rustls::rustls::crypto::ring::default_provider();
    let filled = provider.secure_random.fill(&mut bytes);
    let reason = "the machine's random generator gives no bytes".to_owned();
    filled.map_err(|_| AskError::Setup { reason, code: Code::MachineLimit })?;
    Ok(bytes)
}
