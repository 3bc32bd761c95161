//! How many connections each tenant has: a connection counts for the tenant of its latest request.
//!
//! So a tenant cannot take every connection of the server, and a proxy may serve all tenants over the same few.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use super::problem::Problem;
use crate::vocab::{Code, Tenant};

/// The connections of a server, by tenant; cloning shares them. Tenants without one are not in it.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    of: Arc<Mutex<HashMap<Tenant, u32>>>,
    tenant_max: u32,
}

/// One connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    all: Connections,
    /// For whom it counts.
    of: Mutex<Option<Tenant>>,
}

impl Connections {
    pub(super) fn new(tenant_max: u32) -> Self {
        Self { of: Arc::default(), tenant_max }
    }

    /// A new connection, which counts for nobody yet.
    pub(super) fn open(&self) -> Arc<Connection> {
        Arc::new(Connection { all: self.clone(), of: Mutex::default() })
    }

    fn take(&self, tenant: &Tenant) -> bool {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let count = of.entry(tenant.clone()).or_default();
        if *count >= self.tenant_max {
            return false;
        }
        *count = count.saturating_add(1);
        true
    }

    fn give_back(&self, tenant: Tenant) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = of.entry(tenant) {
            *count.get_mut() = count.get().saturating_sub(1);
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl Connection {
    /// The connection serves a request of this tenant, and counts for it from now on.
    ///
    /// # Errors
    /// When the tenant has as many as it may have. The connection is to be closed then.
    pub(super) fn serves(&self, tenant: &Tenant) -> Result<(), Problem> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if of.as_ref() == Some(tenant) {
            return Ok(());
        }
        if !self.all.take(tenant) {
            let max = self.all.tenant_max;
            let detail =
                format!("tenant {tenant} has {max} connections (http.tenant_connections); use those that are open");
            return Err(Problem::new(Code::TenantConnections, detail));
        }
        if let Some(before) = of.replace(tenant.clone()) {
            self.all.give_back(before);
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(tenant) = self.of.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.all.give_back(tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_as_many_as_the_bound_and_others_have_theirs() {
        let (a, b) = (Tenant::new("a").unwrap(), Tenant::new("b").unwrap());
        let all = Connections::new(2);
        let open = [all.open(), all.open(), all.open()];
        assert!(open[0].serves(&a).is_ok() && open[0].serves(&a).is_ok() && open[1].serves(&a).is_ok());
        assert_eq!(open[2].serves(&a).unwrap_err().code(), Code::TenantConnections);
        assert!(open[2].serves(&b).is_ok());
        // One that serves another tenant now is free for the first.
        assert!(open[1].serves(&b).is_ok() && open[2].serves(&a).is_ok());
        drop(open);
        assert!(all.of.lock().unwrap().is_empty());
    }
}
