//! What a component must be before it may be deployed. One file per question; each answers with a typed refusal.

mod contract;
mod exports;
mod format;
mod imports;
mod manifest;
mod structure;

pub(super) use exports::{check_exports, wrong_export};
pub(super) use manifest::check_manifest;

use super::DeployError;
use crate::vocab::Limits;

/// What is known of a component before it is compiled.
#[derive(Debug)]
pub(super) struct Checked {
    /// It imports a WASI clock.
    pub(super) reads_clocks: bool,
}

/// Everything that can be asked of the bytes alone, the cheapest first.
pub(super) fn check_bytes(bytes: &[u8], limits: &Limits) -> Result<Checked, DeployError> {
    let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let limit = u64::from(limits.component_bytes);
    if found > limit {
        return Err(DeployError::TooLarge { what: "bytes", found, limit });
    }
    format::check_format(bytes)?;
    let structure = structure::walk(bytes, limits)?;
    contract::check_contract(&structure.contracts)?;
    imports::check_imports(&structure.imports)?;
    let reads_clocks = structure.imports.iter().any(|import| import.starts_with("wasi:clocks/"));
    Ok(Checked { reads_clocks })
}
