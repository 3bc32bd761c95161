//! How far one instance may grow, and whether it was told no.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::MemoryAccount;
use super::config::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLES_MAX};
use super::memory_account::Short;
use crate::vocab::{Limit, Limits};

/// What an element of a table takes.
const ELEMENT_BYTES: u64 = 8;

/// What said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// The instance's own bound of memory.
    Memory,
    /// The instance's bound of table elements.
    Table,
    /// The memory of all instances of its tenant together; its bound.
    TenantMemory(u64),
    /// The memory of all instances of the host together; its bound.
    HostMemory(u64),
}

impl From<Short> for Denied {
    fn from(short: Short) -> Self {
        match short {
            Short::Account(limit) => Self::TenantMemory(limit),
            Short::Host(limit) => Self::HostMemory(limit),
        }
    }
}

impl Denied {
    /// The limit of the instance that it is, if it is one.
    pub(super) const fn limit(self) -> Option<Limit> {
        match self {
            Self::Memory => Some(Limit::GuestMemoryBytes),
            Self::Table => Some(Limit::GuestTableElements),
            Self::HostMemory(_) => Some(Limit::GuestsMemoryBytes),
            Self::TenantMemory(_) => None,
        }
    }
}

/// Bounds the memory and the tables of one store, all of them together, and counts its memory towards its tenant's.
///
/// Growth over the bound is answered with "no", as a full machine would; only what the guest does then is a failure.
#[derive(Debug)]
pub(super) struct Growth {
    memory_bytes_max: u64,
    memory_bytes: u64,
    /// What the host keeps for it beside its memory, however large that is.
    fixed_bytes: u64,
    /// What the last growth took, until it is known that the machine had it.
    memory_granted: u64,
    account: Option<Arc<MemoryAccount>>,
    table_elements_max: u64,
    table_elements: u64,
    denied: Option<Denied>,
}

impl Growth {
    pub(super) fn new(limits: &Limits, account: Option<Arc<MemoryAccount>>) -> Self {
        Self {
            memory_bytes_max: limits.guest_memory_bytes,
            memory_bytes: 0,
            fixed_bytes: 0,
            memory_granted: 0,
            account,
            table_elements_max: u64::from(limits.guest_table_elements),
            table_elements: 0,
            denied: None,
        }
    }

    /// Forgets earlier denials: the guest lived on after them.
    pub(super) const fn enter(&mut self) {
        self.denied = None;
    }

    pub(super) const fn denied(&self) -> Option<Denied> {
        self.denied
    }

    pub(super) const fn memory_bytes_max(&self) -> u64 {
        self.memory_bytes_max
    }

    fn grow_memory(&mut self, bytes: u64) -> Result<(), Denied> {
        let total = self.memory_bytes.checked_add(bytes).filter(|total| *total <= self.memory_bytes_max);
        let total = total.ok_or(Denied::Memory)?;
        if let Some(account) = &self.account {
            account.take(bytes)?;
        }
        self.memory_bytes = total;
        Ok(())
    }

    fn grow_tables(&mut self, elements: u64) -> Result<(), Denied> {
        let total = self.table_elements.saturating_add(elements);
        if total > self.table_elements_max {
            return Err(Denied::Table);
        }
        self.take_fixed(elements.saturating_mul(ELEMENT_BYTES))?;
        self.table_elements = total;
        Ok(())
    }

    /// Counts what the host keeps for the instance beside its memory.
    ///
    /// # Errors
    /// Whose bound it would pass.
    pub(super) fn take_fixed(&mut self, bytes: u64) -> Result<(), Denied> {
        if let Some(account) = &self.account {
            account.take(bytes)?;
        }
        self.fixed_bytes = self.fixed_bytes.saturating_add(bytes);
        Ok(())
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        if let Some(account) = &self.account {
            account.give(self.memory_bytes.saturating_add(self.fixed_bytes));
        }
    }
}

fn difference(current: usize, desired: usize) -> u64 {
    u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX)
}

