//! Reading a file front to back in large pieces, no faster than allowed.

use std::io;
use std::time::{Duration, Instant};

use super::view::ViewFile;

/// What is read at once, at least.
const PIECE_BYTES: u64 = /* 256 KiB */ 256 * 1_024;
/// Rests shorter than this are saved up.
const REST_MIN: Duration = Duration::from_millis(2);

/// Keeps the walk to a share of the time, so that others get the disk and the processor.
#[derive(Debug)]
pub(super) struct Pace {
    /// Of the time, percent; 100: never rests.
    share_percent: u32,
    working_since: Instant,
}

impl Pace {
    pub(super) fn new(share_percent: u32) -> Self {
        Self { share_percent: share_percent.clamp(1, 100), working_since: Instant::now() }
    }

    /// Rests in proportion to the work since the last rest.
    pub(super) fn rest(&mut self) {
        if self.share_percent == 100 {
            return;
        }
        let rest = self.working_since.elapsed().saturating_mul(100 - self.share_percent) / self.share_percent;
        if rest >= REST_MIN {
            std::thread::sleep(rest);
            self.working_since = Instant::now();
        }
    }
}

/// A piece of a file.
#[derive(Debug)]
pub(super) struct Window {
    file: Box<dyn ViewFile>,
    length: u64,
    at: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(super) fn new(file: Box<dyn ViewFile>) -> io::Result<Self> {
        let length = file.length()?;
        Ok(Self { file, length, at: 0, bytes: Vec::new() })
    }

    /// Bytes of the file.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Forgets what was read: somebody may be writing.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        self.bytes.clear();
        self.length = self.file.length()?;
        Ok(())
    }

    /// The bytes from `at`, as many as wanted or as there are.
    pub(super) fn fetch(&mut self, at: u64, wanted: u64, pace: &mut Pace) -> io::Result<&[u8]> {
        let wanted = wanted.min(self.length.saturating_sub(at));
        let end = self.at + self.bytes.len() as u64;
        if at < self.at || at.saturating_add(wanted) > end {
            pace.rest();
            let piece = wanted.max(PIECE_BYTES.min(self.length.saturating_sub(at)));
            self.bytes.resize(usize::try_from(piece).unwrap_or(usize::MAX), 0);
            self.at = at;
            if let Err(error) = self.file.read_at(at, &mut self.bytes) {
                self.bytes.clear();
                return Err(error);
            }
        }
        let start = usize::try_from(at - self.at).unwrap_or(usize::MAX);
        let length = usize::try_from(wanted).unwrap_or(usize::MAX);
        Ok(self.bytes.get(start..).and_then(|bytes| bytes.get(..length)).unwrap_or_default())
    }

    /// Where the first byte that is not zero stands, from `at` on.
    pub(super) fn not_zero(&mut self, mut at: u64, pace: &mut Pace) -> io::Result<Option<u64>> {
        loop {
            let bytes = self.fetch(at, PIECE_BYTES, pace)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            // Joining all bytes, instead of stopping at the first, runs at the speed of memory.
            if bytes.iter().fold(0, |joined, byte| joined | byte) != 0 {
                let position = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
                return Ok(Some(at + position as u64));
            }
            at += bytes.len() as u64;
        }
    }
}
