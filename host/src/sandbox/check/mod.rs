//! What a component must be before it may be deployed. One file per question; each answers with a typed refusal.

mod contract;
mod exports;
mod format;
mod imports;
mod instance_size;
mod manifest;
mod structure;
mod tally;
#[cfg(test)]
mod tests;

pub use contract::CONTRACT;
pub(super) use exports::{check_exports, wrong_export};
pub(super) use manifest::check_manifest;
pub use tally::Figure;

use self::structure::Structure;
use self::tally::Cap;
use super::DeployError;
use crate::vocab::Limits;

/// What is known of a component before it is compiled.
#[derive(Debug)]
pub(super) struct Checked {
    /// It imports a WASI clock.
    pub(super) reads_clocks: bool,
    /// What the host keeps for each instance beside its memory, bytes.
    pub(super) instance_bytes: u64,
}

/// A question that the bytes alone answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ByteCheck {
    /// Is it small enough to be looked at?
    Size,
    /// Is it a component?
    Format,
    /// Is it built of so few parts that it can be compiled safely?
    Structure,
    /// Was it built for a contract that is served?
    Contract,
    /// Does it import only what actors may have?
    Imports,
}

/// What the checks of a component's bytes found, as far as they came.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The first check that refused it, and why.
    pub refused: Option<(ByteCheck, DeployError)>,
    /// What was counted, beside the caps; nothing if it is no component.
    pub figures: Vec<Figure>,
    /// What it imports.
    pub imports: Vec<String>,
}

/// What is done between two parts of a component: others may be let run, or the whole thing be given up.
pub(super) type Between<'a> = &'a mut dyn FnMut() -> Result<(), DeployError>;

/// Everything that can be asked of the bytes alone, the cheapest first.
pub(super) fn check_bytes(bytes: &[u8], limits: &Limits, between: Between<'_>) -> Result<Checked, DeployError> {
    let mut structure = Structure::default();
    look(bytes, limits, &mut structure, between).map_err(|(_, refusal)| refusal)?;
    let reads_clocks = structure.imports.iter().any(|import| import.starts_with("wasi:clocks/"));
    Ok(Checked { reads_clocks, instance_bytes: structure.instance.bytes() })
}

/// The same, with everything that was found on the way.
pub(super) fn inspect(bytes: &[u8], limits: &Limits) -> Inspection {
    let mut structure = Structure::default();
    let refused = look(bytes, limits, &mut structure, &mut || Ok(())).err();
    let is_component = !matches!(refused, Some((ByteCheck::Format, _)));
    let figures = if is_component { structure.tally.figures(limits) } else { Vec::new() };
    Inspection { refused, figures, imports: structure.imports }
}

fn look(
    bytes: &[u8],
    limits: &Limits,
    structure: &mut Structure,
    between: Between<'_>,
) -> Result<(), (ByteCheck, DeployError)> {
    let at = |check: ByteCheck| move |refusal: DeployError| (check, refusal);
    structure.tally.most(Cap::Bytes, count(bytes.len()), limits).map_err(at(ByteCheck::Size))?;
    format::check_format(bytes).map_err(at(ByteCheck::Format))?;
    structure::walk(bytes, limits, structure, between).map_err(|refusal| match refusal {
        DeployError::NotAComponent { .. } => (ByteCheck::Format, refusal),
        DeployError::ForbiddenImport { .. } => (ByteCheck::Imports, refusal),
        other => (ByteCheck::Structure, other),
    })?;
    let instance_bytes = structure.instance.bytes();
    structure.tally.most(Cap::InstanceBytes, instance_bytes, limits).map_err(at(ByteCheck::Structure))?;
    contract::check_contract(&structure.contracts).map_err(at(ByteCheck::Contract))?;
    imports::check_imports(&structure.imports).map_err(at(ByteCheck::Imports))
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
