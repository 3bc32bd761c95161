//! How many rehearsals there may be at a time: one of a tenant, so many of all.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::actor::RequestError;
use crate::vocab::Tenant;

/// The rehearsals of a host that are under way.
#[derive(Debug)]
pub(in crate::runtime) struct Rehearsals {
    max: u32,
    /// How much of a core each takes.
    pub(super) cpu_share: f64,
    of: Mutex<BTreeSet<Tenant>>,
}

/// The right to rehearse; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    rehearsals: Arc<Rehearsals>,
    tenant: Tenant,
}

impl Rehearsals {
    pub(in crate::runtime) fn new(max: u32, cpu_share: f64) -> Arc<Self> {
        Arc::new(Self { max, cpu_share, of: Mutex::default() })
    }

    /// A place for a tenant.
    ///
    /// # Errors
    /// When it has one, or others have all of them.
    pub(super) fn enter(self: &Arc<Self>, tenant: &Tenant) -> Result<Place, RequestError> {
        let mut of = self.lock();
        if of.contains(tenant) {
            return Err(RequestError::RehearsalUnderWay(tenant.to_string()));
        }
        if of.len() >= usize::try_from(self.max).unwrap_or(usize::MAX) {
            return Err(RequestError::RehearsalsFull { limit: self.max });
        }
        of.insert(tenant.clone());
        Ok(Place { rehearsals: Arc::clone(self), tenant: tenant.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Tenant>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.rehearsals.lock().remove(&self.tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_one_rehearsal_and_all_together_exactly_so_many() {
        let rehearsals = Rehearsals::new(2, 0.25);
        let tenant = |name: &str| Tenant::new(name).unwrap();
        let first = rehearsals.enter(&tenant("a")).unwrap();
        assert!(matches!(rehearsals.enter(&tenant("a")), Err(RequestError::RehearsalUnderWay(_))));
        let _second = rehearsals.enter(&tenant("b")).unwrap();
        assert!(matches!(rehearsals.enter(&tenant("c")), Err(RequestError::RehearsalsFull { limit: 2 })));
        drop(first);
        let _third = rehearsals.enter(&tenant("c")).unwrap();
        assert!(rehearsals.enter(&tenant("a")).is_err());
    }
}
