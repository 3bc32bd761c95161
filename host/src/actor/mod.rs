//! One actor: its mail, its turns, its recovery, its snapshots, and how it leaves the stage.
//!
//! `life` is the task that runs it, over a `live` instance and the `backlog` that outlives it; the other files are what that task does. What an actor needs from above
//! (the code of its kind, a way to reach other actors) comes through the traits of `stage`.

mod account;
mod appended;
mod ask;
mod backlog;
mod bounds;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod gate;
mod ledger;
mod life;
mod live;
mod load;
mod mail;
mod metric;
mod news;
mod progress;
mod record;
mod recorder;
mod recovery;
mod revision;
mod snapshotting;
mod stage;
mod supervision;
mod swap;
mod trouble;
mod turn;
mod turnstile;

pub use ask::{AskError, Command, OnFull, Reply, RequestError};
pub(crate) use metric::describe_metrics;
pub use progress::{Phase, RecoveryProgress};
pub use supervision::DeadReason;

pub(crate) use account::{Account, OverQuota};
pub(crate) use appended::{Appended, Look};
pub(crate) use ledger::{Change, KeyRecord, Tell, TellId, describe_changes};
pub(crate) use life::Actor;
pub(crate) use load::{Load, Loads, Meter, Taken};
pub(crate) use mail::{Envelope, Mail, Order, Ticket};
pub(crate) use metric::{KindMetrics, LIVE_ACTORS};
pub(crate) use news::{News, Refusal};
pub(crate) use progress::Progress;
pub(crate) use record::{HostRecord, holds};
pub(crate) use recorder::{Recorded, Recorder};
pub(crate) use recovery::{Admission, Pacer, Recovery, RecoveryError, Unread, Unusable, last_writer, unread_by};
pub(crate) use revision::{EventTypeOf, Remap, Revision};
pub(crate) use stage::{Code, Crew, Policy, ReplayRate, Shortage, Stage};
pub(crate) use supervision::{DeadLetter, Failure, Fault, Poison, PoisonCommand, Supervisor, in_words};
pub(crate) use turnstile::{Pass, Turnstile};
