//! Actors that fail: what is remembered of them, what an operator can do about them, and what could not be delivered.
//!
//! - `registry`: who failed how often, who waits, who is quarantined; `record`: what of it is durable.
//! - `skips`: events that replays leave out. `act`: what an operator does; `trial`: an attempt that leaves no trace;
//!   `purge`: the end of an actor's history; `resume`: acts that a crash cut off.
//! - `dead_letters`: commands that nobody will handle.

mod act;
mod dead_letters;
mod face;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz;
mod metric;
mod purge;
mod record;
mod registry;
mod resume;
mod skips;
mod supervise;
mod trial;
mod views;

pub use dead_letters::DeadLetterView;
pub use face::Operator;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use fuzz::fuzz_troubles;
pub use views::{CauseView, FailureView, PoisonCommandView, PoisonEventView, TroubleListing, TroubleView};

pub(super) use metric::describe as describe_metrics;
pub(super) use registry::Troubles;
pub(super) use resume::resume;
pub(super) use skips::place as skips_place;
