//! The journal record: what a turn appended, as the guest returned it, as it is stored and as it is replayed.

mod columns;
mod record;

pub use columns::{Column, ColumnError, EventColumns};
pub use record::{Frame, FrameError, FrameHeader, FrameParts};
