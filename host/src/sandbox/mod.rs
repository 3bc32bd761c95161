//! Guest code, behind wasmtime. No other room knows wasmtime; what goes in and out here is plain data.
//!
//! Three lifetimes are three types: [`Engine`] (one per host), [`Component`] (one per revision) and
//! [`Instance`] (one per activation).

mod artifact;
mod cache;
mod calls;
mod check;
mod code_bytes;
mod compile;
mod component;
mod config;
mod cpu;
mod deadline;
mod describe;
mod difference;
mod engine;
mod error;
mod failure;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod growth;
mod guest_log;
mod host_memory;
mod host_time;
mod instance;
mod link;
mod log_account;
mod machine;
mod manifest;
mod memory_account;
mod metric;
mod outcome;
mod randomness;
mod remembered;
mod said;
mod shared;
mod state;
mod store;
mod ticker;
mod turn;
mod v1;
mod wasi;

pub use calls::{
    Caller, CommandColumns, CommandContext, Effect, GuestSnapshot, InstanceOptions, Moment, Outcome, Started, Verdict,
};
pub use check::{ByteCheck, CONTRACT, Figure, Inspection};
pub use compile::{CompileCost, CompilerProgram, WORKER_VERB, compile_worker};
pub use component::Component;
pub use cpu::{Cpu, Paced, Permit, Share, Waiting, guest_calls};
pub use difference::{Change, ManifestDiff, Place, Raised, RevisionDiff, UnreadType};
pub use engine::{Engine, Looked, SandboxSettings, Uncompiled, spare_instances, swapping_instances};
pub use error::{DeployError, GuestFailure, Lasting, ReplayFailure};
pub use host_memory::HostMemory;
pub use instance::{Admitted, Instance};
pub use log_account::LogAccount;
pub use manifest::{CommandType, EventType, Manifest};
pub use memory_account::MemoryAccount;
pub(crate) use metric::{describe_limit_hits, limit_hit, quota_hit};

/// Says what the metrics of the sandbox mean.
pub fn describe_metrics() {
    cpu::describe_metrics();
    code_bytes::describe_metrics();
    compile::describe_metrics();
}
