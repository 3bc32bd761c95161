//! The log's tests.

mod compaction;
mod conformance;
mod crash;
mod deletion;
mod faults;
mod golden;
mod history;
mod index_store;
mod real;

use super::LogProvider;
