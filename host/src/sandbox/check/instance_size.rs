//! How much does the host keep for each instance, beside the guest's own memory?
//!
//! For every core instance there is a record of what its module has: a few bytes for each global, import, table, and for each
//! function whose address can be taken. It is small for most and large for some, and every live actor has its own; so it
//! counts towards the memory of its tenant.

use wasmparser::{
    ComponentAlias, ComponentAliasSectionReader, ComponentExternalKind, ComponentOuterAliasKind, ElementItems,
    ExportSectionReader, ExternalKind, Instance, InstanceSectionReader, Payload,
};

use crate::sandbox::config::INSTANCE_BYTES;

type Result<T> = std::result::Result<T, wasmparser::BinaryReaderError>;

/// What there is for the component, and for each core instance, whatever it has.
const BASE_BYTES: u64 = 1_024;
/// For each import, function reference, table and segment.
const ENTRY_BYTES: u64 = 32;
/// For each global that is defined.
const GLOBAL_BYTES: u64 = 16;
/// For each memory that is defined, and the largest that the host's own object for it is.
const MEMORY_BYTES: u64 = 512;
/// For each function that passes between components.
const CANONICAL_BYTES: u64 = 128;

/// Adds up what the parts of a component need, section by section.
#[derive(Debug, Default)]
pub(super) struct InstanceSize {
    /// Of each core module of the component itself, in order.
    modules: Vec<Module>,
    /// The modules that are instantiated by the component itself, by their places.
    instantiated: Vec<u32>,
    canonical_functions: u64,
    /// Modules stand or are instantiated elsewhere than in the component itself: how often is not worth finding out.
    is_composed: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Module {
    entries: u64,
    globals: u64,
    memories: u64,
    /// All functions; no more than these have references.
    functions: u64,
    /// Exports and elements of segments, as far as they are functions.
    references: u64,
}

impl Module {
    fn bytes(self) -> u64 {
        let entries = self.entries.saturating_add(self.references.min(self.functions));
        BASE_BYTES
            .saturating_add(entries.saturating_mul(ENTRY_BYTES))
            .saturating_add(self.globals.saturating_mul(GLOBAL_BYTES))
            .saturating_add(self.memories.saturating_mul(MEMORY_BYTES))
    }
}

impl InstanceSize {
    /// What an instance of the component needs, to the least bound that is known.
    pub(super) fn bytes(&self) -> u64 {
        let most = u64::try_from(INSTANCE_BYTES).unwrap_or(u64::MAX);
        if self.is_composed {
            return most;
        }
        let of = |place: &u32| {
            let module = usize::try_from(*place).ok().and_then(|place| self.modules.get(place));
            module.map_or(most, |module| module.bytes())
        };
        let canonical = self.canonical_functions.saturating_mul(CANONICAL_BYTES);
        let own = BASE_BYTES.saturating_add(canonical);
        self.instantiated.iter().map(of).fold(own, u64::saturating_add)
    }

    /// Takes a section in, at this depth: 0 is the component itself, 1 what is right inside of it.
    pub(super) fn take(&mut self, payload: &Payload<'_>, depth: u64) -> Result<()> {
        match payload {
            Payload::ModuleSection { .. } if depth == 0 => self.modules.push(Module::default()),
            Payload::ModuleSection { .. } => self.is_composed = true,
            Payload::InstanceSection(section) => self.take_instances(section, depth)?,
            Payload::ComponentAliasSection(section) => self.take_aliases(section)?,
            Payload::ComponentCanonicalSection(section) => {
                self.canonical_functions = self.canonical_functions.saturating_add(u64::from(section.count()));
            }
            other => {
                if let Some(module) = self.modules.last_mut() {
                    module.take(other)?;
                }
            }
        }
        Ok(())
    }

    fn take_instances(&mut self, section: &InstanceSectionReader<'_>, depth: u64) -> Result<()> {
        for instance in section.clone() {
            let Instance::Instantiate { module_index, .. } = instance? else { continue };
            if depth == 0 {
                self.instantiated.push(module_index);
            } else {
                self.is_composed = true;
            }
        }
        Ok(())
    }

    fn take_aliases(&mut self, section: &ComponentAliasSectionReader<'_>) -> Result<()> {
        for alias in section.clone() {
            self.is_composed |= matches!(
                alias?,
                ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. }
                    | ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. }
            );
        }
        Ok(())
    }
}

impl Module {
    /// Takes a section of a core module in; those of components have nothing that counts here.
    fn take(&mut self, payload: &Payload<'_>) -> Result<()> {
        let more = |sum: &mut u64, count: u32| *sum = sum.saturating_add(u64::from(count));
        match payload {
            Payload::ImportSection(section) => {
                // One by one: several can stand in the place of one.
                for import in section.clone().into_imports() {
                    let import = import?;
                    more(&mut self.entries, 1);
                    let is_function =
                        matches!(import.ty, wasmparser::TypeRef::Func(_) | wasmparser::TypeRef::FuncExact(_));
                    more(&mut self.functions, u32::from(is_function));
                }
            }
            Payload::FunctionSection(section) => more(&mut self.functions, section.count()),
            Payload::GlobalSection(section) => more(&mut self.globals, section.count()),
            Payload::MemorySection(section) => more(&mut self.memories, section.count()),
            Payload::TableSection(section) => more(&mut self.entries, section.count()),
            Payload::DataSection(section) => more(&mut self.entries, section.count()),
            Payload::ExportSection(section) => self.take_exports(section)?,
            Payload::ElementSection(section) => {
                more(&mut self.entries, section.count());
                for segment in section.clone() {
                    let count = match segment?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    more(&mut self.references, count);
                }
            }
            // The function that runs first has a reference, too.
            Payload::StartSection { .. } => more(&mut self.entries, 1),
            _ => {}
        }
        Ok(())
    }

    fn take_exports(&mut self, section: &ExportSectionReader<'_>) -> Result<()> {
        for export in section.clone() {
            let is_function = matches!(export?.kind, ExternalKind::Func | ExternalKind::FuncExact);
            self.references = self.references.saturating_add(u64::from(is_function));
        }
        Ok(())
    }
}
