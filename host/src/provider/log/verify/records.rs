//! The walk over the records of a batch, and finding the way again behind a damaged one.

use bytes::Bytes;

use super::journals::Change;
use super::layout::{self, FRAME_HEADER_BYTES, RECORD_HEADER_BYTES, Record, STEP};
use super::ranges::Place;
use super::segments::Walk;
use super::teller::{End, at, of};
use crate::frame::{Frame, FrameHeader};
use crate::provider::FindingKind;
use crate::vocab::{ActorId, Address};

/// How many times over the bytes of a damaged batch may be hashed in search of sound records: payloads are of others'
/// choosing, and one full of imitated headers must not make this endless.
const SEARCH_FACTOR: usize = 16;
/// An introduction is not longer than this, or is not read again.
const INTRODUCTION_BYTES_MAX: u64 = /* 1 MiB */ 1_024 * 1_024;

/// Whether a record was as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Sound,
    Damaged,
}

impl Place {
    /// So many bytes further on.
    fn plus(self, bytes: usize) -> Self {
        Self { offset: self.offset + bytes as u64, ..self }
    }
}

impl Walk<'_> {
    /// Walks over records that stand one behind the other; returns how many are sound and how many are not.
    pub(super) fn records(&mut self, position: usize, place: Place, bytes: &[u8]) -> Result<(u64, u64), End> {
        let format = self.segments.get(position).and_then(super::segments::Segment::header).map(|header| header.format);
        let (mut sound, mut damaged) = (0, 0);
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let here = place.plus(at);
            let outcome = match layout::record(rest) {
                Some(record) if record.fault.is_none() => {
                    at += record.whole_bytes;
                    self.record(here, &record, format)?
                }
                Some(record) => {
                    self.faulty(here, &record)?;
                    at += next_record(rest, record.whole_bytes);
                    Outcome::Damaged
                }
                None => {
                    self.damaged_record(here, None, "there is no record header")?;
                    at += next_record(rest, rest.len());
                    Outcome::Damaged
                }
            };
            match outcome {
                Outcome::Sound => sound += 1,
                Outcome::Damaged => damaged += 1,
            }
        }
        if self.teller.is_first_pass {
            self.counts.records += sound;
        }
        Ok((sound, damaged))
    }

    /// Takes in a record whose own checksum is right.
    fn record(&mut self, place: Place, record: &Record<'_>, format: Option<u32>) -> Result<Outcome, End> {
        if let Some(format) = format.filter(|format| *format < layout::since_format(record.kind)) {
            let what = format!("a record of kind {} in a segment of format {format}", record.kind);
            self.tell_at(FindingKind::RecordFormat, place.segment, place.offset, what)?;
        }
        match record.kind {
            1 | 10 => self.frames(place, record),
            2 => self.introduction(place, record),
            11 => self.summary(place, record),
            3 => match layout::snapshot(record.payload) {
                Some((actor, sequence)) => {
                    self.count(|counts| counts.snapshots += 1);
                    Ok(self.change(actor, Change::Snapshot(sequence), place))
                }
                None => self.contradiction(place, record),
            },
            4 | 5 => match layout::deletion(record.payload) {
                Some((actor, sequence)) if record.kind == 4 => {
                    Ok(self.change(actor, Change::SnapshotDelete(sequence), place))
                }
                Some((actor, through)) => Ok(self.change(actor, Change::DeleteThrough(through), place)),
                None => self.contradiction(place, record),
            },
            6 | 7 => match layout::catalog(record.payload, record.kind) {
                Some(key) => {
                    self.count(|counts| counts.catalog_records += 1);
                    if self.teller.is_first_pass
                        && let Some(index) = &mut self.index
                    {
                        index.catalog_record(key, record.kind == 6, place, record.payload.len());
                    }
                    Ok(Outcome::Sound)
                }
                None => self.contradiction(place, record),
            },
            8 if record.payload.is_empty() => Ok(Outcome::Sound),
            9 => match layout::dropped(record.payload) {
                Some(segment) => {
                    self.dropped.insert(segment);
                    Ok(Outcome::Sound)
                }
                None => self.contradiction(place, record),
            },
            _ => self.contradiction(place, record),
        }
    }

    fn change(&mut self, actor: ActorId, change: Change<'_>, place: Place) -> Outcome {
        self.journals.change(actor, change, place);
        Outcome::Sound
    }

    fn count(&mut self, count: impl FnOnce(&mut super::segments::Counts)) {
        if self.teller.is_first_pass {
            count(&mut self.counts);
        }
    }

    /// The frames of a record: one of kind 1, any number of one actor behind each other of kind 10.
    fn frames(&mut self, place: Place, record: &Record<'_>) -> Result<Outcome, End> {
        let mut rest = record.payload;
        let mut start = place.plus(RECORD_HEADER_BYTES);
        let mut before: Option<FrameHeader> = None;
        loop {
            let measured = if record.kind == 1 { Some(rest.len()) } else { layout::frame_bytes(rest) };
            let (bytes, behind) = rest.split_at_checked(measured.unwrap_or(rest.len())).unwrap_or((rest, &[]));
            match Frame::decode(Bytes::copy_from_slice(bytes)) {
                Ok(frame) => {
                    let header = *frame.header();
                    let follows = before
                        .is_none_or(|before| (before.actor, before.last().next()) == (header.actor, header.first));
                    if !follows {
                        return self.damaged_frame(start, bytes, "it does not continue the frame before it");
                    }
                    self.count(|counts| {
                        counts.frames += 1;
                        counts.events += u64::from(header.count);
                    });
                    let is_copied = record.is_copied || record.kind == 10;
                    self.journals.change(header.actor, Change::Frame { header: &header, is_copied }, start);
                    before = Some(header);
                }
                Err(error) => return self.damaged_frame(start, bytes, &error.to_string()),
            }
            if behind.is_empty() {
                return Ok(Outcome::Sound);
            }
            start = start.plus(bytes.len());
            rest = behind;
        }
    }

    fn introduction(&mut self, place: Place, record: &Record<'_>) -> Result<Outcome, End> {
        let Some((actor, address)) = layout::address(record.payload) else { return self.contradiction(place, record) };
        self.check_address(place, actor, &address)?;
        Ok(self.change(actor, Change::Introduction, place))
    }

    fn summary(&mut self, place: Place, record: &Record<'_>) -> Result<Outcome, End> {
        let Some(summary) = layout::summary(record.payload) else { return self.contradiction(place, record) };
        self.check_address(place, summary.actor, &summary.address)?;
        Ok(self.change(summary.actor, Change::Summary(&summary), place))
    }

    fn check_address(&mut self, place: Place, actor: ActorId, address: &Address) -> Result<(), End> {
        if address.id() == actor {
            return Ok(());
        }
        let what = format!("the id of {address} is {}, not the one beside it", address.id());
        let finding = at(FindingKind::AddressMismatch, place, what);
        self.teller.tell_once(of(finding, actor, Some(address.to_string()), None))
    }

    /// The checksum is right, so it was written like that.
    fn contradiction(&mut self, place: Place, record: &Record<'_>) -> Result<Outcome, End> {
        let what = format!("a record of kind {} contradicts itself", record.kind);
        self.damaged_record(place, actor_of(record), &what)?;
        Ok(Outcome::Damaged)
    }

    /// A record that fails its checksum, or that was not filled up with zeros.
    fn faulty(&mut self, place: Place, record: &Record<'_>) -> Result<(), End> {
        let fault = record.fault.unwrap_or_default();
        if record.kind == 1 {
            // What else is wrong is in the frame, which knows its actor.
            return match Frame::decode(Bytes::copy_from_slice(record.payload)) {
                Ok(frame) => self.damaged_frame(place, frame.bytes(), fault).map(|_| ()),
                Err(error) => self.damaged_frame(place, record.payload, &error.to_string()).map(|_| ()),
            };
        }
        self.damaged_record(place, actor_of(record), &format!("kind {}: {fault}", record.kind))
    }

    fn damaged_record(&mut self, place: Place, actor: Option<ActorId>, what: &str) -> Result<(), End> {
        let finding = at(FindingKind::RecordDamaged, place, what);
        match actor {
            Some(actor) => {
                let address = self.address_of(actor);
                self.teller.tell_once(of(finding, actor, address, None))
            }
            None => self.teller.tell_once(finding),
        }
    }

    /// Tells whose frame is damaged, as far as its bytes say.
    fn damaged_frame(&mut self, place: Place, bytes: &[u8], what: &str) -> Result<Outcome, End> {
        let finding = at(FindingKind::FrameDamaged, place, what);
        let finding = match self.whose(bytes) {
            Some((actor, first)) => of(finding, actor, self.address_of(actor), Some(first)),
            None => finding,
        };
        self.teller.tell_once(finding)?;
        Ok(Outcome::Damaged)
    }

    /// Whose frame it is, and from which number on. A damaged header is believed if turning one bit back makes it
    /// sound, or if it names an actor that is known.
    fn whose(&self, bytes: &[u8]) -> Option<(ActorId, u64)> {
        let header = FrameHeader::decode(bytes).ok().or_else(|| {
            let mut header = *bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
            (0..header.len() * 8).find_map(|bit| {
                flip(&mut header, bit);
                let decoded = FrameHeader::decode(&header).ok();
                flip(&mut header, bit);
                decoded
            })
        });
        let stated = || layout::actor_at(bytes, 16).zip(layout::u64_at(bytes, 32));
        let known = |(actor, _): &(ActorId, u64)| self.journals.get(*actor).is_some();
        header.map(|header| (header.actor, header.first.0)).or_else(|| stated().filter(known))
    }

    /// An actor's address, from its newest introduction.
    pub(super) fn address_of(&self, actor: ActorId) -> Option<String> {
        let place = self.journals.get(actor)?.introduced?;
        let file = self.view.open(&crate::provider::log::segment::name(place.segment)).ok()?;
        let mut header = [0; RECORD_HEADER_BYTES];
        file.read_at(place.offset, &mut header).ok()?;
        let length = u64::from(layout::u32_at(&header, 4)?).min(INTRODUCTION_BYTES_MAX);
        let mut payload = vec![0; usize::try_from(length).ok()?];
        file.read_at(place.offset + RECORD_HEADER_BYTES as u64, &mut payload).ok()?;
        let address = match header.first()? {
            2 => layout::address(&payload)?.1,
            11 => layout::summary(&payload)?.address,
            _ => return None,
        };
        Some(address.to_string())
    }
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes.get_mut(bit / 8).into_iter().for_each(|byte| *byte ^= 1 << (bit % 8));
}

