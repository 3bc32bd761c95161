//! `docs/format.md` and the code say the same, byte by byte: the drawings are read, and every field of what the code writes is
//! looked for where they put it. A field that only one of the two knows fails.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::frame::{EventColumns, Frame, FrameParts};
use crate::provider::log::batch::BatchHeader;
use crate::provider::log::disk::Table;
use crate::provider::log::index::table::{self, Meta};
use crate::provider::log::index::{ActorEntry, FrameEntry, LogPosition, Place, SnapshotEntry, Spread};
use crate::provider::log::record::{self, RecordKind};
use crate::provider::log::segment::{self, SegmentHeader};
use crate::provider::log::summary::ActorSummary;
use crate::provider::{Head, Snapshot, SnapshotMeta};
use crate::vocab::{ActorId, Address, RevisionId, Sequence, Timestamp};

const DOCUMENT: &str = include_str!("../../../../../docs/format.md");

/// One line of a drawing.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    offset: String,
    size: String,
    what: String,
}

/// The drawing below a heading.
fn drawing(heading: &str) -> Vec<Line> {
    let below = DOCUMENT.split_once(&format!("\n{heading}")).unwrap_or_else(|| panic!("no {heading}")).1;
    let block = below.split("```").nth(1).expect("a drawing");
    let mut lines = block.lines().filter(|line| !line.trim().is_empty());
    assert_eq!(lines.next().map(str::trim), Some("offset size"), "{heading}");
    lines.map(line).collect()
}

fn line(text: &str) -> Line {
    let (offset, rest) = text.trim_start().split_once(' ').expect("an offset");
    let what = rest.trim_start();
    // What has no size begins behind the column of sizes.
    let is_sized = rest.len() - what.len() < 5;
    let (size, what) = if is_sized { what.split_once(' ').expect("a size") } else { ("", what) };
    Line { offset: offset.to_owned(), size: size.to_owned(), what: what.trim().to_owned() }
}

/// The bytes that the code wrote, field by field as the drawing has them; the fields follow each other without a hole.
fn check_fixed(heading: &str, bytes: &[u8], expected: &[(&str, Vec<u8>)]) {
    let drawn = drawing(heading);
    let fixed: Vec<_> = drawn.iter().take_while(|line| line.size.parse::<usize>().is_ok()).collect();
    assert_eq!(fixed.len(), expected.len(), "{heading}: {fixed:#?}");
    let mut at = 0;
    for (line, (what, value)) in fixed.iter().zip(expected) {
        assert!(line.what.starts_with(what), "{heading}: {} is not {what}", line.what);
        assert_eq!((line.offset.parse(), line.size.parse()), (Ok(at), Ok(value.len())), "{heading}: {}", line.what);
        assert_eq!(&bytes[at..at + value.len()], value, "{heading}: {}", line.what);
        at += value.len();
    }
}

fn of_u16(number: u16) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

