//! Is it small enough to be compiled safely?

use std::collections::BTreeSet;

use wasmparser::{
    ComponentTypeRef, ElementItems, ElementSectionReader, FunctionBody, MemorySectionReader, Parser, Payload,
    TableSectionReader,
};

use super::instance_size::InstanceSize;
use super::tally::{Cap, Tally};
use super::{Between, contract};
use crate::sandbox::DeployError;
use crate::vocab::Limits;

/// A page of linear memory.
const PAGE_BYTES: u64 = 65_536;

/// What a walk over all sections found.
#[derive(Debug, Default)]
pub(super) struct Structure {
    /// The names of the component's own imports.
    pub(super) imports: Vec<String>,
    /// The distinct contents of `greenroom:contract`, at any depth.
    pub(super) contracts: BTreeSet<Vec<u8>>,
    /// How much there is of everything.
    pub(super) tally: Tally,
    /// What the host keeps for each instance.
    pub(super) instance: InstanceSize,
    depth: u64,
}

/// Reads every section once, without validating code. What was counted before is in `structure` also after a refusal.
pub(super) fn walk(
    bytes: &[u8],
    limits: &Limits,
    structure: &mut Structure,
    between: Between<'_>,
) -> Result<(), DeployError> {
    let mut ended = false;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| damaged(&error))?;
        ended = matches!(payload, Payload::End(_)) && structure.depth == 0;
        let depth = structure.depth;
        structure.instance.take(&payload, depth).map_err(|error| damaged(&error))?;
        structure.take(payload, limits)?;
        between()?;
    }
    if ended { Ok(()) } else { Err(DeployError::NotAComponent { reason: "it ends too early".to_owned() }) }
}

impl Structure {
    fn take(&mut self, payload: Payload<'_>, limits: &Limits) -> Result<(), DeployError> {
        let tally = &mut self.tally;
        let mut count = |cap, count: u32| tally.add(cap, u64::from(count), limits);
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => self.enter(limits),
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::TypeSection(section) => count(Cap::Types, section.count()),
            Payload::CoreTypeSection(section) => count(Cap::Types, section.count()),
            Payload::ComponentTypeSection(section) => count(Cap::Types, section.count()),
            Payload::FunctionSection(section) => count(Cap::Functions, section.count()),
            Payload::CodeSectionEntry(body) => self.take_function(&body, limits),
            Payload::GlobalSection(section) => count(Cap::Globals, section.count()),
            Payload::MemorySection(section) => self.take_memories(section, limits),
            Payload::TableSection(section) => self.take_tables(section, limits),
            Payload::ElementSection(section) => self.take_elements(section, limits),
            Payload::DataSection(section) => count(Cap::DataSegments, section.count()),
            Payload::InstanceSection(section) => count(Cap::Instances, section.count()),
            Payload::ComponentInstanceSection(section) => count(Cap::Instances, section.count()),
            Payload::ComponentAliasSection(section) => count(Cap::Aliases, section.count()),
            Payload::ComponentCanonicalSection(section) => count(Cap::CanonicalFunctions, section.count()),
            Payload::ImportSection(section) => self.take_core_imports(section, limits),
            Payload::ComponentImportSection(section) => self.take_imports(section, limits),
            Payload::ExportSection(section) => {
                count(Cap::Exports, section.count())?;
                section.into_iter().try_for_each(|export| {
                    self.tally.most(Cap::NameBytes, length(export.map_err(|error| damaged(&error))?.name), limits)
                })
            }
            Payload::ComponentExportSection(section) => {
                count(Cap::Exports, section.count())?;
                section.into_iter().try_for_each(|export| {
                    self.tally.most(Cap::NameBytes, length(export.map_err(|error| damaged(&error))?.name.name), limits)
                })
            }
            Payload::CustomSection(section) => self.take_custom(section.name(), section.data(), limits),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, limits: &Limits) -> Result<(), DeployError> {
        self.depth = self.depth.saturating_add(1);
        self.tally.most(Cap::Depth, self.depth, limits)?;
        self.tally.add(Cap::Parts, 1, limits)
    }

