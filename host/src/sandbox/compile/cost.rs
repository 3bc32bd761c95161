//! What a compilation took.

use std::time::Duration;

/// What compiling one component took; all zero where nothing was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompileCost {
    /// CPU time; of a compilation in the host's own process its wall time, because nothing else can be told apart.
    pub cpu: Duration,
    /// Wall time.
    pub wall: Duration,
    /// The most memory that the compiler had, bytes; 0 where it is not known.
    pub memory_bytes: u64,
    /// Bytes of compiled code; 0 if there is none.
    pub code_bytes: u64,
}
