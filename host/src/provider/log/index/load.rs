//! Reading the index store. On blocking threads, or where an append finds its actor put out of memory.

use std::io;
use std::ops::Range;

use super::table::{self, Meta, Run};
use super::{ActorEntry, FrameEntry, Place};
use crate::provider::log::disk::{Direction, Entry, IndexView, Table, useless};
use crate::vocab::{ActorId, Kind, Sequence, Tenant, Timestamp};

/// Entries that are read together when there may be many.
pub(in super::super) const PAGE_ENTRIES: usize = 256;

/// An entry that the index does not write like this: it is damaged, or lies.
fn unsound(table: Table) -> io::Error {
    useless(format!("an entry of the index's table {table:?} makes no sense"))
}

fn newest(view: &dyn IndexView, table: Table, keys: &Range<Vec<u8>>) -> io::Result<Option<Entry>> {
    let found = view.range(table, &keys.start..&keys.end, Direction::Descending, 1)?;
    Ok(found.into_iter().next())
}

/// The newest checkpoint and its number.
pub(in super::super) fn meta(view: &dyn IndexView) -> io::Result<Option<(u64, Meta)>> {
    let Some((key, value)) = newest(view, Table::Meta, &table::meta_keys())? else { return Ok(None) };
    Meta::decode(&key, &value).map(Some).ok_or_else(|| unsound(Table::Meta))
}

/// Whether no table has an entry.
pub(in super::super) fn is_empty(view: &dyn IndexView) -> io::Result<bool> {
    for table in Table::ALL {
        if !view.range(table, &[]..&[0xff; 33], Direction::Ascending, 1)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One actor.
pub(in super::super) fn actor(view: &dyn IndexView, actor: ActorId) -> io::Result<Option<ActorEntry>> {
    let Some((key, value)) = newest(view, Table::Actors, &table::actor_keys(actor))? else { return Ok(None) };
    table::decode_actor(&key, &value).map(Some).ok_or_else(|| unsound(Table::Actors))
}

/// An actor whose frames are scattered from that number on, and the key of the entry that says so.
pub(in super::super) type ScatteredEntry = (Vec<u8>, ActorId, Sequence);

/// Scattered actors, at most `limit`, behind the key `after`.
pub(in super::super) fn scattered(view: &dyn IndexView, after: &[u8], limit: usize) -> io::Result<Vec<ScatteredEntry>> {
    let start = [after, &[0]].concat();
    let found = view.range(Table::Scattered, &start..&[0xff; 33], Direction::Ascending, limit)?;
    let scattered = found.into_iter().map(|(key, value)| {
        let (actor, from) = table::decode_scattered(&key, &value).ok_or_else(|| unsound(Table::Scattered))?;
        Ok((key, actor, from))
    });
    scattered.collect()
}

fn decode_run((key, value): &Entry) -> io::Result<Run> {
    table::decode_run(key, value).ok_or_else(|| unsound(Table::Runs))
}

/// The run that begins at `at` or is the last to begin before it.
pub(in super::super) fn run_at(view: &dyn IndexView, actor: ActorId, at: Sequence) -> io::Result<Option<Run>> {
    let keys = table::run_keys(actor, Sequence::ZERO, at);
    newest(view, Table::Runs, &keys)?.as_ref().map(decode_run).transpose()
}

/// Runs that begin behind `after` and not behind `through`, by number, at most `limit`.
pub(in super::super) fn runs_behind(
    view: &dyn IndexView,
    actor: ActorId,
    after: Sequence,
    through: Sequence,
    limit: usize,
) -> io::Result<Vec<Run>> {
    if after >= through {
        return Ok(Vec::new());
    }
    let keys = table::run_keys(actor, after.next(), through);
    let found = view.range(Table::Runs, &keys.start..&keys.end, Direction::Ascending, limit)?;
    found.iter().map(decode_run).collect()
}

/// The stored frames from the one that holds `from` (or the first behind it) on, while `wanted` says so.
pub(in super::super) fn frames(
    view: &dyn IndexView,
    actor: ActorId,
    from: Sequence,
    through: Sequence,
    mut wanted: impl FnMut(&FrameEntry) -> bool,
) -> io::Result<()> {
    let mut page: Vec<Run> = run_at(view, actor, from)?.into_iter().collect();
    let mut after = page.first().and_then(|run| run.frames.first()).map_or(from.previous(), |frame| frame.first);
    // One run is enough for a short read; a long one goes on in pages.
    let mut limit = 1;
    loop {
        for frame in page.iter().flat_map(|run| &run.frames).filter(|frame| frame.last >= from) {
            if frame.first > through || !wanted(frame) {
                return Ok(());
            }
        }
        page = runs_behind(view, actor, after, through, limit)?;
        let Some(last) = page.last().and_then(|run| run.frames.first()) else { return Ok(()) };
        after = last.first;
        limit = (limit * 4).min(PAGE_ENTRIES);
    }
}

/// A page of the actors of a kind behind the name `after`; `None`: from the beginning.
pub(in super::super) fn names(
    view: &dyn IndexView,
    tenant: &Tenant,
    kind: &Kind,
    after: Option<&str>,
    limit: usize,
) -> io::Result<Vec<(String, ActorId)>> {
    let prefix = table::name_prefix(tenant, kind);
    let mut start = prefix.clone();
    if let Some(after) = after {
        start.extend_from_slice(after.as_bytes());
        // The smallest key behind it.
        start.push(0);
    }
    // No byte of a name is 0xff: names are UTF-8.
    let end = [prefix.as_slice(), &[0xff]].concat();
    let found = view.range(Table::Names, &start..&end, Direction::Ascending, limit)?;
    let name = |(key, value): &Entry| {
        let name = std::str::from_utf8(key.get(prefix.len()..)?).ok()?.to_owned();
        Some((name, table::actor_of(value)?))
    };
    found.iter().map(|entry| name(entry).ok_or_else(|| unsound(Table::Names))).collect()
}

/// Wake-ups, and the key behind which the next page begins; `None`: there are no more.
pub(in super::super) type WakePage = (Vec<(Timestamp, ActorId)>, Option<Vec<u8>>);

/// A page of the wake-ups behind the key `after`; also the key to go on behind.
pub(in super::super) fn wakes(view: &dyn IndexView, after: &[u8]) -> io::Result<WakePage> {
    let start = [after, &[0]].concat();
    let found = view.range(Table::Wakes, &start..&[0xff; 33], Direction::Ascending, PAGE_ENTRIES)?;
    let last = found.last().map(|(key, _)| key.clone());
    let wakes = found.iter().map(|(key, _)| table::decode_wake(key).ok_or_else(|| unsound(Table::Wakes)));
    Ok((wakes.collect::<io::Result<_>>()?, last))
}

/// The whole catalog: key, checkpoint, place.
pub(in super::super) fn catalog(view: &dyn IndexView) -> io::Result<Vec<(String, u64, Place)>> {
    let found = view.range(Table::Catalog, &[]..&[0xff], Direction::Ascending, usize::MAX)?;
    found.iter().map(|(key, value)| table::decode_catalog(key, value).ok_or_else(|| unsound(Table::Catalog))).collect()
}
