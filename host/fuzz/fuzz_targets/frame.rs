//! Arbitrary bytes are a frame or an error; a frame is encoded again to the same bytes.
//!
//! Run with `cargo +nightly fuzz run frame host/tests/golden/frame` from `host`, with cargo-fuzz installed.
#![no_main]
#![expect(dead_code, unused_imports, reason = "the rooms are included whole and used in part")]

#[path = "../../src/frame/mod.rs"]
mod frame;
#[path = "../../src/vocab/mod.rs"]
mod vocab;

use frame::{EventColumns, Frame, FrameParts};
use libfuzzer_sys::fuzz_target;
use vocab::Sequence;

/// Makes the checksums right, so that the fuzzer gets behind them.
fn mend(bytes: &[u8]) -> Vec<u8> {
    let mut mended = bytes.to_vec();
    if mended.len() >= 80 {
        let body = crc32c::crc32c(&mended[80..]).to_le_bytes();
        mended[72..76].copy_from_slice(&body);
        let header = crc32c::crc32c(&mended[..76]).to_le_bytes();
        mended[76..80].copy_from_slice(&header);
    }
    mended
}

fn check(bytes: Vec<u8>) {
    let Ok(decoded) = Frame::decode(bytes.clone().into()) else { return };
    let header = *decoded.header();
    let mut events = EventColumns::default();
    assert_eq!(decoded.append_events(Sequence::ZERO, Sequence::MAX, &mut events), header.count as usize);
    assert_eq!(decoded.events().count(), header.count as usize);
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
    assert_eq!(Frame::encode(&parts).expect("a decoded frame").bytes(), &bytes);
}

fuzz_target!(|bytes: &[u8]| {
    check(bytes.to_vec());
    check(mend(bytes));
});
