//! Version 1 of the contract, as `wit/v1` has it.

mod bindings;
mod host;

pub(super) use bindings::exports::greenroom::actor::behavior::StartError;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use bindings::greenroom::actor::types::EventBatchResult;
pub(super) use bindings::greenroom::actor::types::{
    AddressParam, ColumnParam, ColumnResult, CommandBatch, EventBatchParam, OutcomeBatch, SnapshotParam,
};
pub(super) use bindings::{Actor, ActorIndices};
