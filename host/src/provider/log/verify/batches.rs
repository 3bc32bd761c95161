//! The walk over the batches of a segment, and finding the way again behind a damaged one.

use std::io;
use std::time::Duration;

use super::layout::{self, BATCH_HEADER_BYTES, BATCH_HEADER_LENGTH, BatchHeader, SEGMENT_HEADER_BYTES, STEP};
use super::ranges::Place;
use super::segments::{Segment, Walk};
use super::teller::End;
use super::window::Window;
use crate::provider::FindingKind;
use crate::provider::log::segment;

/// What is searched at once for the next batch.
const SEARCH_BYTES: u64 = /* 1 MiB */ 1_024 * 1_024;
/// A batch that is being written is waited for so often …
const SETTLE_TRIES: u32 = 20;
/// … so long each time.
const SETTLE_WAIT: Duration = Duration::from_millis(10);

/// What stands at a place where a batch could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    Sound(BatchHeader),
    /// The header is sound, the payload fails its checksum.
    Damaged(BatchHeader),
    /// The header is sound, the file ends before the payload does.
    CutOff(BatchHeader),
    Nothing,
}

/// A batch header behind a damaged place.
#[derive(Debug, Clone, Copy)]
struct Later {
    at: u64,
    /// It, or one behind it, calls the damaged batch durable.
    vouches: bool,
}

/// How a place without the expected batch is to be taken.
enum Verdict {
    /// The segment ends here.
    End,
    /// It is read again, or read on from there.
    GoOn(u64),
}

/// A segment on the way.
struct Here<'w> {
    position: usize,
    number: u64,
    window: &'w mut Window,
    tries: u32,
}

