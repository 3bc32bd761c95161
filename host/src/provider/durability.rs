//! What an acknowledgement is worth.

use serde::{Deserialize, Serialize};

/// What an acknowledged turn survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Survives a process kill and a power cut: the acknowledgement waits for the disk's sync.
    #[default]
    Sync,
    /// Survives a process kill; a power cut can lose the turns since the last sync (about a second of them).
    Flush,
    /// A process kill or a power cut can lose the turns since the last write (about a second of them).
    Memory,
}