impl ResourceLimiter for Growth {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = difference(current, desired);
        let grown = self.grow_memory(bytes);
        self.memory_granted = if grown.is_ok() { bytes } else { 0 };
        self.denied = grown.err().or(self.denied);
        Ok(grown.is_ok())
    }

    /// The machine did not have what was granted: it is not used.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        let granted = std::mem::take(&mut self.memory_granted);
        self.memory_bytes = self.memory_bytes.saturating_sub(granted);
        if let Some(account) = &self.account {
            account.give(granted);
        }
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.grow_tables(difference(current, desired));
        self.denied = grown.err().or(self.denied);
        Ok(grown.is_ok())
    }

    fn instances(&self) -> usize {
        usize::try_from(CORE_INSTANCES_MAX).unwrap_or(usize::MAX)
    }

    fn tables(&self) -> usize {
        usize::try_from(TABLES_MAX).unwrap_or(usize::MAX)
    }

    fn memories(&self) -> usize {
        usize::try_from(MEMORIES_MAX).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::HostMemory;

    fn growth() -> Growth {
        let limits = Limits { guest_memory_bytes: 100, guest_table_elements: 10, ..Limits::default() };
        Growth::new(&limits, None)
    }

    #[test]
    fn all_memories_of_an_instance_together_are_bounded() {
        let mut growth = growth();
        assert!(growth.memory_growing(0, 60, None).unwrap());
        assert!(!growth.memory_growing(0, 60, None).unwrap());
        assert!(growth.memory_growing(60, 100, None).unwrap());
        assert_eq!(growth.denied(), Some(Denied::Memory));
    }

    #[test]
    fn all_tables_of_an_instance_together_are_bounded() {
        let mut growth = growth();
        assert!(growth.table_growing(0, 10, None).unwrap());
        assert!(!growth.table_growing(10, 11, None).unwrap());
        assert_eq!(growth.denied(), Some(Denied::Table));
        growth.enter();
        assert_eq!(growth.denied(), None, "a denial that the guest survived is forgotten");
    }

    #[test]
    fn the_memory_of_several_instances_is_bounded_together_and_given_back() {
        let account = Arc::new(MemoryAccount::default());
        account.set_max(Some(150));
        let limits = Limits { guest_memory_bytes: 100, ..Limits::default() };
        let mut one = Growth::new(&limits, Some(Arc::clone(&account)));
        let mut other = Growth::new(&limits, Some(Arc::clone(&account)));
        assert!(one.memory_growing(0, 100, None).unwrap());
        assert!(other.memory_growing(0, 50, None).unwrap());
        assert!(!other.memory_growing(50, 51, None).unwrap());
        assert_eq!(other.denied(), Some(Denied::TenantMemory(150)));
        assert!(!one.memory_growing(100, 101, None).unwrap());
        assert_eq!((one.denied(), account.used_bytes()), (Some(Denied::Memory), 150));
        drop(one);
        assert!(other.memory_growing(50, 100, None).unwrap());
        other.memory_grow_failed(wasmtime::format_err!("the machine has no more")).unwrap();
        assert_eq!(account.used_bytes(), 50, "what the machine did not have is not used");
        other.take_fixed(100).unwrap();
        assert_eq!((other.take_fixed(1), account.used_bytes()), (Err(Denied::TenantMemory(150)), 150));
        assert!(!other.memory_growing(50, 101, None).unwrap(), "the instance's own bound is of its memory alone");
        assert_eq!(other.denied(), Some(Denied::Memory));
        drop(other);
        assert_eq!(account.used_bytes(), 0);
    }

    #[test]
    fn growth_past_what_all_tenants_have_together_says_so() {
        let host = Arc::new(HostMemory::new(150));
        let limits = Limits { guest_memory_bytes: 100, ..Limits::default() };
        let of_a_tenant = || Growth::new(&limits, Some(Arc::new(MemoryAccount::within(&host))));
        let (mut one, mut other) = (of_a_tenant(), of_a_tenant());
        assert!(one.memory_growing(0, 100, None).unwrap() && other.memory_growing(0, 50, None).unwrap());
        assert!(!other.memory_growing(50, 51, None).unwrap());
        assert_eq!((other.denied(), host.used_bytes()), (Some(Denied::HostMemory(150)), 150));
        assert_eq!(other.denied().and_then(Denied::limit), Some(Limit::GuestsMemoryBytes));
        drop((one, other));
        assert_eq!(host.used_bytes(), 0);
    }
}
