//! Rollouts: how the actors of a kind come from one revision to another, and back.
//!
//! - `record`: what is durable. It is written before anything acts on it.
//! - `state`: what actors are assigned now, who is held elsewhere, what is counted (`figures`).
//! - `act`: what an operator does; `face`: the same as the library offers it; `views`: what people see of it.
//! - `driver`: the task of a kind that is rolling; `resume`: those that a crash or an end of the host cut off.
//! - `check`: who could not go back, before anybody does.

mod act;
mod check;
mod driver;
mod face;
mod figures;
mod metric;
mod record;
mod resume;
mod state;
mod views;

pub(super) use act::Acts;
pub use act::{Activation, Whom};
pub use check::{CannotGoBack, RollbackCheck};
pub use figures::PauseView;
pub use views::{CandidateView, HeldView, LiveView, RolloutEntry, RolloutView};

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use record::fuzz_rollout;

pub(super) use metric::describe as describe_metrics;
pub(super) use resume::resume;
pub(super) use state::Rollout;
