//! Batches: what one group commit writes. A 48-byte header, then records; `docs/format.md` draws it.

use crate::frame::fields::Fields;

const MAGIC: [u8; 4] = *b"GRBT";
/// Length of a batch's header.
pub(super) const HEADER_BYTES: usize = 48;
/// Batches and records begin at multiples of this.
pub(super) const ALIGNMENT: usize = 8;
/// All flags are reserved in format 1.
const NO_FLAGS: u32 = 0;

/// What a batch says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchHeader {
    /// The store's tag.
    pub(super) tag: u64,
    /// Its number; the first is 1, and there are no gaps.
    pub(super) number: u64,
    /// The last batch that was known to be durable when this one was written: none of those may be missing.
    pub(super) synced_through: u64,
    /// Bytes of records behind the header, padding included.
    pub(super) payload_bytes: u32,
    /// How many records.
    pub(super) records: u32,
    /// CRC32C of the payload.
    pub(super) checksum: u32,
}

/// Why there is no sound batch at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BatchError {
    /// The header fails its checksum, is of another store, or there is none.
    #[error("there is no batch header")]
    NoHeader,
    /// The payload reaches past the end of the file.
    #[error("the batch reaches past the end of the segment")]
    PastEnd,
    /// The payload fails its checksum.
    #[error("the batch fails its checksum")]
    Checksum,
}

impl BatchHeader {
    /// The 48 bytes.
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&NO_FLAGS.to_le_bytes());
        for field in [self.tag, self.number, self.synced_through] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        for field in [self.payload_bytes, self.records, self.checksum] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out.first_chunk().copied().unwrap_or([0; HEADER_BYTES])
    }

    /// Reads a header of the store with this tag at the start of `bytes`.
    pub(super) fn decode(bytes: &[u8], tag: u64) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        let mut fields = Fields::new(header);
        // The cheap comparisons come first: a search tries every eighth byte of a segment.
        if fields.array() != Some(MAGIC) || fields.u32() != Some(NO_FLAGS) || fields.u64() != Some(tag) {
            return None;
        }
        let decoded = Self {
            tag,
            number: fields.u64()?,
            synced_through: fields.u64()?,
            payload_bytes: fields.u32()?,
            records: fields.u32()?,
            checksum: fields.u32()?,
        };
        let (checked, stated) = header.split_last_chunk()?;
        (crc32c::crc32c(checked) == u32::from_le_bytes(*stated)).then_some(decoded)
    }

    /// Bytes of the whole batch.
    pub(super) const fn batch_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes as usize
    }
}

/// Reads and verifies the batch at the start of `bytes`: its header and its payload.
pub(super) fn decode(bytes: &[u8], tag: u64) -> Result<(BatchHeader, &[u8]), BatchError> {
    let header = BatchHeader::decode(bytes, tag).ok_or(BatchError::NoHeader)?;
    let payload = bytes.get(HEADER_BYTES..header.batch_bytes()).ok_or(BatchError::PastEnd)?;
    if crc32c::crc32c(payload) != header.checksum {
        return Err(BatchError::Checksum);
    }
    Ok((header, payload))
}