fn of_u32(number: u32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

fn of_u64(number: u64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

fn address() -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", "größer/2").expect("legal"))
}

/// "First 128 bits of BLAKE3 over tenant, kind, key, each behind its u32 length".
fn id() -> ActorId {
    let mut hasher = blake3::Hasher::new();
    for part in ["tenant", "kind", "größer/2"] {
        hasher.update(&u32::try_from(part.len()).expect("short").to_le_bytes());
        hasher.update(part.as_bytes());
    }
    ActorId(*hasher.finalize().as_bytes().first_chunk().expect("32 bytes"))
}

fn frame() -> Frame {
    let mut events = EventColumns::default();
    for (kind, payload) in [(0x0102, "one"), (0xffff, ""), (0x0304, "three")] {
        events.types.push(kind);
        events.payloads.push(payload.as_bytes());
    }
    let parts = FrameParts {
        actor: address().id(),
        first: Sequence(0x0102_0304_0506_0708),
        time: Timestamp(0x1112_1314_1516_1718),
        wake_at: Some(Timestamp(0x2122_2324_2526_2728)),
        revision: RevisionId(0x3132_3334),
        events: &events,
        effects: b"effects of the turn",
        keys: b"keys of it",
    };
    Frame::encode(&parts).expect("sound")
}

#[test]
fn a_frame_is_as_it_is_drawn() {
    let frame = frame();
    let bytes = frame.bytes();
    let types = [of_u16(0x0102), of_u16(0xffff), of_u16(0x0304)].concat();
    let ends = [of_u32(3), of_u32(3), of_u32(8)].concat();
    let body = [&types[..], &ends, b"onethree", b"effects of the turn", b"keys of it"].concat();
    assert_eq!(&bytes[80..], body);
    let heading = "## Frame: one turn of one actor";
    let fixed = [
        ("magic \"GRFR\"", b"GRFR".to_vec()),
        ("format: 1", of_u16(1)),
        ("header length: 80", of_u16(80)),
        ("flags: 0", of_u32(0)),
        ("event count n", of_u32(3)),
        ("actor id", id().0.to_vec()),
        ("sequence of the first event", of_u64(0x0102_0304_0506_0708)),
        ("time of the turn", of_u64(0x1112_1314_1516_1718)),
        ("wake the actor at this time", of_u64(0x2122_2324_2526_2728)),
        ("revision that wrote it", of_u32(0x3132_3334)),
        ("data bytes d", of_u32(8)),
        ("effects bytes e", of_u32(19)),
        ("keys bytes k", of_u32(10)),
        ("CRC32C of everything behind the header", of_u32(crc32c::crc32c(&body))),
        ("CRC32C of bytes 0..76", of_u32(crc32c::crc32c(&bytes[..76]))),
    ];
    check_fixed(heading, bytes, &fixed);
    let rest: Vec<Line> = drawing(heading).into_iter().skip(fixed.len()).collect();
    let rest: Vec<_> =
        rest.iter().map(|line| (&*line.offset, &*line.size, line.what.split(':').next().unwrap_or(""))).collect();
    let drawn = [("80", "2n", "types"), ("80+2n", "4n", "ends"), ("80+6n", "d", "data")];
    assert_eq!(rest[..3], drawn);
    assert_eq!(rest[3..].iter().map(|line| (line.0, line.1)).collect::<Vec<_>>(), [("80+6n+d", "e"), ("+e", "k")]);
    assert!(DOCUMENT.contains("The length is exactly 80 + 6n + d + e + k."));
    assert_eq!(bytes.len(), 80 + 6 * 3 + 8 + 19 + 10);
}

#[test]
fn a_segment_is_as_it_is_drawn() {
    let header = SegmentHeader {
        format: 2,
        number: 0x0102_0304_0506_0708,
        first_batch: 0x1112_1314_1516_1718,
        created: Timestamp(0x2122_2324_2526_2728),
        tag: 0x3132_3334_3536_3738,
        oldest: 0x4142_4344_4546_4748,
    };
    let bytes = header.encode();
    let fixed = [
        ("magic \"GRNRMLOG\"", b"GRNRMLOG".to_vec()),
        ("format: 1 or 2", of_u32(2)),
        ("header length: 64", of_u32(64)),
        ("number of the segment", of_u64(header.number)),
        ("number of its first batch", of_u64(header.first_batch)),
        ("time it was begun", of_u64(header.created.0)),
        ("tag", of_u64(header.tag)),
        ("oldest segment when this one was begun", of_u64(header.oldest)),
        ("0", of_u32(0)),
        ("CRC32C of bytes 0..60", of_u32(crc32c::crc32c(&bytes[..60]))),
    ];
    check_fixed("### Segment", &bytes, &fixed);
    assert_eq!((bytes.len(), segment::HEADER_BYTES, segment::OLDEST_FORMAT, segment::FORMAT), (64, 64, 1, 2));
    let last = drawing("### Segment").pop().expect("a line");
    assert_eq!((&*last.offset, last.what.starts_with("batches, each at a multiple of 8")), ("64", true));
    assert!(DOCUMENT.contains(&format!("\n{}    segments, 20 digits", segment::name(1))));
}

#[test]
fn a_batch_is_as_it_is_drawn() {
    let header = BatchHeader {
        tag: 0x0102_0304_0506_0708,
        number: 0x1112_1314_1516_1718,
        synced_through: 0x2122_2324_2526_2728,
        payload_bytes: 0x3132_3338,
        records: 0x4142_4344,
        checksum: 0x5152_5354,
    };
    let bytes = header.encode();
    let fixed = [
        ("magic \"GRBT\"", b"GRBT".to_vec()),
        ("flags: 0", of_u32(0)),
        ("tag of the store", of_u64(header.tag)),
        ("number", of_u64(header.number)),
        ("synced through", of_u64(header.synced_through)),
        ("payload bytes p, a multiple of 8", of_u32(header.payload_bytes)),
        ("how many records", of_u32(header.records)),
        ("CRC32C of the payload", of_u32(header.checksum)),
        ("CRC32C of bytes 0..44", of_u32(crc32c::crc32c(&bytes[..44]))),
    ];
    check_fixed("### Batch: one group commit", &bytes, &fixed);
    let last = drawing("### Batch: one group commit").pop().expect("a line");
    assert_eq!((&*last.offset, &*last.size, &*last.what), ("48", "p", "records"));
}

#[test]
fn a_record_is_as_it_is_drawn() {
    for (copied, flags) in [(false, 0), (true, 1)] {
        let mut bytes = Vec::new();
        let push = if copied { record::push_copied } else { record::push };
        assert_eq!(push(&mut bytes, RecordKind::CatalogPut, &[b"pay", b"load"]), 16);
        let checked = [&bytes[..8], b"payload"].concat();
        let fixed = [
            ("kind", vec![6]),
            ("flags; 1: copied here", vec![flags]),
            ("0", of_u16(0)),
            ("payload bytes", of_u32(7)),
            ("CRC32C of bytes 0..8 and the payload; 0 for kinds 1 and 10", of_u32(crc32c::crc32c(&checked))),
            ("0", of_u32(0)),
        ];
        check_fixed("### Record", &bytes, &fixed);
        assert_eq!(&bytes[16..], b"payload\0", "the payload, then zeros to a multiple of 8");
    }
    for kind in [RecordKind::Frame, RecordKind::Frames] {
        let mut bytes = Vec::new();
        record::push(&mut bytes, kind, &[frame().bytes()]);
        assert_eq!((bytes[0], &bytes[8..12]), (if kind == RecordKind::Frame { 1 } else { 10 }, &[0; 4][..]));
    }
}

/// The rows of the table whose head begins with these words, cell by cell.
fn rows(head: &str) -> Vec<Vec<String>> {
    let below = DOCUMENT.split_once(&format!("\n| {head}")).unwrap_or_else(|| panic!("no table {head}")).1;
    let rows = below.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn snapshot() -> Snapshot {
    let meta = SnapshotMeta {
        sequence: Sequence(0x0102_0304_0506_0708),
        time: Timestamp(0x1112_1314_1516_1718),
        revision: RevisionId(0x3132_3334),
        state_version: 0x4142_4344,
        state_bytes: 0x2122_2324_2526_2728,
    };
    let (state, ledger) = (Bytes::from_static(b"the state"), Bytes::from_static(b"ledger"));
    Snapshot { address: address(), meta, state, ledger }
}

/// What the code writes as the payload of a record.
fn payload(write: impl FnOnce(&mut Vec<u8>)) -> (u8, Vec<u8>) {
    let mut bytes = Vec::new();
    write(&mut bytes);
    let length = u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes")) as usize;
    (bytes[0], bytes[16..16 + length].to_vec())
}

/// Fields as a row names them, with their bytes.
type Said = Vec<(&'static str, Vec<u8>)>;

#[test]
fn every_kind_of_record_is_as_its_row_says() {
    let (address, id) = (address(), id());
    let sequence = Sequence(0x0102_0304_0506_0708);
    let texts = [b"tenant".to_vec(), b"kind".to_vec(), "größer/2".as_bytes().to_vec()];
    let length = |text: &[u8]| of_u16(u16::try_from(text.len()).expect("short"));
    let fields = |list: &[(&'static str, Vec<u8>)]| -> Said { list.to_vec() };
    let actor = ("actor id 16", id.0.to_vec());
    // What each row says, and the bytes of each of its fields.
    let expected: Vec<(u8, Said)> = vec![
        (
            2,
            fields(&[
                actor.clone(),
                ("tenant bytes u16", length(&texts[0])),
                ("kind bytes u16", length(&texts[1])),
                ("key bytes u16", length(&texts[2])),
                ("0 u16", of_u16(0)),
                ("tenant", texts[0].clone()),
                ("kind", texts[1].clone()),
                ("key", texts[2].clone()),
            ]),
        ),
        (
            3,
            fields(&[
                actor.clone(),
                ("sequence u64", of_u64(sequence.0)),
                ("time u64", of_u64(0x1112_1314_1516_1718)),
                ("guest state bytes u64", of_u64(0x2122_2324_2526_2728)),
                ("revision u32", of_u32(0x3132_3334)),
                ("state version u32", of_u32(0x4142_4344)),
                ("state bytes u32", of_u32(9)),
                ("ledger bytes u32", of_u32(6)),
                ("state", b"the state".to_vec()),
                ("ledger", b"ledger".to_vec()),
            ]),
        ),
        (4, fields(&[actor.clone(), ("sequence u64", of_u64(sequence.0))])),
        (5, fields(&[actor.clone(), ("through sequence u64", of_u64(sequence.0))])),
        (
            6,
            fields(&[
                ("key bytes u32", of_u32(3)),
                ("value bytes u32", of_u32(5)),
                ("key", b"key".to_vec()),
                ("value", b"value".to_vec()),
            ]),
        ),
        (7, fields(&[("key bytes u32", of_u32(3)), ("0 u32", of_u32(0)), ("key", b"key".to_vec())])),
        (9, fields(&[("segment number u64", of_u64(77))])),
    ];
    let written = [
        payload(|out| record::push_address(out, address.id(), &address)),
        payload(|out| _ = record::push_snapshot(out, address.id(), &snapshot())),
        payload(|out| _ = record::push_deletion(out, RecordKind::SnapshotDelete, address.id(), sequence)),
        payload(|out| _ = record::push_deletion(out, RecordKind::DeleteThrough, address.id(), sequence)),
        payload(|out| _ = record::push_catalog(out, "key", Some(b"value"))),
        payload(|out| _ = record::push_catalog(out, "key", None)),
        payload(|out| _ = record::push_dropped(out, 77)),
    ];
    let rows = rows("kind | record | payload");
    let kinds: BTreeSet<u8> = rows.iter().map(|row| row[0].parse().expect("a number")).collect();
    assert_eq!(kinds, (1..=11).collect(), "the rows");
    assert!(
        (1..=11).all(|kind| RecordKind::of(kind).is_some())
            && RecordKind::of(12).is_none()
            && RecordKind::of(0).is_none()
    );
    for row in &rows {
        let since = RecordKind::of(row[0].parse().expect("a number")).expect("a kind").since_format();
        assert_eq!(row[1].contains("(format 2)"), since == 2, "{row:?}");
    }
    for ((kind, fields), written) in expected.iter().zip(written) {
        let row = rows.iter().find(|row| row[0] == kind.to_string()).expect("a row");
        let said: Vec<&str> = row[2].split(", ").collect();
        assert_eq!(said, fields.iter().map(|(what, _)| *what).collect::<Vec<_>>(), "kind {kind}");
        let bytes: Vec<u8> = fields.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        assert_eq!(written, (*kind, bytes), "kind {kind}");
    }
    let others: Vec<(&str, &str)> = rows
        .iter()
        .filter(|row| ["1", "8", "10", "11"].contains(&&*row[0]))
        .map(|row| (&*row[0], row[2].get(..9).unwrap_or(&row[2])))
        .collect();
    assert_eq!(
        others,
        [("1", "a frame"), ("8", "empty: th"), ("10", "frames of"), ("11", "see below")]
            .map(|(kind, said)| (kind, said))
    );
    let close = payload(|out| _ = record::push(out, RecordKind::Close, &[]));
    assert_eq!(close, (8, Vec::new()));
}

#[test]
fn an_actor_summary_is_as_it_is_drawn() {
    let head = Head {
        sequence: Sequence(0x0102_0304_0506_0708),
        deleted_through: Sequence(0x0002_0304_0506_0708),
        wake_at: Some(Timestamp(0x2122_2324_2526_2728)),
    };
    let summary =
        ActorSummary { actor: address().id(), address: address(), head, snapshots: vec![Sequence(5), Sequence(9)] };
    let (kind, bytes) = payload(|out| _ = summary.push(out));
    assert_eq!(kind, 11);
    let heading = "An actor summary says who an actor is";
    let fixed = [
        ("actor id", id().0.to_vec()),
        ("sequence of its last event", of_u64(head.sequence.0)),
        ("events are deleted through this number", of_u64(head.deleted_through.0)),
        ("wake the actor at this time", of_u64(0x2122_2324_2526_2728)),
        ("how many snapshots n", of_u32(2)),
        ("tenant bytes t", of_u16(6)),
        ("kind bytes i", of_u16(4)),
        ("key bytes k", of_u16(10)),
        ("0", vec![0; 6]),
    ];
    check_fixed(heading, &bytes, &fixed);
    let rest: Vec<Line> = drawing(heading).into_iter().skip(fixed.len()).collect();
    let rest: Vec<_> = rest.iter().map(|line| (&*line.offset, &*line.size)).collect();
    assert_eq!(rest, [("56", "8n"), ("56+8n", "t+i+k")]);
    let behind = [&of_u64(5)[..], &of_u64(9), b"tenant", b"kind", "größer/2".as_bytes()].concat();
    assert_eq!(&bytes[56..], behind);
}

fn place(number: u8) -> (Place, Vec<u8>) {
    let place = Place {
        segment: u64::from(number),
        offset: 0x0102_0300 + u32::from(number),
        length: 0x1112_1300 + u32::from(number),
    };
    (place, [of_u64(place.segment), of_u32(place.offset), of_u32(place.length)].concat())
}

/// An entry of the index: the row's words, and key and value as the words say and as the code has them.
type Indexed = (Table, &'static str, [Vec<u8>; 2], &'static str, [Vec<u8>; 2]);

#[test]
fn every_entry_of_the_index_is_as_its_row_says() {
    let (address, id) = (address(), id());
    let generation = 0x0102_0304_0506_0708u64;
    let big = generation.to_be_bytes().to_vec();
    let after_id = [&id.0[..], &big].concat();
    let covered = LogPosition { batch: 11, segment: 12, at: 13, checksum: 14 };
    let meta = Meta { tag: 10, covered, live: [(15, 16), (17, 18)].into(), dropped: [19, 20].into() };
    let meta_value = [
        of_u32(2),
        of_u64(10),
        of_u64(11),
        of_u64(12),
        of_u64(13),
        of_u32(14),
        of_u32(2),
        of_u64(15),
        of_u64(16),
        of_u64(17),
        of_u64(18),
        of_u32(2),
        of_u64(19),
        of_u64(20),
    ]
    .concat();
    let (introduced, introduced_bytes) = place(1);
    let (newest, newest_bytes) = place(2);
    let (stored, stored_bytes) = place(3);
    let mut entry = ActorEntry::new(Arc::clone(&address));
    entry.head = Head { sequence: Sequence(21), deleted_through: Sequence(22), wake_at: Some(Timestamp(23)) };
    entry.introduced = introduced;
    entry.spread = Spread { from: Sequence(24), reads: 25, newest };
    entry.snapshots = vec![SnapshotEntry { meta: snapshot().meta, place: stored }];
    let text = |text: &str| [of_u16(u16::try_from(text.len()).expect("short")), text.as_bytes().to_vec()].concat();
    let actor_value = [
        of_u64(21),
        of_u64(22),
        of_u64(23),
        introduced_bytes,
        of_u64(24),
        of_u32(25),
        newest_bytes,
        text("tenant"),
        text("kind"),
        text("größer/2"),
        of_u32(1),
        stored_bytes,
        of_u64(0x0102_0304_0506_0708),
        of_u64(0x1112_1314_1516_1718),
        of_u64(0x2122_2324_2526_2728),
        of_u32(0x3132_3334),
        of_u32(0x4142_4344),
    ]
    .concat();
    let frames = [(31, 33, 0), (34, 34, 7)].map(|(first, last, offset)| FrameEntry {
        first: Sequence(first),
        last: Sequence(last),
        place: Place { segment: 30, offset, length: 40 },
    });
    let run_value = [
        of_u64(30),
        of_u32(2),
        of_u64(31),
        of_u64(33),
        of_u32(0),
        of_u32(40),
        of_u64(34),
        of_u64(34),
        of_u32(7),
        of_u32(40),
    ]
    .concat();
    let (catalog, catalog_bytes) = place(4);
    let entries: [Indexed; 7] = [
        (
            Table::Meta,
            "generation",
            [big.clone(), table::meta_key(generation)],
            "format of the index u32 (2), tag u64, last batch covered: number u64, segment u64, offset of its header u64, \
             checksum of its payload u32; then u32 × (segment u64, live bytes u64); then u32 × given-up segment u64",
            [meta_value, meta.encode()],
        ),
        (
            Table::Actors,
            "actor id 16, generation",
            [after_id.clone(), table::actor_key(id, generation)],
            "head u64, deleted through u64, wake at u64 (0: never), place of the newest address or summary, first frame counted \
             u64, reads since then u32, place of the newest frame counted, tenant, kind and key each behind a u16 length, then \
             u32 × snapshot (place, sequence u64, time u64, guest state bytes u64, revision u32, state version u32)",
            [actor_value, table::encode_actor(&entry)],
        ),
        (
            Table::Runs,
            "actor id 16, first sequence u64, generation",
            [[&id.0[..], &31u64.to_be_bytes(), &big].concat(), table::run_key(id, Sequence(31), generation)],
            "segment u64, then u32 × frame (first u64, last u64, offset u32, bytes u32): frames that follow each other, in one \
             segment, at most 512",
            [run_value, table::encode_run(&frames)],
        ),
        (
            Table::Names,
            "tenant, 0, kind, 0, key",
            ["tenant\0kind\0größer/2".as_bytes().to_vec(), table::name_key(&address)],
            "actor id 16",
            [id.0.to_vec(), address.id().0.to_vec()],
        ),
        (
            Table::Wakes,
            "wake at u64, actor id 16, generation",
            [[&77u64.to_be_bytes()[..], &after_id].concat(), table::wake_key(Timestamp(77), id, generation)],
            "empty; the actor's own entry says whether the time still holds",
            [Vec::new(), Vec::new()],
        ),
        (
            Table::Catalog,
            "key of the record, generation",
            [[b"some/key", &big[..]].concat(), table::catalog_key("some/key", generation)],
            "place",
            [catalog_bytes, table::encode_place(catalog)],
        ),
        (
            Table::Scattered,
            "actor id 16, generation",
            [after_id, table::scattered_key(id, generation)],
            "number u64 from which on the actor's frames take many reads; removed once upkeep has looked at it",
            [Vec::new(), Vec::new()],
        ),
    ];
    let rows = rows("table | key behind the first byte | value");
    assert_eq!((rows.len(), Table::ALL.len()), (entries.len(), entries.len()));
    for (row, (table, key, keys, value, values)) in rows.iter().zip(entries) {
        let [number, name] = row[0].split(' ').collect::<Vec<_>>()[..] else { panic!("{row:?}") };
        assert_eq!((number, name), (&*(table as u8).to_string(), &*format!("{table:?}").to_lowercase()));
        assert_eq!((&*row[1], &*row[2]), (key, value), "{table:?}");
        assert_eq!(keys[0], keys[1], "the key of {table:?}");
        assert_eq!(values[0], values[1], "the value of {table:?}");
    }
    assert!(DOCUMENT.contains("A *place* is segment u64, offset u32, payload bytes u32."));
    assert_eq!(table::FORMAT, 2);
}
