//! All actors of a tenant that have stored an event, a page at a time.

use crate::provider::{ActorListing, SharedProvider, StoreError};
use crate::vocab::{Kind, Tenant};

/// Actors on a page: bounds the memory of a walk.
const PAGE_ACTORS: usize = 1_000;

/// A walk over the actors of some kinds of a tenant, kind by kind, by key.
pub(super) struct Roll<'a> {
    provider: &'a SharedProvider,
    tenant: &'a Tenant,
    kinds: std::slice::Iter<'a, Kind>,
    /// The kind that is walked now, and the last key of the page before.
    at: Option<(&'a Kind, Option<String>)>,
}

impl<'a> Roll<'a> {
    pub(super) fn of(provider: &'a SharedProvider, tenant: &'a Tenant, kinds: &'a [Kind]) -> Self {
        let mut kinds = kinds.iter();
        let at = kinds.next().map(|kind| (kind, None));
        Self { provider, tenant, kinds, at }
    }

    /// The next page; `None`: that were all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<ActorListing>>, StoreError> {
        while let Some((kind, after)) = &mut self.at {
            let page = self.provider.actors(self.tenant, kind, after.as_deref(), PAGE_ACTORS).await?;
            if let Some(last) = page.last() {
                *after = Some(last.address.key.as_str().to_owned());
                return Ok(Some(page));
            }
            self.at = self.kinds.next().map(|kind| (kind, None));
        }
        Ok(None)
    }
}
