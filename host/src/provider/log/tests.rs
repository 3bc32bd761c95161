//! The log's tests.

mod campaign;
mod compaction;
pub(in crate::provider) mod conformance;
mod crash;
mod deletion;
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
mod model;
mod observe;
mod real;
mod stale;
mod trouble;
mod upkeep;
mod verify;

use super::segment::name as segment_name;
