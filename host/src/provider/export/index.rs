//! What an export holds, and where: found by one walk over the file, which verifies every checksum.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use super::record::{EXPORT_HEADER, ExportRecord, ExportedHead, HEAD_BYTES, checksum, read_head};
use crate::frame::Frame;
use crate::provider::{SnapshotMeta, StoreError};
use crate::vocab::{ActorId, Address, Sequence};

/// A file, read at positions.
pub(super) trait Source: Send + Sync + 'static {
    /// Where it is, for messages.
    fn place(&self) -> &str;
    /// Its length.
    fn length(&self) -> std::io::Result<u64>;
    /// Fills `into` from the bytes at `at`.
    fn read_at(&self, at: u64, into: &mut [u8]) -> std::io::Result<()>;
}

/// A record's place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    at: u64,
    length: u32,
}

/// What is known of an actor.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) address: Arc<Address>,
    pub(super) head: ExportedHead,
    /// First and last event of each frame, ascending.
    pub(super) frames: Vec<(Sequence, Sequence, Place)>,
    /// Ascending.
    pub(super) snapshots: Vec<(SnapshotMeta, Place)>,
}

/// What an export holds.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) catalog: BTreeMap<String, Bytes>,
    pub(super) actors: HashMap<ActorId, Entry>,
    /// Tenant, kind and key of each actor.
    pub(super) names: BTreeMap<(String, String, String), ActorId>,
}

fn corrupt(source: &dyn Source, at: u64, reason: impl Into<String>) -> StoreError {
    StoreError::Corrupt { place: format!("{} at byte {at}", source.place()), reason: reason.into() }
}

fn unreadable(source: &dyn Source, error: &std::io::Error) -> StoreError {
    StoreError::Io { operation: "reading", place: source.place().to_owned(), reason: error.to_string() }
}

/// One record at a place, its checksum verified, and where the next one begins.
///
/// # Errors
/// When it cannot be read or is not sound.
fn record_at(source: &dyn Source, at: u64, length: u64) -> Result<(ExportRecord, Place, u64), StoreError> {
    let cut = || corrupt(source, at, "the export is cut off here; export it again");
    let payload_at = at.saturating_add(HEAD_BYTES as u64);
    if payload_at > length {
        return Err(cut());
    }
    let mut head = [0; HEAD_BYTES];
    source.read_at(at, &mut head).map_err(|error| unreadable(source, &error))?;
    let (payload_length, expected, kind) = read_head(head).map_err(|reason| corrupt(source, at, reason))?;
    let next = payload_at.saturating_add(u64::from(payload_length));
    if next > length {
        return Err(cut());
    }
    let place = Place { at: payload_at, length: payload_length };
    let payload = bytes_at(source, place)?;
    if checksum(kind, &payload) != expected {
        return Err(corrupt(source, at, "the record fails its checksum"));
    }
    let record = ExportRecord::decode(kind, payload).map_err(|reason| corrupt(source, at, reason))?;
    Ok((record, place, next))
}

fn bytes_at(source: &dyn Source, place: Place) -> Result<Bytes, StoreError> {
    let mut payload = vec![0; usize::try_from(place.length).unwrap_or(usize::MAX)];
    source.read_at(place.at, &mut payload).map_err(|error| unreadable(source, &error))?;
    Ok(Bytes::from(payload))
}

impl Index {
    /// Walks over the file.
    ///
    /// # Errors
    /// That it is no export, of a newer format, damaged or cut off: with the place.
    pub(super) fn read(source: &dyn Source) -> Result<Self, StoreError> {
        let length = source.length().map_err(|error| unreadable(source, &error))?;
        let mut header = [0; EXPORT_HEADER.len()];
        if length < EXPORT_HEADER.len() as u64 {
            return Err(corrupt(source, 0, "this is no export"));
        }
        source.read_at(0, &mut header).map_err(|error| unreadable(source, &error))?;
        check_header(source, header)?;
        let mut index = Self::default();
        let mut current = None;
        let (mut frames, mut snapshots) = (0_u64, 0_u64);
        let mut at = EXPORT_HEADER.len() as u64;
        loop {
            let (record, place, next) = record_at(source, at, length)?;
            match record {
                ExportRecord::Catalog { key, value } => {
                    index.catalog.insert(key, value);
                }
                ExportRecord::Actor { address, head } => {
                    index.close(source, at, current)?;
                    current = Some(index.open(source, at, address, head)?);
                }
                ExportRecord::Frame(bytes) => {
                    index.add_frame(current, bytes, place).map_err(|reason| corrupt(source, at, reason))?;
                    frames = frames.saturating_add(1);
                }
                ExportRecord::Snapshot { meta, .. } => {
                    index.add_snapshot(current, meta, place).map_err(|reason| corrupt(source, at, reason))?;
                    snapshots = snapshots.saturating_add(1);
                }
                ExportRecord::End { actors, frames: all_frames, snapshots: all_snapshots } => {
                    index.close(source, at, current)?;
                    let found = (u64::try_from(index.actors.len()).unwrap_or(u64::MAX), frames, snapshots);
                    if found != (actors, all_frames, all_snapshots) {
                        return Err(corrupt(source, at, "records are missing"));
                    }
                    if next != length {
                        return Err(corrupt(source, next, "something stands behind the end"));
                    }
                    return Ok(index);
                }
            }
            at = next;
        }
    }

