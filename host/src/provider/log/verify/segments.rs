//! The walk over segments: which there are, which are missing, whether they follow each other.

use std::collections::BTreeSet;
use std::io;

use super::VerifySettings;
use super::index::{Compared, Comparison};
use super::journals::Journals;
use super::layout::{self, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentStart};
use super::ranges::Place;
use super::teller::{End, Teller, at};
use super::view::StoreView;
use super::window::{Pace, Window};
use crate::provider::log::disk::{DISCARDED_NAME, INDEX_NAME, LOCK_NAME, NEW_INDEX_NAME};
use crate::provider::log::index::LogPosition;
use crate::provider::log::segment;
use crate::provider::log::writer::io_error;
use crate::provider::{Finding, FindingKind, StoreError, VerifyMode};

/// A segment file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) length: u64,
    pub(super) start: SegmentStart,
}

impl Segment {
    pub(super) const fn header(&self) -> Option<SegmentHeader> {
        match self.start {
            SegmentStart::Used(header) => Some(header),
            SegmentStart::Newer(_) | SegmentStart::None => None,
        }
    }
}

/// How much of everything was found sound.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) segments: u64,
    pub(super) bytes: u64,
    pub(super) batches: u64,
    pub(super) records: u64,
    pub(super) frames: u64,
    pub(super) events: u64,
    pub(super) snapshots: u64,
    pub(super) catalog_records: u64,
    pub(super) actors: u64,
}

/// A walk over a store.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) view: &'a dyn StoreView,
    pub(super) mode: VerifyMode,
    pub(super) teller: Teller<'a>,
    pub(super) journals: Journals,
    pub(super) pace: Pace,
    pub(super) counts: Counts,
    /// All that are known, by number.
    pub(super) segments: Vec<Segment>,
    /// Segments that were given up on purpose, as records say.
    pub(super) dropped: BTreeSet<u64>,
    /// The store's tag, once it is known.
    pub(super) tag: Option<u64>,
    /// The number of the next batch; `None`: any, as at the beginning and behind what was given up.
    pub(super) next_batch: Option<u64>,
    /// The newest batch that a later one calls durable; 0 again behind a place where the batches do not follow each other.
    pub(super) vouched: u64,
    /// The last segment of which it was told that its batches vouch for something else than those before them.
    pub(super) vouching_told: Option<u64>,
    /// The batch with which the index ends, and whether its header is where it was.
    pub(super) reach: Option<(LogPosition, bool)>,
    /// The index, while it is compared …
    pub(super) index: Option<Comparison>,
    /// … and what came of it.
    pub(super) compared: Compared,
    /// Bytes of this walk that lie behind.
    pub(super) walked_bytes: u64,
}

/// Lists the segments and reads their headers.
pub(super) fn find(view: &dyn StoreView) -> Result<Vec<Segment>, StoreError> {
    let names = view.names().map_err(|error| io_error("listing", &view.place(), &error))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| segment::number(name)).collect();
    numbers.sort_unstable();
    let mut segments = Vec::with_capacity(numbers.len());
    for number in numbers {
        match look(view, number) {
            Ok(segment) => segments.push(segment),
            // It was given up since the directory was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Walking it will tell.
            Err(_) => segments.push(Segment { number, length: 0, start: SegmentStart::None }),
        }
    }
    let place = |number| format!("{}/{}", view.place(), segment::name(number));
    for segment in &segments {
        if let SegmentStart::Newer(found) = segment.start {
            let place = place(segment.number);
            return Err(StoreError::FormatTooNew { place, found, supported: layout::FORMAT_MAX });
        }
    }
    if segments.is_empty() {
        let nothing = io::Error::new(io::ErrorKind::NotFound, "there is no segment of a store in it");
        return Err(io_error("verifying", &view.place(), &nothing));
    }
    Ok(segments)
}

