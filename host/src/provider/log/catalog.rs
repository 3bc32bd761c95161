//! The host's own records in the log.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use super::LogProvider;
use super::core::{Core, Shared};
use super::queue::Op;
use super::read::{follow, read_catalog};
use crate::provider::{Catalog, StoreError};

impl Catalog for LogProvider {
    fn put_record(&self, key: &str, value: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        let shared = Arc::clone(&self.shared);
        let limit = shared.settings.record_bytes_max;
        let key = key.to_owned();
        let decide = move |_: &mut Core| {
            let bytes = key.len().saturating_add(value.len());
            if bytes > limit {
                return Err(StoreError::TooLarge { bytes, limit });
            }
            Ok(Some(Op::CatalogPut { key, value }))
        };
        async move { shared.write(decide).await }.boxed()
    }

    fn record(&self, key: &str) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        let key = key.to_owned();
        async move {
            let wanted = key.clone();
            let look_up = move |shared: &Shared| {
                let core = shared.lock();
                core.check_readable()?;
                Ok(core.index.catalog.get(&wanted).map(|known| known.place))
            };
            follow(&self.shared, look_up, move |shared, place| read_catalog(shared, &key, *place)).await
        }
        .boxed()
    }

    fn record_keys(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        let prefix = prefix.to_owned();
        async move {
            let core = self.shared.lock();
            core.check_readable()?;
            let from_prefix = core.index.catalog.range(prefix.clone()..).map(|(key, _)| key);
            Ok(from_prefix.take_while(|key| key.starts_with(&prefix)).cloned().collect())
        }
        .boxed()
    }

    fn delete_record(&self, key: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        let shared = Arc::clone(&self.shared);
        let key = key.to_owned();
        let decide = move |_: &mut Core| Ok(Some(Op::CatalogDelete { key }));
        async move { shared.write(decide).await }.boxed()
    }
}
