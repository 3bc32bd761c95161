//! How much of everything a component may have: the caps, and the count against them.

use crate::sandbox::DeployError;
use crate::sandbox::config::{CORE_INSTANCES_MAX, INSTANCE_BYTES, MEMORIES_MAX, TABLES_MAX};
use crate::vocab::Limits;

macro_rules! caps {
    ($($(#[doc = $doc:literal])* $name:ident $what:literal = $limit:expr;)*) => {
        /// Something of which a component may have so much.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Cap {
            $($(#[doc = $doc])* $name,)*
        }

        impl Cap {
            pub(super) const ALL: &[Self] = &[$(Self::$name,)*];

            /// What is counted, as a message says it.
            const fn what(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }

            fn limit(self, limits: &Limits) -> u64 {
                let of: fn(&Limits) -> u64 = match self { $(Self::$name => $limit,)* };
                of(limits)
            }
        }
    };
}

caps! {
    /// All of it.
    Bytes "bytes" = |limits| u64::from(limits.component_bytes);
    /// How deep components are nested.
    Depth "levels of nesting" = |_| 8;
    /// Core modules, and components inside of it.
    Parts "modules and nested components" = |_| u64::from(CORE_INSTANCES_MAX);
    /// Types of all modules and components.
    Types "types" = |_| 50_000;
    /// Imports of all core modules and components; shared-everything libraries of CPython have many thousands.
    Imports "imports" = |_| 50_000;
    /// Functions of all core modules: time and memory of compilation.
    Functions "functions" = |_| 50_000;
    /// Bytes of the largest function: a compiler's time grows faster than its length. An interpreter's loop has 100 KiB.
    FunctionBytes "bytes in one function" = |_| 1_024 * 1_024;
    /// Local variables of one function: the same.
    Locals "local variables in one function" = |_| 20_000;
    /// Tables of all core modules; each takes a slot of the pool.
    Tables "tables" = |_| u64::from(TABLES_MAX);
    /// The size that one table has from the start.
    TableElements "initial table elements" = |limits| u64::from(limits.guest_table_elements);
    /// Memories of all core modules; each takes a slot of the pool.
    Memories "memories" = |_| u64::from(MEMORIES_MAX);
    /// The size that a memory has from the start.
    MemoryBytes "bytes of initial memory" = |limits| limits.guest_memory_bytes;
    /// What the host keeps for each instance, beside its memory; it counts towards the tenant's.
    InstanceBytes "bytes of the host's memory for each instance" = |_| super::count(INSTANCE_BYTES);
    /// Globals of all core modules, whether they are instantiated or not: time and memory of compilation. Shared libraries
    /// have one for each symbol of another one, so CPython has many thousands.
    Globals "globals" = |_| 20_000;
    /// Exports of all core modules and components; shared-everything libraries of CPython have many thousands.
    Exports "exports" = |_| 50_000;
    /// Bytes of one name of an import or export: they are in messages and logs.
    NameBytes "bytes in one name" = |_| 8 * 1_024;
    /// Segments that fill tables.
    ElementSegments "element segments" = |_| 10_000;
    /// What they fill them with.
    Elements "elements of segments" = |_| 200_000;
    /// Segments that fill memories.
    DataSegments "data segments" = |_| 50_000;
    /// Instances that components make of their parts.
    Instances "instances" = |_| 1_000;
    /// Other names for parts of instances.
    Aliases "aliases" = |_| 100_000;
    /// Functions that are lifted or lowered between components; Rust components have a hundred.
    CanonicalFunctions "canonical functions" = |_| 2_000;
    /// Sections that only tools read.
    CustomSections "custom sections" = |_| 10_000;
    /// Their bytes: debug information, which is stored and never used.
    CustomBytes "bytes of custom sections" = |_| 16 * 1_024 * 1_024;
    /// Bytes of all sections that say what contract it was built for.
    ContractBytes "bytes of contract version" = |_| 256;
}

/// How much a component has of something, and may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Figure {
    /// What is counted.
    pub what: &'static str,
    /// How much there is.
    pub found: u64,
    /// How much there may be.
    pub limit: u64,
}

/// The count so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    counts: [u64; Cap::ALL.len()],
}

impl Tally {
    /// Adds to what there is.
    pub(super) fn add(&mut self, cap: Cap, more: u64, limits: &Limits) -> Result<(), DeployError> {
        let total = self.of(cap).saturating_add(more);
        self.most(cap, total, limits)
    }

    /// Notes the size of one; the largest counts.
    pub(super) fn most(&mut self, cap: Cap, found: u64, limits: &Limits) -> Result<(), DeployError> {
        if let Some(count) = self.counts.get_mut(cap as usize) {
            *count = (*count).max(found);
        }
        let limit = cap.limit(limits);
        if found > limit { Err(DeployError::TooLarge { what: cap.what(), found, limit }) } else { Ok(()) }
    }

    /// Every cap beside what there is.
    pub(super) fn figures(&self, limits: &Limits) -> Vec<Figure> {
        let figure = |cap: &Cap| Figure { what: cap.what(), found: self.of(*cap), limit: cap.limit(limits) };
        Cap::ALL.iter().map(figure).collect()
    }

    fn of(&self, cap: Cap) -> u64 {
        self.counts.get(cap as usize).copied().unwrap_or(0)
    }
}
