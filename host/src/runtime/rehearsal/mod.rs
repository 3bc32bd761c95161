//! Rehearsal: a component that may become the next revision replays the actors' real histories beside the code that they
//! run, and what differs is told. Nothing is stored, no actor is touched.
//!
//! - `options`: what is asked for; `report`: what is told; `choose`: which actors are looked at.
//! - `side`: one of the two revisions; `replay`: an actor's state on it; `compare`: both, and what that means; `commands`: the same for
//!   commands that were handled lately.
//! - `run`: the walk over the actors; `heard`: what ends it and exports when nobody listens; `places`: how many there may be at a time; `export`: histories for a rehearsal elsewhere; `face`: the library's verbs.

mod choose;
mod commands;
mod compare;
mod export;
mod face;
mod heard;
mod metric;
mod options;
mod places;
mod replay;
mod report;
mod run;
mod side;

pub use export::Export;
pub use face::{Rehearsal, RehearsalPlace};
pub(super) use metric::describe as describe_metrics;
pub use options::{ChosenActors, RehearsalOptions, RehearsalSettings, ReplayFrom};
pub(super) use places::Rehearsals;
pub use report::{
    RehearsalCounts, RehearsalFailure, RehearsalFinding, RehearsalLine, RehearsalNote, RehearsalNoteKind,
    RehearsalProgress, RehearsalStart, RehearsalSummary, RehearsalVerdict, RehearsedCommand,
};
