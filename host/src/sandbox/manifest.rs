//! What a component says of itself.

use serde::{Deserialize, Serialize};

/// A command that a component handles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandType {
    /// Its name, as clients write it.
    pub name: String,
    /// It never appends and never asks for effects; a violation fails the turn.
    pub read_only: bool,
}

/// An event that a component can replay.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventType {
    /// Its name.
    pub name: String,
    /// The version of its payload's layout.
    pub version: u16,
}

/// What a component says of itself; checked at deploy, stored with the revision.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// The commands; their order gives the indices that cross the boundary.
    pub commands: Vec<CommandType>,
    /// The events; their order gives the indices that are stored.
    pub events: Vec<EventType>,
    /// The layout of the state that `capture` writes.
    pub state_version: u32,
}
