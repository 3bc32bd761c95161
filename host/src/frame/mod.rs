//! The journal record: what a turn appended, as the guest returned it, as it is stored and as it is replayed.
//!
//! `docs/format.md` draws the bytes. [`codec`] is the one place that knows bincode.

pub mod codec;
mod columns;
mod error;
pub(crate) mod fields;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod header;
mod record;
#[cfg(test)]
mod tests;

pub use columns::{Column, ColumnError, EventColumns};
pub use error::FrameError;
pub use header::FrameHeader;
pub use record::{Frame, FrameParts};
