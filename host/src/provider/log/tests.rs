//! The log's tests.

mod conformance;
