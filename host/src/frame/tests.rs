//! The frame room's tests: round trips, hostile bytes, trimming, golden files.

use bytes::Bytes;
use proptest::prelude::*;

use super::header::HEADER_BYTES;
use super::{Column, ColumnError, EventColumns, Frame, FrameError, FrameHeader, FrameParts};
use crate::vocab::{ActorId, RevisionId, Sequence, Timestamp};

fn columns(events: &[(u16, &[u8])]) -> EventColumns {
    let mut columns = EventColumns::default();
    for (kind, payload) in events {
        columns.types.push(*kind);
        columns.payloads.push(payload);
    }
    columns
}

fn parts(first: u64, events: &EventColumns) -> FrameParts<'_> {
    FrameParts {
        actor: ActorId(*b"sixteen bytes id"),
        first: Sequence(first),
        time: Timestamp(1_700_000_000_123),
        wake_at: None,
        revision: RevisionId(7),
        events,
        effects: &[],
        keys: &[],
    }
}

fn frame(first: u64, events: &[(u16, &[u8])]) -> Frame {
    Frame::encode(&parts(first, &columns(events))).expect("a sound frame")
}

/// Alters the bytes of a frame's header and makes its checksum right again.
fn forged(frame: &[u8], at: usize, with: &[u8]) -> Bytes {
    let mut bytes = frame.to_vec();
    bytes[at..at + with.len()].copy_from_slice(with);
    let checksum = crc32c::crc32c(&bytes[..HEADER_BYTES - 4]);
    bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    bytes.into()
}

prop_compose! {
    fn any_columns()(events in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..40)), 1..50))
        -> EventColumns {
        columns(&events.iter().map(|(kind, payload)| (*kind, payload.as_slice())).collect::<Vec<_>>())
    }
}

prop_compose! {
    fn any_frame()(
        events in any_columns(), actor in any::<[u8; 16]>(), first in 1..u64::MAX - 100, time in any::<u64>(),
        wake_at in prop::option::of(1..u64::MAX), revision in any::<u32>(),
        effects in prop::collection::vec(any::<u8>(), 0..60), keys in prop::collection::vec(any::<u8>(), 0..60),
    ) -> (Frame, EventColumns, Vec<u8>, Vec<u8>) {
        let parts = FrameParts {
            actor: ActorId(actor), first: Sequence(first), time: Timestamp(time), wake_at: wake_at.map(Timestamp),
            revision: RevisionId(revision), events: &events, effects: &effects, keys: &keys,
        };
        let frame = Frame::encode(&parts).expect("sound parts");
        let header = frame.header();
        assert_eq!((header.actor, header.first, header.time), (parts.actor, parts.first, parts.time));
        assert_eq!((header.wake_at, header.revision), (parts.wake_at, parts.revision));
        (frame, events, effects, keys)
    }
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded((frame, events, effects, keys) in any_frame()) {
        let decoded = Frame::decode(frame.bytes().clone()).expect("an encoded frame");
        prop_assert_eq!(&decoded, &frame);
        prop_assert_eq!(decoded.effects(), effects.as_slice());
        prop_assert_eq!(decoded.keys(), keys.as_slice());
        prop_assert_eq!(FrameHeader::decode(decoded.bytes()), Ok(*decoded.header()));
        let pairs: Vec<_> = decoded.events().collect();
        let expected: Vec<_> = events.types.iter().copied().zip(events.payloads.iter()).collect();
        prop_assert_eq!(pairs, expected);
        let mut all = EventColumns::default();
        prop_assert_eq!(decoded.append_events(Sequence::FIRST, Sequence::MAX, &mut all), events.len());
        prop_assert_eq!(all, events);
    }

    #[test]
    fn trimming_adds_exactly_the_events_in_bounds(
        one in any_columns(), two in any_columns(), from in 0u64..120, length in 0u64..120,
    ) {
        let through = from + length;
        let frames = [
            Frame::encode(&parts(3, &one)).expect("sound"),
            Frame::encode(&parts(3 + one.len() as u64, &two)).expect("sound"),
        ];
        let mut trimmed = EventColumns::default();
        let added: usize =
            frames.iter().map(|f| f.append_events(Sequence(from), Sequence(through), &mut trimmed)).sum();
        let mut expected = EventColumns::default();
        for frame in &frames {
            for (number, (kind, payload)) in (frame.header().first.0..).zip(frame.events()) {
                if (from..=through).contains(&number) {
                    expected.types.push(kind);
                    expected.payloads.push(payload);
                }
            }
        }
        prop_assert_eq!(added, expected.len());
        prop_assert!(trimmed.check().is_ok());
        prop_assert_eq!(trimmed, expected);
    }

    #[test]
    fn arbitrary_bytes_are_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Frame::decode(bytes.into()).is_err());
    }

    #[test]
    fn every_altered_bit_is_noticed((frame, ..) in any_frame(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut bytes = frame.bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(Frame::decode(bytes.into()).is_err());
    }

    #[test]
    fn a_forged_header_never_panics((frame, ..) in any_frame(), at in 8..HEADER_BYTES - 8, with in any::<[u8; 4]>()) {
        if let Ok(decoded) = Frame::decode(forged(frame.bytes(), at, &with)) {
            prop_assert_eq!(decoded.events().count(), decoded.header().count as usize);
            let mut all = EventColumns::default();
            decoded.append_events(Sequence::ZERO, Sequence::MAX, &mut all);
            prop_assert!(all.check().is_ok());
        }
    }

    #[test]
    fn every_cut_is_noticed((frame, ..) in any_frame(), at in any::<prop::sample::Index>()) {
        let at = at.index(frame.bytes().len());
        prop_assert!(Frame::decode(frame.bytes().slice(..at)).is_err());
    }
}