impl Walk<'_> {
    /// Walks over the batches of a segment.
    pub(super) fn batches(&mut self, position: usize, segment: Segment, window: &mut Window) -> Result<(), End> {
        let mut here = Here { position, number: segment.number, window, tries: 0 };
        let mut at = SEGMENT_HEADER_BYTES;
        loop {
            match self.step(&mut here, at) {
                Ok(Ok(Verdict::GoOn(next))) => at = next,
                Ok(Ok(Verdict::End)) => return Ok(()),
                Ok(Err(end)) => return Err(end),
                Err(error) => return self.unreadable(segment.number, at, &error),
            }
        }
    }

    fn step(&mut self, here: &mut Here<'_>, at: u64) -> io::Result<Result<Verdict, End>> {
        let spot = self.spot(here, at)?;
        match spot {
            Spot::Sound(header) if self.next_batch.is_none_or(|expected| expected == header.number) => {
                here.tries = 0;
                Ok(self.sound(here, at, &header).map(|()| Verdict::GoOn(at + whole_bytes(&header))))
            }
            _ => self.not_expected(here, at, spot),
        }
    }

    fn spot(&mut self, here: &mut Here<'_>, at: u64) -> io::Result<Spot> {
        let bytes = here.window.fetch(at, BATCH_HEADER_BYTES, &mut self.pace)?;
        let Some(header) = layout::batch_header(bytes, self.tag) else { return Ok(Spot::Nothing) };
        if at + whole_bytes(&header) > here.window.length() {
            return Ok(Spot::CutOff(header));
        }
        let payload = here.window.fetch(at + BATCH_HEADER_BYTES, header.payload_bytes, &mut self.pace)?;
        let is_sound = crc32c::crc32c(payload) == header.checksum;
        Ok(if is_sound { Spot::Sound(header) } else { Spot::Damaged(header) })
    }

    /// Takes in a sound batch with the expected number.
    fn sound(&mut self, here: &mut Here<'_>, at: u64, header: &BatchHeader) -> Result<(), End> {
        self.tag.get_or_insert(header.tag);
        self.next_batch = Some(header.number + 1);
        let is_wrong = header.synced_through >= header.number || header.synced_through < self.vouched;
        // What one batch got wrong, those behind it repeat: once for each segment is enough.
        if is_wrong && self.vouching_told.replace(here.number) != Some(here.number) {
            let what = format!(
                "batch {} calls everything through batch {} durable, an earlier one through {}",
                header.number, header.synced_through, self.vouched
            );
            self.tell_at(FindingKind::BatchVouching, here.number, at, what)?;
        }
        self.vouched = self.vouched.max(header.synced_through.min(header.number - 1));
        let (sound, damaged) = self.records_between(here, at + BATCH_HEADER_BYTES, at + whole_bytes(header))?;
        if sound + damaged != u64::from(header.records) {
            let what = format!("batch {} has {sound} records and speaks of {}", header.number, header.records);
            self.tell_at(FindingKind::BatchRecords, here.number, at, what)?;
        }
        if self.teller.is_first_pass {
            self.counts.batches += 1;
        }
        self.teller.walked(self.walked_bytes + at, self.journals.passes())
    }

    /// Decides what it means that the expected batch is not at `at`.
    fn not_expected(&mut self, here: &mut Here<'_>, at: u64, spot: Spot) -> io::Result<Result<Verdict, End>> {
        if self.is_live() && self.is_last(here) {
            // What was read may be old: more was written since, perhaps a whole segment.
            self.look_for_more();
            here.window.refresh()?;
            here.tries += 1;
            if here.tries == 1 || !self.is_last(here) {
                return Ok(Ok(Verdict::GoOn(at)));
            }
            if here.window.not_zero(at, &mut self.pace)?.is_none() {
                return Ok(Ok(Verdict::End));
            }
            if here.tries < SETTLE_TRIES {
                std::thread::sleep(SETTLE_WAIT);
                return Ok(Ok(Verdict::GoOn(at)));
            }
        }
        let expected = self.next_batch;
        let next_first = self.next_first(here);
        if spot == Spot::Nothing && next_first.is_some() && next_first == expected {
            return self.filled_up(here, at);
        }
        if next_first.is_none() && !self.is_last(here) && here.window.not_zero(at, &mut self.pace)?.is_none() {
            // What followed was given up, so nobody knows which batch did.
            return Ok(Ok(Verdict::End));
        }
        let later = self.later(here, at, expected)?;
        if self.is_last(here) && !later.is_some_and(|later| later.vouches) {
            return self.torn(here, at);
        }
        Ok(self.damaged(here, at, spot, expected, later))
    }

    /// The segment is full: what is behind its last batch must be zero.
    fn filled_up(&mut self, here: &mut Here<'_>, at: u64) -> io::Result<Result<Verdict, End>> {
        if self.teller.is_first_pass
            && let Some(found) = here.window.not_zero(at, &mut self.pace)?
        {
            let what = "behind the segment's last batch, where nothing was ever written";
            return Ok(self.tell_at(FindingKind::NotZero, here.number, found, what).map(|()| Verdict::End));
        }
        Ok(Ok(Verdict::End))
    }

    /// The log ends here; what else stands here was never acknowledged as durable.
    fn torn(&mut self, here: &mut Here<'_>, at: u64) -> io::Result<Result<Verdict, End>> {
        if self.teller.is_first_pass
            && let Some(found) = here.window.not_zero(at, &mut self.pace)?
        {
            let what =
                format!("the log ends at byte {at}, behind batch {}", self.next_batch.map_or(0, |next| next - 1));
            return Ok(self.tell_at(FindingKind::TornTail, here.number, found, what).map(|()| Verdict::End));
        }
        Ok(Ok(Verdict::End))
    }

    /// Tells what is wrong, saves what can be read of it, and says where to go on.
    fn damaged(
        &mut self,
        here: &mut Here<'_>,
        at: u64,
        spot: Spot,
        expected: Option<u64>,
        later: Option<Later>,
    ) -> Result<Verdict, End> {
        let number = expected.map_or_else(|| "the next batch".to_owned(), |number| format!("batch {number}"));
        let end = here.window.length();
        let (kind, what, header, until) = match spot {
            Spot::Sound(header) if expected.is_some_and(|expected| header.number < expected) => {
                let what = format!("batch {} stands where {number} should", header.number);
                self.tell_at(FindingKind::BatchOrder, here.number, at, what)?;
                return Ok(Verdict::GoOn(at + whole_bytes(&header)));
            }
            Spot::Sound(header) => {
                let what = format!("{number} is missing, batch {} is in its place", header.number);
                self.tell_at(FindingKind::BatchMissing, here.number, at, what)?;
                self.next_batch = Some(header.number);
                self.vouched = 0;
                return Ok(Verdict::GoOn(at));
            }
            Spot::Damaged(header) => (
                FindingKind::BatchChecksum,
                format!("{number} fails its checksum"),
                Some(header),
                at + whole_bytes(&header),
            ),
            Spot::CutOff(header) => {
                let what = format!("{number} reaches past the end of the file");
                (FindingKind::BatchChecksum, what, Some(header), end)
            }
            Spot::Nothing => {
                let until = later.map_or(end, |later| later.at);
                (FindingKind::BatchHeader, format!("there is no sound header of {number}"), None, until)
            }
        };
        let from = at.saturating_add(BATCH_HEADER_BYTES).min(until);
        self.tell_at(kind, here.number, at, format!("{what}; those of its records that are sound are looked at"))?;
        self.records_between(here, from, until)?;
        self.next_batch = header.map(|header| header.number + 1);
        if header.is_none() {
            // What follows may be from anywhere.
            self.vouched = 0;
        }
        Ok(if until < end { Verdict::GoOn(until) } else { Verdict::End })
    }

    /// Searches the rest of the segment for batches with a later number than `expected`.
    fn later(&mut self, here: &mut Here<'_>, at: u64, expected: Option<u64>) -> io::Result<Option<Later>> {
        let mut later: Option<Later> = None;
        let expected = expected.unwrap_or(0);
        let mut from = at;
        loop {
            let bytes = here.window.fetch(from, SEARCH_BYTES + BATCH_HEADER_BYTES, &mut self.pace)?;
            if bytes.len() < STEP {
                return Ok(later);
            }
            let searched = (bytes.len() as u64).min(SEARCH_BYTES);
            for (position, candidate) in (from..from + searched).step_by(STEP).zip((0..bytes.len()).step_by(STEP)) {
                let Some(found) = bytes.get(candidate..).and_then(|bytes| layout::batch_header(bytes, self.tag)) else {
                    continue;
                };
                // A batch cannot call itself durable, so the damaged one's own bytes prove nothing.
                let vouches = found.synced_through >= expected;
                if found.number > expected || vouches {
                    let first = *later.get_or_insert(Later { at: position, vouches });
                    later = Some(Later { vouches: first.vouches || vouches, ..first });
                }
                if later.is_some_and(|later| later.vouches) {
                    return Ok(later);
                }
            }
            from += searched;
        }
    }

    /// The first batch of the segment that follows without a gap; if its header is damaged, as the batch itself says.
    fn next_first(&self, here: &Here<'_>) -> Option<u64> {
        let next = self.segments.get(here.position + 1).filter(|next| next.number == here.number + 1)?;
        match next.header() {
            Some(header) => (Some(header.tag) == self.tag).then_some(header.first_batch),
            None => {
                let mut bytes = [0; BATCH_HEADER_LENGTH];
                self.view.open(&segment::name(next.number)).ok()?.read_at(SEGMENT_HEADER_BYTES, &mut bytes).ok()?;
                layout::batch_header(&bytes, self.tag).map(|header| header.number)
            }
        }
    }

    /// Whether no used segment follows.
    fn is_last(&self, here: &Here<'_>) -> bool {
        self.segments.iter().skip(here.position + 1).all(|segment| segment.header().is_none())
    }

    /// The records between two places; returns how many are sound and how many are not.
    fn records_between(&mut self, here: &mut Here<'_>, from: u64, to: u64) -> Result<(u64, u64), End> {
        match here.window.fetch(from, to - from, &mut self.pace) {
            Ok(bytes) => self.records(here.position, Place { segment: here.number, offset: from }, bytes),
            Err(error) => self.unreadable(here.number, from, &error).map(|()| (0, 0)),
        }
    }
}

const fn whole_bytes(header: &BatchHeader) -> u64 {
    BATCH_HEADER_BYTES + header.payload_bytes
}
