//! HTTP: one file per verb, no decisions. Every answer that is not a success is a problem document with a stable code.
//!
//! - `access`: who is let in, before anything else is looked at.
//! - `path`, `query`, `body`: what a request says, checked; `routes` chooses the verb.
//! - `problem`, `status_code`: how an error is told.
//! - `openapi`: the same routes as a document; `server`: connections and shutdown.
//!
//! Why there is no router library here: a key is any text, so the raw path decides where a key ends, and a verb such
//! as `:snapshot` is part of the last segment.

mod access;
mod body;
mod check;
mod connections;
mod context;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod json_body;
mod metrics;
mod openapi;
mod path;
mod percent;
#[cfg(test)]
mod permissions;
mod problem;
mod query;
mod route;
mod routes;
mod server;
mod settings;
mod status_code;
mod tls;

mod actors;
mod ask;
mod audit;
mod dead_letters;
mod deploy;
mod error_page;
mod events;
mod export;
mod health;
mod keys;
mod kinds;
mod metrics_page;
mod passivate;
mod ready;
mod recheck;
mod refusals;
mod rehearse;
mod remove_revision;
mod rest_of_body;
mod revisions;
mod rollout;
mod snapshot;
mod state;
mod status;
mod tenants;
mod trouble;
mod verify;

pub use metrics::Metrics;
pub use percent::encode_segment;
pub use problem::{Problem, action};
pub use server::{Server, serve};
pub use settings::HttpSettings;
pub use status_code::http_status;
pub use tls::Tls;
