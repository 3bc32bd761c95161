//! Telling what is found, while it is found.

use std::ops::ControlFlow;

use super::ranges::Place;
use crate::provider::log::segment;
use crate::provider::{Finding, FindingKind, Severity, StoreError, VerifyLine, VerifyProgress};
use crate::vocab::{ActorId, Sequence};

/// Progress is told after so many bytes.
const PROGRESS_EVERY_BYTES: u64 = /* 8 MiB */ 8 * 1_024 * 1_024;

/// Why a verification ends early.
#[derive(Debug)]
pub(super) enum End {
    /// Nobody listens any longer.
    Unheard,
    /// The store could not be looked at.
    Failed(StoreError),
}

/// How often each severity was told.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Told {
    pub(super) corrupt: u64,
    pub(super) suspicious: u64,
    pub(super) notes: u64,
}

/// The listener, and what it was told.
pub(super) struct Teller<'a> {
    listen: &'a mut dyn FnMut(VerifyLine) -> ControlFlow<()>,
    pub(super) told: Told,
    progress: VerifyProgress,
    told_at_bytes: u64,
    /// Later walks see the same bytes again: what the first one told of them is not repeated.
    pub(super) is_first_pass: bool,
}

impl<'a> Teller<'a> {
    pub(super) fn new(listen: &'a mut dyn FnMut(VerifyLine) -> ControlFlow<()>, total_bytes: u64) -> Self {
        let progress = VerifyProgress { pass: 1, passes: 1, bytes: 0, total_bytes };
        Self { listen, told: Told::default(), progress, told_at_bytes: 0, is_first_pass: true }
    }

    fn line(&mut self, line: VerifyLine) -> Result<(), End> {
        match (self.listen)(line) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(End::Unheard),
        }
    }

    /// Tells the summary; that nobody listens does not matter any longer.
    pub(super) fn finish(&mut self, line: VerifyLine) {
        let _unheard = self.line(line);
    }

    /// Tells a finding, whichever walk it was made in.
    pub(super) fn tell(&mut self, finding: Finding) -> Result<(), End> {
        let count = match finding.severity {
            Severity::Corrupt => &mut self.told.corrupt,
            Severity::Suspicious => &mut self.told.suspicious,
            Severity::Note => &mut self.told.notes,
        };
        *count += 1;
        self.line(VerifyLine::Finding(Box::new(finding)))
    }

    /// Tells what every walk finds, once.
    pub(super) fn tell_once(&mut self, finding: Finding) -> Result<(), End> {
        if self.is_first_pass { self.tell(finding) } else { Ok(()) }
    }

    /// The next walk begins.
    pub(super) fn next_pass(&mut self) -> Result<(), End> {
        self.is_first_pass = false;
        self.progress.pass += 1;
        (self.progress.bytes, self.told_at_bytes) = (0, 0);
        self.line(VerifyLine::Progress(self.progress))
    }

    /// Work goes on without bytes to tell of: whoever does not listen any longer is noticed.
    pub(super) fn alive(&mut self) -> Result<(), End> {
        self.line(VerifyLine::Progress(self.progress))
    }

    /// So many bytes of this walk lie behind, and so many walks there will be.
    pub(super) fn walked(&mut self, bytes: u64, passes: u64) -> Result<(), End> {
        self.progress.bytes = bytes;
        self.progress.total_bytes = self.progress.total_bytes.max(bytes);
        self.progress.passes = passes;
        if bytes < self.told_at_bytes + PROGRESS_EVERY_BYTES {
            return Ok(());
        }
        self.told_at_bytes = bytes;
        self.line(VerifyLine::Progress(self.progress))
    }
}

impl std::fmt::Debug for Teller<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Teller").field("told", &self.told).finish_non_exhaustive()
    }
}

/// A finding at a place in a segment.
pub(super) fn at(kind: FindingKind, place: Place, what: impl Into<String>) -> Finding {
    Finding {
        file: Some(segment::name(place.segment)),
        segment: Some(place.segment),
        offset: Some(place.offset),
        ..Finding::new(kind, what)
    }
}

/// The same finding, about an actor.
pub(super) fn of(finding: Finding, actor: ActorId, address: Option<String>, sequence: Option<u64>) -> Finding {
    Finding { actor: Some(actor), address, sequence: sequence.map(Sequence), ..finding }
}
