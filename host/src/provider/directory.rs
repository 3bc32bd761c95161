//! Which actors a kind has, ordered by key; derived from the journals and rebuilt with them.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use crate::vocab::{ActorId, Address, Kind, Tenant};

/// The actors of every kind, by key.
#[derive(Debug, Default)]
pub(super) struct Directory {
    kinds: HashMap<(Tenant, Kind), BTreeMap<ByKey, ActorId>>,
}

/// An address that is found by its key, byte for byte; shares the address that the journal holds.
#[derive(Debug)]
struct ByKey(Arc<Address>);

impl ByKey {
    fn key(&self) -> &str {
        self.0.key.as_str()
    }
}

impl Borrow<str> for ByKey {
    fn borrow(&self) -> &str {
        self.key()
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for ByKey {}

impl PartialOrd for ByKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(other.key())
    }
}

impl Directory {
    /// Adds an actor; adding it again changes nothing.
    pub(super) fn insert(&mut self, address: &Arc<Address>, id: ActorId) {
        let kind = (address.tenant.clone(), address.kind.clone());
        self.kinds.entry(kind).or_default().insert(ByKey(Arc::clone(address)), id);
    }

    /// Removes an actor; removing what is not there does nothing.
    pub(super) fn remove(&mut self, address: &Address) {
        let kind = (address.tenant.clone(), address.kind.clone());
        if let Some(actors) = self.kinds.get_mut(&kind) {
            actors.remove(address.key.as_str());
            if actors.is_empty() {
                self.kinds.remove(&kind);
            }
        }
    }

    /// The actors of a kind by key, those after `after` only.
    pub(super) fn list(&self, tenant: &Tenant, kind: &Kind, after: Option<&str>) -> impl Iterator<Item = ActorId> {
        // Keys are never empty, so "after the empty key" is the beginning.
        let range = (Bound::Excluded(after.unwrap_or_default()), Bound::Unbounded);
        let actors = self.kinds.get(&(tenant.clone(), kind.clone()));
        actors.into_iter().flat_map(move |actors| actors.range::<str, _>(range)).map(|(_, id)| *id)
    }
}
