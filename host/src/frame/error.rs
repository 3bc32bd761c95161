//! Why bytes are not a frame, or parts cannot become one.

use super::ColumnError;

/// Why bytes are not a frame, or parts cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Fewer bytes than the header, or than the header says.
    #[error("a frame of {needed} bytes was cut off after {found}")]
    Truncated {
        /// Bytes that are there.
        found: usize,
        /// Bytes that should be there.
        needed: u64,
    },
    /// The first bytes are not those of a frame.
    #[error("these bytes do not start like a frame")]
    NotAFrame,
    /// Written by a newer program, and intact.
    #[error("the frame has format {found}; this program reads up to {supported}. Use a newer greenroom")]
    Newer {
        /// The format found.
        found: u16,
        /// The newest format this program reads.
        supported: u16,
    },
    /// A flag is set that this format does not have.
    #[error("the frame has unknown flags {flags:#010x}")]
    UnknownFlags {
        /// All flags of the frame.
        flags: u32,
    },
    /// The header was altered after it was written.
    #[error("the frame's header fails its checksum")]
    HeaderChecksum,
    /// Events, effects or keys were altered after they were written.
    #[error("the frame's body fails its checksum")]
    BodyChecksum,
    /// The lengths in the header do not add up to the length of the bytes.
    #[error("the header speaks of {stated} bytes, there are {found}")]
    Lengths {
        /// What the lengths add up to.
        stated: u64,
        /// How many bytes there are.
        found: usize,
    },
    /// A frame holds at least one event.
    #[error("a frame has at least one event")]
    NoEvents,
    /// Event numbers start at 1 and end at `u64::MAX`.
    #[error("a frame of {count} events cannot start at number {first}")]
    Sequence {
        /// The number of the first event.
        first: u64,
        /// How many events.
        count: u32,
    },
    /// The event columns contradict themselves.
    #[error("the event columns are unsound: {0}")]
    Columns(#[from] ColumnError),
    /// A part is over the largest length that a frame can state.
    #[error("{part} of {length} is over a frame's limit of {limit}")]
    TooLarge {
        /// Which part.
        part: &'static str,
        /// Its length.
        length: usize,
        /// The bound.
        limit: usize,
    },
}
