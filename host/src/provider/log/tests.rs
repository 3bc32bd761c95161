//! The log's tests.

mod compaction;
mod conformance;
mod crash;
mod deletion;
mod faults;
mod figures;
mod golden;
pub(super) mod history;
mod index_store;
mod model;
mod observe;
mod real;
mod verify;

use super::segment::name as segment_name;
