//! The first key, made beside a server: by whoever may write the data directory.

use std::sync::Arc;

use super::audit::{Act, ActResult, AuditLog, Realm};
use super::keys::Keys;
use super::{KeyRequest, NewKey, TenancyError};
use crate::provider::SharedProvider;
use crate::vocab::{Clock, Owner};

/// Creates a key of the host in a store that no server has open, and writes that down in the audit log. This is
/// also the way back for who lost every key. Durable when the result arrives.
///
/// # Errors
/// When the request is not allowed or the store refuses.
pub async fn create_operator_key(
    provider: SharedProvider,
    clock: Arc<dyn Clock>,
    request: &KeyRequest,
) -> Result<NewKey, TenancyError> {
    let audit = AuditLog::new(Arc::clone(&provider), Arc::clone(&clock));
    let keys = Keys::open(provider, clock).await?;
    let act = Act { who: "offline".to_owned(), what: "createKey".to_owned(), target: Owner::Host.to_string() };
    let begun = audit.begin(&Owner::Host, Realm::Access, act).await?;
    let created = keys.create(&Owner::Host, request).await;
    let result = match &created {
        Ok(_) => ActResult::Done,
        Err(error) => ActResult::Failed(error.code().to_string()),
    };
    audit.end(&begun, result).await?;
    created
}
