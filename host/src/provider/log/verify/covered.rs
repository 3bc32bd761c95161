//! How far into the log an index reaches.

use std::io;

use super::layout::{self, BATCH_HEADER_BYTES, BATCH_HEADER_LENGTH};
use super::ranges::Place;
use super::segments::Walk;
use crate::provider::log::disk::{Direction, IndexView, Table};
use crate::provider::log::index::load;
use crate::provider::log::segment;

/// Where that ends what the index covers; `None`: the batch that it names is not in the log.
pub(super) fn covered(walk: &Walk<'_>, view: &dyn IndexView) -> io::Result<Option<Place>> {
    let Some((_, meta)) = load::meta(view)? else {
        // Before its first checkpoint an index covers nothing yet, and holds nothing.
        return Ok(is_empty(view)?.then(Place::default));
    };
    if walk.tag != Some(meta.tag) {
        return Ok(None);
    }
    let position = meta.covered;
    if position.batch == 0 {
        return Ok(Some(Place::default()));
    }
    let Ok(file) = walk.view.open(&segment::name(position.segment)) else { return Ok(None) };
    let mut header = [0; BATCH_HEADER_LENGTH];
    if file.read_at(position.at, &mut header).is_err() {
        return Ok(None);
    }
    let is_it = layout::u64_at(&header, 16) == Some(position.batch)
        && layout::u32_at(&header, 40) == Some(position.checksum)
        && layout::u64_at(&header, 8) == walk.tag;
    let bytes = layout::u32_at(&header, 32).filter(|_| is_it);
    Ok(bytes
        .map(|bytes| Place { segment: position.segment, offset: position.at + BATCH_HEADER_BYTES + u64::from(bytes) }))
}

fn is_empty(view: &dyn IndexView) -> io::Result<bool> {
    for table in Table::ALL {
        if !view.range(table, &[]..&[0xff], Direction::Ascending, 1)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}