#[test]
fn each_defect_has_its_own_error() {
    let sound = frame(1, &[(0, b"one"), (1, b"two")]);
    let decode = |bytes: Bytes| Frame::decode(bytes).expect_err("a defect");
    let length = sound.bytes().len();
    assert_eq!(decode(Bytes::new()), FrameError::Truncated { found: 0, needed: 80 });
    assert_eq!(
        decode(sound.bytes().slice(..length - 1)),
        FrameError::Truncated { found: length - 1, needed: length as u64 }
    );
    let longer = [sound.bytes().as_ref(), b"x"].concat();
    assert_eq!(decode(longer.into()), FrameError::Lengths { stated: length as u64, found: length + 1 });
    assert_eq!(decode(forged(sound.bytes(), 0, b"NOPE")), FrameError::NotAFrame);
    assert_eq!(decode(forged(sound.bytes(), 4, &[2, 0])), FrameError::Newer { found: 2, supported: 1 });
    assert_eq!(decode(forged(sound.bytes(), 8, &[1, 0, 0, 0])), FrameError::UnknownFlags { flags: 1 });
    assert_eq!(decode(forged(sound.bytes(), 12, &[0; 4])), FrameError::NoEvents);
    assert_eq!(decode(forged(sound.bytes(), 32, &[0; 8])), FrameError::Sequence { first: 0, count: 2 });
    assert_eq!(decode(forged(sound.bytes(), 32, &[255; 8])), FrameError::Sequence { first: u64::MAX, count: 2 });
    // A count that the bytes cannot hold is refused by arithmetic, before anything is allocated.
    assert!(matches!(decode(forged(sound.bytes(), 12, &[255; 4])), FrameError::Truncated { .. }));
    let mut flipped = sound.bytes().to_vec();
    flipped[4] ^= 2;
    assert_eq!(decode(flipped.into()), FrameError::HeaderChecksum);
    let mut flipped = sound.bytes().to_vec();
    flipped[length - 1] ^= 1;
    assert_eq!(decode(flipped.into()), FrameError::BodyChecksum);
}

#[test]
fn unsound_columns_are_refused_when_encoding_and_when_decoding() {
    let mut unsorted = columns(&[(0, b"one"), (1, b"two")]);
    unsorted.payloads.ends = vec![6, 3];
    assert_eq!(Frame::encode(&parts(1, &unsorted)), Err(FrameError::Columns(ColumnError::Unsorted { index: 1 })));
    let uneven = EventColumns { types: vec![1], payloads: Column::default() };
    assert_eq!(Frame::encode(&parts(1, &uneven)), Err(FrameError::Columns(ColumnError::Count { left: 1, right: 0 })));
    assert_eq!(Frame::encode(&parts(1, &EventColumns::default())), Err(FrameError::NoEvents));

    // The same defect in bytes whose checksums are right: swap the ends and mend the body's checksum.
    let sound = frame(1, &[(0, b"one"), (1, b"two")]);
    let mut bytes = sound.bytes().to_vec();
    bytes[HEADER_BYTES + 4..HEADER_BYTES + 12].copy_from_slice(&[6, 0, 0, 0, 3, 0, 0, 0]);
    let checksum = crc32c::crc32c(&bytes[HEADER_BYTES..]).to_le_bytes();
    let mended = forged(&bytes, 72, &checksum);
    assert_eq!(Frame::decode(mended), Err(FrameError::Columns(ColumnError::Unsorted { index: 1 })));
}

#[test]
fn numbers_up_to_the_largest_survive() {
    for first in [1 << 31, 1 << 53, u64::MAX - 1] {
        let frame = frame(first, &[(0, b"a"), (1, b"b")]);
        let decoded = Frame::decode(frame.bytes().clone()).expect("sound");
        assert_eq!((decoded.header().first.0, decoded.header().last().0), (first, first + 1));
        let mut events = EventColumns::default();
        assert_eq!(decoded.append_events(Sequence(first + 1), Sequence::MAX, &mut events), 1);
        assert_eq!(events, columns(&[(1, b"b")]));
    }
    assert!(Frame::encode(&parts(u64::MAX, &columns(&[(0, b"a"), (1, b"b")]))).is_err());
}

/// Frames as format 1 writes them. A change that fails here breaks every journal: it needs a new format number.
#[test]
fn golden_frames_are_decoded_and_encoded_again_byte_for_byte() {
    let plain = columns(&[(0, b"incremented by 1")]);
    let many = columns(&[(3, b""), (0, b"\x00\xff"), (Frame::HOST_EVENT, b""), (65_534, "größer".as_bytes())]);
    let full = FrameParts {
        wake_at: Some(Timestamp(1_700_000_060_000)),
        effects: b"effects",
        keys: b"idempotency keys",
        ..parts(1 << 40, &many)
    };
    let golden: [(&[u8], FrameParts<'_>); 2] = [
        (include_bytes!("../../tests/golden/frame/v1-one-event.bin"), parts(1, &plain)),
        (include_bytes!("../../tests/golden/frame/v1-every-field.bin"), full),
    ];
    for (bytes, parts) in golden {
        let decoded = Frame::decode(Bytes::from_static(bytes)).expect("a golden frame");
        assert_eq!(decoded.effects(), parts.effects);
        assert_eq!(decoded.keys(), parts.keys);
        let mut events = EventColumns::default();
        decoded.append_events(Sequence::FIRST, Sequence::MAX, &mut events);
        assert_eq!(&events, parts.events);
        assert_eq!(Frame::encode(&parts).expect("sound").bytes(), bytes);
    }
}
