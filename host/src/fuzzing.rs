//! Everything that reads bytes that somebody else wrote, as functions that a fuzzer calls. Not a part of the product.
//!
//! Each function takes any bytes, and panics when a promise about them is broken. `host/fuzz` runs them under a fuzzer;
//! the tests below run every seed in `host/fuzz/seeds`, and changed ones for a bounded time.

/// A function that must hold for any bytes.
pub type Target = fn(&[u8]);

/// Every target by name; its seeds are in the folder of that name.
pub const TARGETS: &[(&str, Target)] = &[
    ("catalog", crate::runtime::fuzz::catalog),
    ("component", crate::sandbox::fuzz::component),
    ("config", crate::cli::fuzz::config),
    ("export", crate::provider::export::fuzz::export),
    ("frame", crate::frame::fuzz::frame),
    ("http_body", crate::api::fuzz::body),
    ("http_head", crate::api::fuzz::head),
    ("index", crate::provider::log::fuzz::index),
    ("key", crate::runtime::fuzz::key),
    ("ledger", crate::actor::fuzz::ledger),
    ("log", crate::provider::log::fuzz::log),
    ("outcome", crate::sandbox::fuzz::outcome),
    ("worker", crate::sandbox::fuzz::worker),
];

#[cfg(test)]
mod tests;