    fn open(
        &mut self,
        source: &dyn Source,
        at: u64,
        address: Address,
        head: ExportedHead,
    ) -> Result<ActorId, StoreError> {
        let id = address.id();
        let name = (address.tenant.to_string(), address.kind.to_string(), address.key.to_string());
        let address = Arc::new(address);
        let entry = Entry { address, head, frames: Vec::new(), snapshots: Vec::new() };
        if self.actors.insert(id, entry).is_some() {
            return Err(corrupt(source, at, "an actor stands there twice"));
        }
        self.names.insert(name, id);
        Ok(id)
    }

    /// Nothing may be missing of an actor: its frames reach from what is deleted to its end.
    fn close(&self, source: &dyn Source, at: u64, current: Option<ActorId>) -> Result<(), StoreError> {
        let Some(entry) = current.and_then(|id| self.actors.get(&id)) else { return Ok(()) };
        let last = entry.frames.last().map_or(entry.head.deleted_through, |(_, last, _)| *last);
        if last == entry.head.sequence {
            return Ok(());
        }
        let (address, sequence) = (&entry.address, entry.head.sequence);
        Err(corrupt(source, at, format!("the journal of {address} ends at {last}, it should at {sequence}")))
    }

    fn add_frame(&mut self, current: Option<ActorId>, bytes: Bytes, place: Place) -> Result<(), String> {
        let frame = Frame::decode(bytes).map_err(|error| error.to_string())?;
        let entry = current.and_then(|id| self.actors.get_mut(&id)).ok_or("a frame of nobody")?;
        let (first, last) = (frame.header().first, frame.header().last());
        if frame.header().actor != entry.address.id() {
            return Err(format!("a frame of another actor among those of {}", entry.address));
        }
        let before = entry.frames.last().map(|(_, last, _)| *last);
        // The first one may begin within what is deleted: frames are never cut.
        let follows = match before {
            Some(before) => first == before.next(),
            None => first <= entry.head.deleted_through.next() && last > entry.head.deleted_through,
        };
        if !follows || last > entry.head.sequence {
            return Err(format!("the journal of {} does not go on with {first}", entry.address));
        }
        entry.frames.push((first, last, place));
        Ok(())
    }

    fn add_snapshot(&mut self, current: Option<ActorId>, meta: SnapshotMeta, place: Place) -> Result<(), String> {
        let entry = current.and_then(|id| self.actors.get_mut(&id)).ok_or("a snapshot of nobody")?;
        let is_next = entry.snapshots.last().is_none_or(|(before, _)| before.sequence < meta.sequence);
        if !is_next || meta.sequence > entry.head.sequence {
            return Err(format!("a snapshot of {} at {} that cannot be", entry.address, meta.sequence));
        }
        entry.snapshots.push((meta, place));
        Ok(())
    }
}

fn check_header(source: &dyn Source, header: [u8; 8]) -> Result<(), StoreError> {
    if header == EXPORT_HEADER {
        return Ok(());
    }
    let [magic @ .., version, _, _, _] = header;
    if magic == EXPORT_HEADER[..4] && version > 1 {
        let place = source.place().to_owned();
        return Err(StoreError::FormatTooNew { place, found: u32::from(version), supported: 1 });
    }
    Err(corrupt(source, 0, "this is no export"))
}

/// A frame, verified when it was found and again now.
///
/// # Errors
/// When it cannot be read or has changed.
pub(super) fn frame_at(source: &dyn Source, place: Place) -> Result<Frame, StoreError> {
    Frame::decode(bytes_at(source, place)?).map_err(|error| corrupt(source, place.at, error.to_string()))
}

/// A snapshot's state and what the host keeps beside it.
///
/// # Errors
/// When it cannot be read or has changed.
pub(super) fn snapshot_at(source: &dyn Source, place: Place) -> Result<(Bytes, Bytes), StoreError> {
    let at = place.at.saturating_sub(HEAD_BYTES as u64);
    match record_at(source, at, u64::MAX)? {
        (ExportRecord::Snapshot { state, ledger, .. }, ..) => Ok((state, ledger)),
        _ => Err(corrupt(source, at, "no snapshot stands there any more")),
    }
}
