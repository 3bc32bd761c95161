//! Looking at every stored byte, changing none: segments, batches, records, frames, journals.
//!
//! - `view`: a directory that can only be read; `window`: reading it in pieces, at a bounded share of the time.
//! - `layout`: the bytes, read by code of its own; `segments`, `batches`, `records`: the walk, from large to small.
//! - `ranges`, `journals`: what the records say of each actor, in bounded memory; `judge`: what is wrong with that.
//! - `index`: whether the index says what the log says.
//! - `teller`: telling what is found; `server`: an open log verifies itself.
//!
//! The walk goes on after a finding wherever a sound batch follows. The memory it takes is the bound in the settings, one batch,
//! and a few bytes for each segment.

mod batches;
mod covered;
mod index;
mod journals;
mod judge;
mod layout;
mod ranges;
mod records;
mod segments;
mod server;
mod teller;
mod view;
mod window;

use std::ops::ControlFlow;

use self::index::Compared;
use self::journals::Journals;
use self::segments::Walk;
pub(in crate::provider::log) use self::server::{UnderWay, begin};
use self::teller::{End, Teller};
pub use self::view::{Claim, DirClaim, DirView, DiskView, IndexLook, OpenView, StoreView, ViewFile};
use crate::provider::{StoreError, VerifyLine, VerifyMode, VerifySummary};

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifySettings {
    /// Who else has the store open.
    pub mode: VerifyMode,
    /// What is known of actors may take so much memory, bytes; more actors mean more walks over the store.
    pub memory_bytes: usize,
    /// Of the time, percent: what the walk may use of it. 100: it never rests.
    pub share_percent: u32,
}

impl VerifySettings {
    /// The defaults for this mode.
    #[must_use]
    pub const fn new(mode: VerifyMode) -> Self {
        let mib = 1_024 * 1_024;
        match mode {
            // The rest of the machine is the actors'.
            VerifyMode::Server => Self { mode, memory_bytes: 64 * mib, share_percent: 25 },
            VerifyMode::Offline | VerifyMode::Online => Self { mode, memory_bytes: 256 * mib, share_percent: 100 },
        }
    }

    /// These settings with another bound on memory.
    #[must_use]
    pub const fn with_memory_bytes(self, memory_bytes: usize) -> Self {
        Self { memory_bytes, ..self }
    }
}

/// Walks over the whole store and tells what it finds as it finds it, and the summary at the end. Changes nothing.
///
/// A listener that breaks ends it early; the summary then says that it is not complete.
///
/// # Errors
/// When there is nothing to look at: the directory cannot be listed, holds no segment, or is of a newer format. A file that
/// cannot be read is a finding.
pub fn verify(
    view: &dyn StoreView,
    settings: &VerifySettings,
    listen: &mut dyn FnMut(VerifyLine) -> ControlFlow<()>,
) -> Result<VerifySummary, StoreError> {
    // Before the walk: the log goes on, and what the index says of it must be found by then.
    let look = view.index(settings.mode);
    let segments = segments::find(view)?;
    let total_bytes = segments.iter().map(|segment| segment.length).sum();
    let mut walk = Walk::new(view, settings, Teller::new(listen, total_bytes), segments);
    let ended = walk.take_index(look).and_then(|()| walk_all(&mut walk));
    let summary = summary(&walk, settings.mode, matches!(ended, Ok(())));
    match ended {
        Err(End::Failed(error)) => return Err(error),
        Ok(()) | Err(End::Unheard) => {}
    }
    walk.teller.finish(VerifyLine::Summary(Box::new(summary.clone())));
    Ok(summary)
}

fn walk_all(walk: &mut Walk<'_>) -> Result<(), End> {
    walk.look_at_names()?;
    loop {
        walk.walk()?;
        walk.tell_reach()?;
        walk.judge()?;
        walk.compare()?;
        if !walk.journals.next_part() {
            return walk.compare_rest();
        }
        walk.again()?;
    }
}

fn summary(walk: &Walk<'_>, mode: VerifyMode, complete: bool) -> VerifySummary {
    let (told, counts) = (walk.teller.told, walk.counts);
    VerifySummary {
        sound: complete && told.corrupt == 0 && told.suspicious == 0,
        complete,
        mode,
        corrupt: told.corrupt,
        suspicious: told.suspicious,
        notes: told.notes,
        segments: counts.segments,
        bytes: counts.bytes,
        batches: counts.batches,
        records: counts.records,
        frames: counts.frames,
        events: counts.events,
        snapshots: counts.snapshots,
        catalog_records: counts.catalog_records,
        actors: counts.actors,
        index_entries: match &walk.compared {
            Compared::Entries(entries) => Some(*entries),
            Compared::Skipped(_) => None,
        },
        index_skipped: match &walk.compared {
            Compared::Entries(_) => None,
            Compared::Skipped(why) => Some(why.to_string()),
        },
        passes: Journals::passes(&walk.journals),
    }
}
