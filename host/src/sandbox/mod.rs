//! Guest code, behind wasmtime. No other room knows wasmtime; what goes in and out here is plain data.
//!
//! Three lifetimes are three types: [`Engine`] (one per host), [`Component`] (one per revision) and
//! [`Instance`] (one per activation).

mod component;
mod engine;
mod error;
mod instance;
mod manifest;

pub use component::Component;
pub use engine::{Engine, SandboxSettings};
pub use error::{DeployError, GuestFailure, ReplayFailure};
pub use instance::{
    Caller, CommandColumns, CommandContext, Effect, GuestSnapshot, Instance, InstanceOptions, Moment, Outcome, Started,
    Verdict,
};
pub use manifest::{CommandType, EventType, Manifest};
