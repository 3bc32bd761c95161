//! Lists over all actors: from the index store, with what changed since its last checkpoint.

use std::collections::{BTreeMap, HashMap};

use super::core::{Core, Shared};
use super::index::{ActorEntry, load};
use crate::provider::{ActorListing, StoreError, Wake};
use crate::vocab::{ActorId, Kind, Tenant};

/// The actors of a kind that ever stored an event, by key, after `after`, at most `limit`.
pub(super) fn actors(
    shared: &Shared,
    tenant: &Tenant,
    kind: &Kind,
    mut after: Option<String>,
    limit: usize,
) -> Result<Vec<ActorListing>, StoreError> {
    let mut listed = Vec::new();
    while listed.len() < limit {
        let page = page(shared, tenant, kind, after.as_deref())?;
        if page.is_empty() {
            break;
        }
        for (key, actor) in page {
            if listed.len() < limit {
                listed.extend(entry_of(shared, actor, ActorEntry::listing)?);
            }
            after = Some(key);
        }
    }
    Ok(listed)
}

/// The next actors of a kind by key, whether they ever stored an event or not; empty: there are no more.
fn page(
    shared: &Shared,
    tenant: &Tenant,
    kind: &Kind,
    after: Option<&str>,
) -> Result<BTreeMap<String, ActorId>, StoreError> {
    // The memory first: what leaves it meanwhile is in the index store then.
    let fresh: Vec<(String, ActorId)> = {
        let core = shared.lock();
        core.check_readable()?;
        let ids = core.index.fresh.list(tenant, kind, after).take(load::PAGE_ENTRIES);
        let named = ids.filter_map(|id| Some((core.index.actors.get(&id)?.address.key.as_str().to_owned(), id)));
        named.collect()
    };
    let open = shared.open_index()?;
    let stored = load::names(&*open.store.view(), tenant, kind, after, load::PAGE_ENTRIES);
    let stored = stored.map_err(|error| shared.index_error(&error))?;
    // Behind the end of a full page of one, the other must not go on: names in between would be passed over.
    let ends = [&fresh, &stored].map(|page| page.last().filter(|_| page.len() == load::PAGE_ENTRIES));
    let end = ends.into_iter().flatten().map(|(key, _)| key.clone()).min();
    let mut page: BTreeMap<String, ActorId> = fresh.into_iter().chain(stored).collect();
    page.retain(|key, _| end.as_ref().is_none_or(|end| key <= end));
    Ok(page)
}

/// What an actor's entry says; of one that is not in memory it is read and forgotten again.
fn entry_of<T>(
    shared: &Shared,
    actor: ActorId,
    say: impl Fn(&ActorEntry) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let in_memory = |core: &Core| core.index.actors.get(&actor).map(&say);
    if let Some(said) = in_memory(&shared.lock()) {
        return Ok(said);
    }
    let open = shared.open_index()?;
    let stored = load::actor(&*open.store.view(), actor).map_err(|error| shared.index_error(&error))?;
    // It may have come into memory and changed meanwhile.
    if let Some(said) = in_memory(&shared.lock()) {
        return Ok(said);
    }
    Ok(stored.as_ref().and_then(say))
}

/// Every actor whose newest frame asks to be woken.
pub(super) fn wakes(shared: &Shared) -> Result<Vec<Wake>, StoreError> {
    let mut wakes: HashMap<ActorId, Wake> = HashMap::new();
    {
        let core = shared.lock();
        core.check_readable()?;
        let in_memory = core.index.actors.iter().filter_map(|(actor, entry)| Some((*actor, entry.wake()?)));
        wakes.extend(in_memory);
    }
    let open = shared.open_index()?;
    let mut after = Vec::new();
    loop {
        let (page, last) = load::wakes(&*open.store.view(), &after).map_err(|error| shared.index_error(&error))?;
        for (_, actor) in page {
            // The entry itself says whether the time is still the right one.
            if !wakes.contains_key(&actor)
                && let Some(wake) = entry_of(shared, actor, ActorEntry::wake)?
            {
                wakes.insert(actor, wake);
            }
        }
        match last {
            Some(last) => after = last,
            None => return Ok(wakes.into_values().collect()),
        }
    }
}
