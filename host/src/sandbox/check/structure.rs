//! Is it small enough to be compiled safely?

use std::collections::BTreeSet;

use wasmparser::{ComponentTypeRef, MemorySectionReader, Parser, Payload, TableSectionReader};

use super::contract;
use crate::sandbox::DeployError;
use crate::sandbox::config::{CORE_INSTANCES_MAX, MEMORIES_MAX};
use crate::vocab::Limits;

/// Functions of all core modules: time and memory of compilation.
const FUNCTIONS_MAX: u64 = 50_000;
/// Globals of all core modules; each is a field of every instance. Shared-everything libraries of CPython have many.
const GLOBALS_MAX: u64 = 20_000;
/// Exports of all core modules and components; shared-everything libraries of CPython have many thousands.
const EXPORTS_MAX: u64 = 50_000;
/// Types of all modules and components.
const TYPES_MAX: u64 = 50_000;
/// Core modules, and components inside of it.
const PARTS_MAX: u64 = CORE_INSTANCES_MAX as u64;
/// How deep components are nested.
const DEPTH_MAX: u64 = 8;
/// Bytes of all sections that say what contract it was built for.
const CONTRACT_BYTES_MAX: u64 = 256;
/// A page of linear memory.
const PAGE_BYTES: u64 = 65_536;

/// What a walk over all sections found.
#[derive(Debug, Default)]
pub(super) struct Structure {
    /// The names of the component's own imports.
    pub(super) imports: Vec<String>,
    /// The distinct contents of `greenroom:contract`, at any depth.
    pub(super) contracts: BTreeSet<Vec<u8>>,
    functions: u64,
    globals: u64,
    exports: u64,
    types: u64,
    parts: u64,
    memories: u64,
    depth: u64,
    contract_bytes: u64,
}

/// Reads every section header once, without validating code.
pub(super) fn walk(bytes: &[u8], limits: &Limits) -> Result<Structure, DeployError> {
    let mut structure = Structure::default();
    let mut ended = false;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| damaged(&error))?;
        ended = matches!(payload, Payload::End(_)) && structure.depth == 0;
        structure.take(payload, limits)?;
    }
    if !ended {
        return Err(DeployError::NotAComponent { reason: "it ends too early".to_owned() });
    }
    Ok(structure)
}

impl Structure {
    fn take(&mut self, payload: Payload<'_>, limits: &Limits) -> Result<(), DeployError> {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => self.enter(),
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::FunctionSection(section) => {
                count(&mut self.functions, section.count(), "functions", FUNCTIONS_MAX)
            }
            Payload::GlobalSection(section) => count(&mut self.globals, section.count(), "globals", GLOBALS_MAX),
            Payload::ExportSection(section) => count(&mut self.exports, section.count(), "exports", EXPORTS_MAX),
            Payload::ComponentExportSection(section) => {
                count(&mut self.exports, section.count(), "exports", EXPORTS_MAX)
            }
            Payload::TypeSection(section) => count(&mut self.types, section.count(), "types", TYPES_MAX),
            Payload::ComponentTypeSection(section) => count(&mut self.types, section.count(), "types", TYPES_MAX),
            Payload::MemorySection(section) => self.take_memories(section, limits),
            Payload::TableSection(section) => take_tables(section, limits),
            Payload::ComponentImportSection(section) if self.depth == 0 => self.take_imports(section),
            Payload::CustomSection(section) if section.name() == contract::SECTION => {
                let length = u32::try_from(section.data().len()).unwrap_or(u32::MAX);
                count(&mut self.contract_bytes, length, "bytes of contract version", CONTRACT_BYTES_MAX)?;
                self.contracts.insert(section.data().to_vec());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self) -> Result<(), DeployError> {
        self.depth = self.depth.saturating_add(1);
        bound("levels of nesting", self.depth, DEPTH_MAX)?;
        count(&mut self.parts, 1, "modules and nested components", PARTS_MAX)
    }

    fn take_imports(&mut self, section: wasmparser::ComponentImportSectionReader<'_>) -> Result<(), DeployError> {
        for import in section {
            let import = import.map_err(|error| damaged(&error))?;
            let name = import.name.name.to_owned();
            if !matches!(import.ty, ComponentTypeRef::Instance(_)) {
                return Err(DeployError::ForbiddenImport { import: name });
            }
            self.imports.push(name);
        }
        Ok(())
    }

    fn take_memories(&mut self, section: MemorySectionReader<'_>, limits: &Limits) -> Result<(), DeployError> {
        count(&mut self.memories, section.count(), "memories", u64::from(MEMORIES_MAX))?;
        for memory in section {
            let memory = memory.map_err(|error| damaged(&error))?;
            let bytes = memory.initial.saturating_mul(PAGE_BYTES);
            bound("bytes of initial memory", bytes, limits.guest_memory_bytes)?;
        }
        Ok(())
    }
}

fn take_tables(section: TableSectionReader<'_>, limits: &Limits) -> Result<(), DeployError> {
    for table in section {
        let table = table.map_err(|error| damaged(&error))?;
        bound("initial table elements", table.ty.initial, u64::from(limits.guest_table_elements))?;
    }
    Ok(())
}

fn count(total: &mut u64, more: u32, what: &'static str, limit: u64) -> Result<(), DeployError> {
    *total = total.saturating_add(u64::from(more));
    bound(what, *total, limit)
}

fn bound(what: &'static str, found: u64, limit: u64) -> Result<(), DeployError> {
    if found > limit { Err(DeployError::TooLarge { what, found, limit }) } else { Ok(()) }
}

fn damaged(error: &wasmparser::BinaryReaderError) -> DeployError {
    DeployError::NotAComponent { reason: format!("it is damaged at byte {}: {}", error.offset(), error.message()) }
}