fn look(view: &dyn StoreView, number: u64) -> io::Result<Segment> {
    let file = view.open(&segment::name(number))?;
    let length = file.length()?;
    // A newer format's header may be longer.
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX).min(layout::SEGMENT_HEADER_BYTES_MAX)];
    file.read_at(0, &mut bytes)?;
    Ok(Segment { number, length, start: layout::segment_start(&bytes) })
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        view: &'a dyn StoreView,
        settings: &VerifySettings,
        teller: Teller<'a>,
        segments: Vec<Segment>,
    ) -> Self {
        // A damaged or foreign header must not decide: the tag that most segments have is the store's.
        let tags: Vec<u64> = segments.iter().filter_map(Segment::header).map(|header| header.tag).collect();
        let tag = tags.iter().copied().max_by_key(|tag| tags.iter().filter(|other| *other == tag).count());
        Self {
            view,
            mode: settings.mode,
            teller,
            journals: Journals::new(settings.memory_bytes),
            pace: Pace::new(settings.share_percent),
            counts: Counts::default(),
            segments,
            dropped: BTreeSet::new(),
            tag,
            next_batch: None,
            vouched: 0,
            vouching_told: None,
            reach: None,
            index: None,
            compared: Compared::Skipped("the walk did not come to it".into()),
            walked_bytes: 0,
        }
    }

    /// Whether somebody may be writing to the store.
    pub(super) const fn is_live(&self) -> bool {
        !matches!(self.mode, VerifyMode::Offline)
    }

    /// Tells of files that are not the store's.
    pub(super) fn look_at_names(&mut self) -> Result<(), End> {
        let names = self.view.names().map_err(|error| io_error("listing", &self.view.place(), &error));
        for name in names.map_err(End::Failed)? {
            let is_own = [LOCK_NAME, INDEX_NAME, NEW_INDEX_NAME, DISCARDED_NAME].contains(&name.as_str());
            if !is_own && segment::number(&name).is_none() {
                let finding = Finding::new(FindingKind::ForeignFile, "this file is not the store's");
                self.teller.tell(Finding { file: Some(name), ..finding })?;
            }
        }
        Ok(())
    }

    /// Prepares to walk from the beginning once more.
    pub(super) fn again(&mut self) -> Result<(), End> {
        self.teller.next_pass()?;
        self.segments = find(self.view).map_err(End::Failed)?;
        (self.next_batch, self.vouched, self.vouching_told, self.walked_bytes) = (None, 0, None, 0);
        Ok(())
    }

    /// Walks over all segments, also over those that are begun before it comes to the end.
    ///
    /// What a segment held that is given up meanwhile stands before that end: it was copied before the file went.
    pub(super) fn walk(&mut self) -> Result<(), End> {
        let mut position = 0;
        let mut before: Option<Segment> = None;
        while let Some(segment) = self.segments.get(position).copied() {
            // What was given up is passed over, as opening does: what was live in it stands further on.
            if segment.number >= self.oldest() {
                before = self.one(position, segment, before)?.then_some(segment);
            }
            position += 1;
            if self.is_live() && self.segments.iter().skip(position).all(|later| later.header().is_none()) {
                // The end was seen just now. What is written since may begin in this segment, so none may follow.
                break;
            }
        }
        if self.teller.is_first_pass { self.check_missing() } else { Ok(()) }
    }

    /// Segments below this number were given up.
    fn oldest(&self) -> u64 {
        let own = self.segments.iter().rev().filter_map(Segment::header).find(|header| Some(header.tag) == self.tag);
        own.map_or(1, |newest| newest.oldest)
    }

    /// Adds the segments that were begun since they were listed; the known ones keep their places.
    pub(super) fn look_for_more(&mut self) {
        let newest = self.segments.last().map_or(0, |segment| segment.number);
        let found = find(self.view).unwrap_or_default();
        for segment in found {
            let known = self.segments.iter_mut().find(|known| known.number == segment.number);
            match known {
                Some(known) => *known = segment,
                None if segment.number > newest => self.segments.push(segment),
                None => {}
            }
        }
    }

    /// Walks over one segment; false: it is not there any longer.
    fn one(&mut self, position: usize, segment: Segment, before: Option<Segment>) -> Result<bool, End> {
        let file = self.view.open(&segment::name(segment.number)).and_then(Window::new);
        let mut window = match file {
            Ok(window) => window,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.is_live() => {
                // Given up meanwhile: what was live in it stands further on, perhaps in a segment that is not known yet.
                self.look_for_more();
                return Ok(false);
            }
            Err(error) => return self.unreadable(segment.number, 0, &error).map(|()| true),
        };
        let is_sound = match segment.start {
            SegmentStart::Used(header) => self.check_header(segment, &header, before)?,
            SegmentStart::Newer(_) | SegmentStart::None => {
                if self.is_unused(position, &mut window)? {
                    return Ok(true);
                }
                let what = "the segment's header is damaged; its batches are looked for without it";
                self.tell_at(FindingKind::SegmentHeader, segment.number, 0, what)?;
                true
            }
        };
        if is_sound {
            self.batches(position, segment, &mut window)?;
        }
        self.walked_bytes += window.length();
        if self.teller.is_first_pass {
            self.counts.segments += 1;
            self.counts.bytes += window.length();
        }
        self.teller.walked(self.walked_bytes, self.journals.passes())?;
        Ok(true)
    }

    /// Checks a header against its file and the segment before it; false: it is of another store.
    fn check_header(&mut self, segment: Segment, header: &SegmentHeader, before: Option<Segment>) -> Result<bool, End> {
        let number = segment.number;
        if self.tag != Some(header.tag) {
            self.tell_at(FindingKind::SegmentForeign, number, 40, "the segment is of another store than the others")?;
            self.next_batch = None;
            return Ok(false);
        }
        if header.number != number {
            let what = format!("the header says that this is segment {}", header.number);
            self.tell_at(FindingKind::SegmentHeader, number, 16, what)?;
        }
        if before.is_none_or(|before| before.number + 1 != number) {
            // Across what was given up, batch numbers may jump ahead.
            let expected = self.next_batch.filter(|expected| header.first_batch < *expected);
            self.next_batch = Some(expected.unwrap_or(header.first_batch));
        }
        if let Some(expected) = self.next_batch.filter(|expected| *expected != header.first_batch) {
            let what = format!("batch {expected} should come first, the header says {}", header.first_batch);
            self.tell_at(FindingKind::BatchMissing, number, 24, what)?;
            self.vouched = 0;
        }
        self.next_batch = Some(header.first_batch);
        Ok(true)
    }

    /// Whether a file without a header was prepared and never used: nothing stands in it, and nothing used behind it.
    fn is_unused(&mut self, position: usize, window: &mut Window) -> Result<bool, End> {
        let number = self.segments.get(position).map_or(0, |segment| segment.number);
        if self.segments.iter().skip(position).any(|segment| segment.header().is_some()) {
            return Ok(false);
        }
        if self.is_live() {
            // It may be begun at this moment; what will stand in it comes after this walk.
            return Ok(true);
        }
        let rest = window.not_zero(SEGMENT_HEADER_BYTES, &mut self.pace);
        let is_unused = rest.is_ok_and(|found| found.is_none());
        if is_unused {
            self.tell_at(FindingKind::SegmentUnused, number, 0, "prepared, and not used")?;
        }
        Ok(is_unused)
    }

    /// Tells which segments are missing, and which are there still though they were given up.
    fn check_missing(&mut self) -> Result<(), End> {
        let oldest = self.oldest();
        let mut expected = oldest;
        for segment in self.segments.clone() {
            // A run at a time: a name can hold any number.
            let known: Vec<u64> = self.dropped.range(expected..segment.number.max(expected)).copied().collect();
            for end in known.into_iter().chain([segment.number]) {
                if expected < end && self.view.open(&segment::name(expected)).is_err() {
                    let what =
                        format!("segments {expected} to {} are missing; from {oldest} on all should be there", end - 1);
                    self.tell_at(FindingKind::SegmentMissing, expected, 0, what)?;
                }
                expected = expected.max(end.saturating_add(1));
            }
            let given_up = segment.number < oldest || self.dropped.contains(&segment.number);
            if given_up && self.view.open(&segment::name(segment.number)).is_ok() {
                self.tell_at(FindingKind::SegmentLeft, segment.number, 0, "given up, and not removed yet")?;
            }
        }
        Ok(())
    }

    pub(super) fn unreadable(&mut self, number: u64, offset: u64, error: &io::Error) -> Result<(), End> {
        self.next_batch = None;
        self.tell_at(FindingKind::SegmentUnreadable, number, offset, format!("the system says: {error}"))
    }

    /// Tells what every walk finds at this place, once.
    pub(super) fn tell_at(
        &mut self,
        kind: FindingKind,
        segment: u64,
        offset: u64,
        what: impl Into<String>,
    ) -> Result<(), End> {
        self.teller.tell_once(at(kind, Place { segment, offset }, what))
    }
}
