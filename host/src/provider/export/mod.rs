//! Histories in a file: what a rehearsal needs of a kind, to be read without a server. `docs/format.md` draws the bytes.
//!
//! A container and no log: a journal whose beginning is deleted cannot be appended to an empty one, and here nothing is ever
//! appended. Every record has its checksum, and the last one says how many there were.

mod frozen;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod index;
mod provider;
mod record;

pub use frozen::FrozenProvider;
pub use provider::ExportProvider;
pub use record::{EXPORT_HEADER, ExportRecord, ExportedHead};

#[cfg(test)]
mod tests;
