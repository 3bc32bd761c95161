//! Which actors of a kind are looked at: one walk over all keys before the first of them is.

use std::sync::Arc;

use super::{ChosenActors, RehearsalOptions};
use crate::actor::Pacer;
use crate::decide::Spread;
use crate::provider::{ActorListing, SharedProvider, StoreError};
use crate::vocab::{Key, Kind, Tenant};

/// Actors that are listed at a time: bounds what the walk holds.
const PAGE_ACTORS: usize = 500;

/// The actors of a kind, page by page.
pub(super) struct Walk {
    provider: SharedProvider,
    tenant: Tenant,
    kind: Kind,
    after: Option<String>,
}

impl Walk {
    pub(super) fn new(provider: &SharedProvider, tenant: &Tenant, kind: &Kind, after: Option<&Key>) -> Self {
        let after = after.map(|key| key.as_str().to_owned());
        Self { provider: Arc::clone(provider), tenant: tenant.clone(), kind: kind.clone(), after }
    }

    /// The next page, by key; empty at the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn next(&mut self) -> Result<Vec<ActorListing>, StoreError> {
        let page = self.provider.actors(&self.tenant, &self.kind, self.after.as_deref(), PAGE_ACTORS).await?;
        if let Some(last) = page.last() {
            self.after = Some(last.address.key.as_str().to_owned());
        }
        Ok(page)
    }
}

/// Who is looked at, and how many they are.
#[derive(Debug)]
pub(super) struct Choice {
    /// Actors of the kind.
    pub(super) of_kind: u64,
    /// Those that are looked at.
    pub(super) total: u64,
    /// Their keys, for a sample; `None`: they are found by walking again.
    pub(super) sample: Option<Vec<Key>>,
}

/// Walks once over all keys, and chooses.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn choose(mut walk: Walk, options: &RehearsalOptions, pacer: &Pacer) -> Result<Choice, StoreError> {
    let (mut of_kind, mut total) = (0_u64, 0_u64);
    let mut spread = match options.actors {
        ChosenActors::Evenly(sample) => Some(Spread::new(usize::try_from(sample).unwrap_or(usize::MAX))),
        ChosenActors::All | ChosenActors::Matching(_) => None,
    };
    loop {
        let page = walk.next().await?;
        if page.is_empty() {
            break;
        }
        for listing in page {
            of_kind = of_kind.saturating_add(1);
            let key = &listing.address.key;
            match &mut spread {
                Some(spread) => spread.offer(key.clone()),
                None => total = total.saturating_add(u64::from(is_chosen(key, options))),
            }
        }
        pacer.rest().await;
    }
    let sample = spread.map(|spread| {
        let mut sample = spread.finish();
        sample.retain(|key| options.after.as_ref().is_none_or(|after| key > after));
        sample
    });
    if let Some(sample) = &sample {
        total = u64::try_from(sample.len()).unwrap_or(u64::MAX);
    }
    Ok(Choice { of_kind, total, sample })
}

/// Whether an actor that is no part of a sample is looked at.
pub(super) fn is_chosen(key: &Key, options: &RehearsalOptions) -> bool {
    is_meant(key, options) && options.after.as_ref().is_none_or(|after| key > after)
}

/// Whether an actor is one of those that were asked for, looked at already or not. Any may be of a sample.
pub(super) fn is_meant(key: &Key, options: &RehearsalOptions) -> bool {
    match &options.actors {
        ChosenActors::All | ChosenActors::Evenly(_) => true,
        ChosenActors::Matching(pattern) => pattern.pattern.matches(key.as_str()),
    }
}
