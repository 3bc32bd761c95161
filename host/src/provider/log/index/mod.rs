//! Where everything lies in the log: what changed lately in memory, all of it in the index store. Derived from the log
//! alone; without the store it is rebuilt by reading the log from its beginning.
//!
//! `docs/format.md` draws the entries; `docs/decisions/0013` says why it is built like this.

pub(super) mod checkpoint;
mod entry;
pub(super) mod keeper;
pub(super) mod load;
mod mend;
pub(super) mod replay;
mod resident;
mod rewrite;
pub(super) mod table;

pub(super) use self::entry::{ActorEntry, FrameEntry, Place, SnapshotEntry, Spread, Stored};
pub(super) use self::resident::{CatalogEntry, Index};
pub(super) use self::table::LogPosition;
