//! The log's tests.

mod campaign;
mod compaction;
pub(in crate::provider) mod conformance;
mod crash;
mod deletion;
mod document;
mod faults;
mod figures;
mod flips;
mod full;
mod golden;
pub(super) mod history;
mod index;
mod index_flips;
mod index_store;
mod kill;
mod layout;
mod mend;
mod model;
mod observe;
mod real;
mod rebuild;
mod stale;
mod torn;
mod trouble;
mod upkeep;
mod verify;
mod witness;

use super::segment::name as segment_name;
