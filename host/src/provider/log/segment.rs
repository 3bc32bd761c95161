//! Segment files: their names and their 64-byte header; `docs/format.md` draws it.

use crate::frame::fields::Fields;
use crate::vocab::Timestamp;

/// The first bytes of every segment, in every format.
const MAGIC: [u8; 8] = *b"GRNRMLOG";
/// The format that this program writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 2;
/// The oldest format that this program reads. Its segments hold no records of the kinds that format 2 added.
pub(super) const OLDEST_FORMAT: u32 = 1;
/// Length of the header in both formats.
pub(super) const HEADER_BYTES: usize = 64;
const HEADER_LENGTH: u32 = 64;
/// The longest header of any format: so much of a file is read to find out which it is.
pub(super) const HEADER_BYTES_MAX: usize = /* 4 KiB */ 4 * 1_024;
/// The header's own checksum, its last bytes in every format.
const CHECKSUM_BYTES: usize = 4;
/// Digits of a segment's number in its file name.
const NAME_DIGITS: usize = 20;
const NAME_END: &str = ".log";

/// What a segment says of itself; written and synced before the first batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Which records it may hold.
    pub(super) format: u32,
    /// Its number; the first is 1.
    pub(super) number: u64,
    /// The number of its first batch.
    pub(super) first_batch: u64,
    /// When it was begun.
    pub(super) created: Timestamp,
    /// Drawn once per store and repeated by every batch, so that no payload can pass for a batch.
    pub(super) tag: u64,
    /// Segments below this number were given up on purpose when this one was begun.
    pub(super) oldest: u64,
}

/// What the start of a segment file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SegmentStart {
    /// A segment in use.
    Used(SegmentHeader),
    /// Written by a newer program, and intact.
    Newer(u32),
    /// No header: prepared and never used, or damaged.
    None,
}

/// The file name of a segment.
pub(super) fn name(number: u64) -> String {
    format!("{number:020}{NAME_END}")
}

/// The number in a segment's file name; `None` for other files.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(NAME_END)?;
    let plain = digits.len() == NAME_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

impl SegmentHeader {
    /// The 64 bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.format.to_le_bytes());
        out.extend_from_slice(&HEADER_LENGTH.to_le_bytes());
        for field in [self.number, self.first_batch, self.created.0, self.tag, self.oldest] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&0u32.to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// Reads the start of a segment file.
    pub(super) fn decode(bytes: &[u8]) -> SegmentStart {
        decode(bytes).unwrap_or(SegmentStart::None)
    }
}

fn decode(bytes: &[u8]) -> Option<SegmentStart> {
    let mut fields = Fields::new(bytes);
    let (magic, format, length) = (fields.array()?, fields.u32()?, fields.u32()?);
    let whole = bytes.get(..length as usize).filter(|whole| whole.len() <= HEADER_BYTES_MAX)?;
    let (checked, stated) = whole.split_last_chunk::<CHECKSUM_BYTES>()?;
    // The checksum comes before the format: a flipped bit in the format's number is damage, not a newer program.
    if magic != MAGIC || crc32c::crc32c(checked) != u32::from_le_bytes(*stated) {
        return None;
    }
    if format > FORMAT {
        return Some(SegmentStart::Newer(format));
    }
    let header = SegmentHeader {
        format,
        number: fields.u64()?,
        first_batch: fields.u64()?,
        created: Timestamp(fields.u64()?),
        tag: fields.u64()?,
        oldest: fields.u64()?,
    };
    (format >= OLDEST_FORMAT && length == HEADER_LENGTH).then_some(SegmentStart::Used(header))
}