/// Whose record it is, as far as its bytes say.
fn actor_of(record: &Record<'_>) -> Option<ActorId> {
    if matches!(record.kind, 2..=5 | 11) { layout::actor_at(record.payload, 0) } else { None }
}

/// Bytes to the next record behind a damaged one that says it takes `whole` bytes, which may be wrong.
fn next_record(bytes: &[u8], whole: usize) -> usize {
    let behind = bytes.get(whole..).unwrap_or_default();
    if whole < bytes.len() && layout::record_bytes(behind).is_some() {
        return whole;
    }
    let mut budget_bytes = bytes.len().saturating_mul(SEARCH_FACTOR);
    for start in (STEP..bytes.len()).step_by(STEP) {
        let rest = bytes.get(start..).unwrap_or_default();
        let Some(candidate) = layout::record_bytes(rest) else { continue };
        let Some(left) = budget_bytes.checked_sub(candidate) else { break };
        budget_bytes = left;
        if is_sound(rest) {
            return start;
        }
    }
    bytes.len()
}

/// Whether a whole, sound record stands here.
fn is_sound(bytes: &[u8]) -> bool {
    let Some(record) = layout::record(bytes).filter(|record| record.fault.is_none()) else { return false };
    match record.kind {
        1 => Frame::decode(Bytes::copy_from_slice(record.payload)).is_ok(),
        10 => layout::frame_bytes(record.payload).is_some() && FrameHeader::decode(record.payload).is_ok(),
        _ => true,
    }
}
