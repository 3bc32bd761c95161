//! How far one instance may grow, and whether it was told no.

use wasmtime::ResourceLimiter;

use super::config::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLES_MAX};
use crate::vocab::Limits;

/// Bounds the memory and the tables of one store, all of them together.
///
/// Growth over the bound is answered with "no", as a full machine would; only what the guest does then is a failure.
#[derive(Debug)]
pub(super) struct Growth {
    memory_bytes_max: u64,
    memory_bytes: u64,
    table_elements_max: u64,
    table_elements: u64,
    denied: bool,
}

impl Growth {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes_max: limits.guest_memory_bytes,
            memory_bytes: 0,
            table_elements_max: u64::from(limits.guest_table_elements),
            table_elements: 0,
            denied: false,
        }
    }

    /// Forgets earlier denials: the guest lived on after them.
    pub(super) const fn enter(&mut self) {
        self.denied = false;
    }

    pub(super) const fn denied(&self) -> bool {
        self.denied
    }

    pub(super) const fn memory_bytes_max(&self) -> u64 {
        self.memory_bytes_max
    }
}

/// Adds `desired - current` to `total` if the sum stays within `max`.
fn grow(total: &mut u64, max: u64, current: usize, desired: usize) -> bool {
    let wanted = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX).saturating_add(*total);
    if wanted <= max {
        *total = wanted;
    }
    wanted <= max
}

impl ResourceLimiter for Growth {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let granted = grow(&mut self.memory_bytes, self.memory_bytes_max, current, desired);
        self.denied |= !granted;
        Ok(granted)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let granted = grow(&mut self.table_elements, self.table_elements_max, current, desired);
        self.denied |= !granted;
        Ok(granted)
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

    fn growth() -> Growth {
        let limits = Limits { guest_memory_bytes: 100, guest_table_elements: 10, ..Limits::default() };
        Growth::new(&limits)
    }

    #[test]
    fn all_memories_of_an_instance_together_are_bounded() {
        let mut growth = growth();
        assert!(growth.memory_growing(0, 60, None).unwrap());
        assert!(!growth.memory_growing(0, 60, None).unwrap());
        assert!(growth.memory_growing(60, 100, None).unwrap());
        assert!(growth.denied());
    }

    #[test]
    fn all_tables_of_an_instance_together_are_bounded() {
        let mut growth = growth();
        assert!(growth.table_growing(0, 10, None).unwrap());
        assert!(!growth.table_growing(10, 11, None).unwrap());
        assert!(growth.denied());
        growth.enter();
        assert!(!growth.denied(), "a denial that the guest survived is forgotten");
    }
}
