//! How far into the log an index reaches.

use std::io;

use super::layout::{self, BATCH_HEADER_BYTES, BATCH_HEADER_LENGTH};
use super::ranges::Place;
use super::segments::Walk;
use super::teller::{End, at};
use crate::provider::log::disk::{Direction, IndexView, Table};
use crate::provider::log::index::{LogPosition, load};
use crate::provider::log::segment;
use crate::provider::{Finding, FindingKind};

/// What an index says of how far it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The log holds the batch that it covers last; where that ends.
    Through(LogPosition, Place),
    /// The batch that it covers last is not in the log.
    Unheld(LogPosition),
    /// It is of another store.
    Foreign,
}

/// Where that ends what the index covers.
pub(super) fn covered(walk: &Walk<'_>, view: &dyn IndexView) -> io::Result<Reach> {
    let Some((_, meta)) = load::meta(view)? else {
        // Before its first checkpoint an index covers nothing yet, and holds nothing.
        return Ok(if is_empty(view)? {
            Reach::Through(LogPosition::default(), Place::default())
        } else {
            Reach::Foreign
        });
    };
    if walk.tag != Some(meta.tag) {
        return Ok(Reach::Foreign);
    }
    let position = meta.covered;
    if position.batch == 0 {
        return Ok(Reach::Through(position, Place::default()));
    }
    let Ok(file) = walk.view.open(&segment::name(position.segment)) else { return Ok(Reach::Unheld(position)) };
    let mut header = [0; BATCH_HEADER_LENGTH];
    if file.read_at(position.at, &mut header).is_err() {
        return Ok(Reach::Unheld(position));
    }
    let is_it = layout::u64_at(&header, 16) == Some(position.batch)
        && layout::u32_at(&header, 40) == Some(position.checksum)
        && layout::u64_at(&header, 8) == walk.tag;
    Ok(match layout::u32_at(&header, 32).filter(|_| is_it) {
        Some(bytes) => {
            let offset = position.at + BATCH_HEADER_BYTES + u64::from(bytes);
            Reach::Through(position, Place { segment: position.segment, offset })
        }
        None => Reach::Unheld(position),
    })
}

fn is_empty(view: &dyn IndexView) -> io::Result<bool> {
    for table in Table::ALL {
        if !view.range(table, &[]..&[0xff], Direction::Ascending, 1)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Walk<'_> {
    /// Tells whether the log has lost what the index covers, once all of it was walked over: before that it is not known whether
    /// the log is cut short or the index wrong.
    pub(super) fn tell_reach(&mut self) -> Result<(), End> {
        let Some((position, is_held)) = self.reach.take() else { return Ok(()) };
        match self.next_batch.filter(|next| *next <= position.batch) {
            Some(next) => {
                let (batch, end) = (position.batch, next.saturating_sub(1));
                let what =
                    format!("batch {batch} was durable here, as the index proves, and the log ends with batch {end}");
                let place = Place { segment: position.segment, offset: position.at };
                self.teller.tell(at(FindingKind::LogCutShort, place, what))
            }
            None if is_held => Ok(()),
            None => {
                let what = "the index does not belong to this log as it is: the batch that it ends with is not there";
                self.teller.tell(Finding::new(FindingKind::IndexWrong, what))
            }
        }
    }
}
