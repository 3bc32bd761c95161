//! Who actors and callers are.

use serde::{Deserialize, Serialize};

/// Who an actor is.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// Whose it is. Actors reach only their own tenant.
    pub tenant: String,
    /// The deployed type.
    pub kind: String,
    /// Which one of that type.
    pub key: String,
}

/// Who sent a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caller {
    /// A client, by name; empty if it has none.
    Client(String),
    /// Another actor, or this one.
    Actor(Address),
    /// A timer of this actor, by name.
    Timer(String),
}
