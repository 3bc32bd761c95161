//! Which actors of a kind are looked at: one walk over all keys before the first of them is.

use std::sync::Arc;

use super::{ChosenActors, RehearsalOptions};
use crate::actor::Pacer;
use crate::decide::Spread;
use crate::provider::{ActorListing, SharedProvider, StoreError};
use crate::vocab::{Address, Key, Kind, Tenant};

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
    pub(super) fn new(provider: &SharedProvider, tenant: &Tenant, kind: &Kind) -> Self {
        Self { provider: Arc::clone(provider), tenant: tenant.clone(), kind: kind.clone(), after: None }
    }

    /// The next page, by key; empty at the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn next(&mut self) -> Result<Vec<ActorListing>, StoreError> {
        let page = self.provider.actors(&self.tenant, &self.kind, self.after.as_deref(), PAGE_ACTORS).await?;
        if let Some(last) = page.last() {
            self.after = Some(last.address.key.as_str().to_owned());
        }
        Ok(page)
    }
}

/// Who is looked at, and how many they are.
pub(super) struct Choice {
    /// Actors of the kind.
    pub(super) of_kind: u64,
    /// Those that are looked at.
    pub(super) total: u64,
    /// Who they are.
    pub(super) chosen: Chosen,
}

/// Those who are looked at, page by page.
pub(super) struct Chosen {
    /// Their keys, for a sample; they are one page.
    sample: Option<Vec<Key>>,
    /// Where others are found by walking again.
    walk: Walk,
    options: RehearsalOptions,
}

impl Chosen {
    /// The next page, by key; `None` at the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Arc<Address>>>, StoreError> {
        if let Some(keys) = &mut self.sample {
            let keys = std::mem::take(keys);
            let (tenant, kind) = (&self.walk.tenant, &self.walk.kind);
            let address = |key| Arc::new(Address { tenant: tenant.clone(), kind: kind.clone(), key });
            return Ok((!keys.is_empty()).then(|| keys.into_iter().map(address).collect()));
        }
        let page = self.walk.next().await?;
        if page.is_empty() {
            return Ok(None);
        }
        let addresses = page.into_iter().map(|listing| listing.address);
        Ok(Some(addresses.filter(|address| is_chosen(&address.key, &self.options)).collect()))
    }
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
    walk.after = options.after.as_ref().map(|key| key.as_str().to_owned());
    Ok(Choice { of_kind, total, chosen: Chosen { sample, walk, options: options.clone() } })
}

/// Whether an actor that is no part of a sample is looked at.
fn is_chosen(key: &Key, options: &RehearsalOptions) -> bool {
    is_meant(key, options) && options.after.as_ref().is_none_or(|after| key > after)
}

/// Whether an actor is one of those that were asked for, looked at already or not. Any may be of a sample.
pub(super) fn is_meant(key: &Key, options: &RehearsalOptions) -> bool {
    match &options.actors {
        ChosenActors::All | ChosenActors::Evenly(_) => true,
        ChosenActors::Matching(pattern) => pattern.pattern.matches(key.as_str()),
    }
}
