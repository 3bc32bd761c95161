//! Arbitrary bytes are a frame or an error; a frame is encoded again to the same bytes.

use super::{EventColumns, Frame, FrameParts, codec};
use crate::vocab::Sequence;

/// Bytes of the catalog that are a record of this type are read as they are written.
pub(crate) fn record<T>(bytes: &[u8]) -> Option<T>
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let stored = codec::decode::<T>(bytes).ok()?;
    let again = codec::encode(&stored).ok().and_then(|bytes| codec::decode::<T>(&bytes).ok());
    assert_eq!(again.as_ref(), Some(&stored), "a record is not read as it is written");
    Some(stored)
}

/// Where a frame's header ends, and where its two checksums are in it.
const HEADER_BYTES: usize = 80;
const BODY_CHECKSUM: std::ops::Range<usize> = 72..76;
const HEADER_CHECKSUM: std::ops::Range<usize> = 76..80;

/// The bytes as they are, and with the right checksums: what is behind those is reached only so.
pub(crate) fn frame(bytes: &[u8]) {
    check(bytes);
    if let Some(mended) = mend(bytes) {
        check(&mended);
    }
}

fn mend(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut mended = bytes.to_vec();
    let body = crc32c::crc32c(mended.get(HEADER_BYTES..)?).to_le_bytes();
    mended.get_mut(BODY_CHECKSUM)?.copy_from_slice(&body);
    let header = crc32c::crc32c(mended.get(..HEADER_CHECKSUM.start)?).to_le_bytes();
    mended.get_mut(HEADER_CHECKSUM)?.copy_from_slice(&header);
    Some(mended)
}

fn check(bytes: &[u8]) {
    let Ok(decoded) = Frame::decode(bytes.to_vec().into()) else { return };
    let header = *decoded.header();
    let count = usize::try_from(header.count).unwrap_or(usize::MAX);
    let mut events = EventColumns::default();
    assert_eq!(decoded.append_events(Sequence::ZERO, Sequence::MAX, &mut events), count, "events that were counted");
    assert_eq!(decoded.events().count(), count, "events that were walked");
    let parts = FrameParts {
        actor: header.actor,
        first: header.first,
        time: header.time,
        wake_at: header.wake_at,
        revision: header.revision,
        events: &events,
        effects: decoded.effects(),
        keys: decoded.keys(),
    };
    let again = Frame::encode(&parts).map(|frame| frame.bytes().to_vec());
    assert!(again.is_ok_and(|again| again == bytes), "a frame that was read is not written as it was");
}