    fn take_function(&mut self, body: &FunctionBody<'_>, limits: &Limits) -> Result<(), DeployError> {
        self.tally.most(Cap::FunctionBytes, super::count(body.range().len()), limits)?;
        let locals = body.get_locals_reader().map_err(|error| damaged(&error))?;
        let mut total = 0_u64;
        for group in locals {
            let (count, _) = group.map_err(|error| damaged(&error))?;
            total = total.saturating_add(u64::from(count));
        }
        self.tally.most(Cap::Locals, total, limits)
    }

    fn take_core_imports(
        &mut self,
        section: wasmparser::ImportSectionReader<'_>,
        limits: &Limits,
    ) -> Result<(), DeployError> {
        // One by one: several can stand in the place of one.
        for import in section.into_imports() {
            let import = import.map_err(|error| damaged(&error))?;
            self.tally.add(Cap::Imports, 1, limits)?;
            self.tally.most(Cap::NameBytes, length(import.module).max(length(import.name)), limits)?;
        }
        Ok(())
    }

    fn take_imports(
        &mut self,
        section: wasmparser::ComponentImportSectionReader<'_>,
        limits: &Limits,
    ) -> Result<(), DeployError> {
        self.tally.add(Cap::Imports, u64::from(section.count()), limits)?;
        for import in section {
            let import = import.map_err(|error| damaged(&error))?;
            self.tally.most(Cap::NameBytes, length(import.name.name), limits)?;
            if self.depth > 0 {
                continue;
            }
            let name = import.name.name.to_owned();
            if !matches!(import.ty, ComponentTypeRef::Instance(_)) {
                return Err(DeployError::ForbiddenImport { import: name });
            }
            self.imports.push(name);
        }
        Ok(())
    }

    fn take_memories(&mut self, section: MemorySectionReader<'_>, limits: &Limits) -> Result<(), DeployError> {
        self.tally.add(Cap::Memories, u64::from(section.count()), limits)?;
        for memory in section {
            let memory = memory.map_err(|error| damaged(&error))?;
            self.tally.most(Cap::MemoryBytes, memory.initial.saturating_mul(PAGE_BYTES), limits)?;
        }
        Ok(())
    }

    fn take_tables(&mut self, section: TableSectionReader<'_>, limits: &Limits) -> Result<(), DeployError> {
        self.tally.add(Cap::Tables, u64::from(section.count()), limits)?;
        for table in section {
            let table = table.map_err(|error| damaged(&error))?;
            self.tally.most(Cap::TableElements, table.ty.initial, limits)?;
        }
        Ok(())
    }

    fn take_elements(&mut self, section: ElementSectionReader<'_>, limits: &Limits) -> Result<(), DeployError> {
        self.tally.add(Cap::ElementSegments, u64::from(section.count()), limits)?;
        for segment in section {
            let count = match segment.map_err(|error| damaged(&error))?.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            self.tally.add(Cap::Elements, u64::from(count), limits)?;
        }
        Ok(())
    }

    fn take_custom(&mut self, name: &str, data: &[u8], limits: &Limits) -> Result<(), DeployError> {
        self.tally.add(Cap::CustomSections, 1, limits)?;
        self.tally.add(Cap::CustomBytes, super::count(data.len()), limits)?;
        self.tally.most(Cap::NameBytes, length(name), limits)?;
        if name == contract::SECTION {
            self.tally.add(Cap::ContractBytes, super::count(data.len()), limits)?;
            self.contracts.insert(data.to_vec());
        }
        Ok(())
    }
}

fn length(name: &str) -> u64 {
    super::count(name.len())
}

fn damaged(error: &wasmparser::BinaryReaderError) -> DeployError {
    DeployError::NotAComponent { reason: format!("it is damaged at byte {}: {}", error.offset(), error.message()) }
}
