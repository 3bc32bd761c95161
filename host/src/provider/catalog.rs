//! What the host itself must remember: deployed kinds, revisions, components.

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::StoreError;

/// A small ordered map of durable records, written rarely.
pub trait Catalog: Send + Sync + 'static {
    /// Stores a record under `key`, replacing the one before. Durable when the result arrives; a crash before it
    /// leaves either the old or the new record, never a mixture.
    fn put_record(&self, key: &str, value: Bytes) -> BoxFuture<'static, Result<(), StoreError>>;

    /// The record under `key`.
    fn record(&self, key: &str) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>>;

    /// The keys that start with `prefix`, ascending.
    fn record_keys(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// Deletes a record; deleting what is not there does nothing.
    fn delete_record(&self, key: &str) -> BoxFuture<'static, Result<(), StoreError>>;
}
