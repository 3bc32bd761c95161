//! Greenroom hosts persistent actors that are WebAssembly components.
//!
//! # Rooms, from the top down (imports go down only)
//! - [`api`]: HTTP; [`cli`]: the command line. No decisions.
//! - [`runtime`]: the host: directory of actors, deployments, shutdown.
//! - `actor`: one actor: mailbox, turn, recovery, snapshot, passivation.
//! - [`sandbox`]: wasmtime, and nothing else knows it.
//! - [`provider`]: storage back ends.
//! - `decide`: pure functions: snapshot policy, retention, who is passivated.
//! - [`frame`]: the journal record.
//! - [`vocab`]: ids, limits, errors.

mod actor;
pub mod api;
pub mod cli;
pub mod decide;
pub mod frame;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod provider;
pub mod runtime;
pub mod sandbox;
pub mod vocab;
