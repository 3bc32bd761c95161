//! How long a recovery may take.

use serde::{Deserialize, Serialize};

/// What bounds the recovery of an actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecoverySettings {
    /// One recovery, from its permit to the last event, milliseconds: a store that hangs, a journal without end.
    /// Waiting for the permit and loading the code do not count. At least 1.
    pub time_limit_ms: u64,
}

impl Default for RecoverySettings {
    fn default() -> Self {
        Self { time_limit_ms: 60_000 }
    }
}
