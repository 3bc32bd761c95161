//! Bits that flip, tails that tear, files that go.

use super::*;
use crate::provider::Severity;
use crate::provider::log::batch::{self, BatchHeader};
use crate::provider::log::record::{self, RecordKind};
use crate::vocab::ActorId;

/// Where the records of a segment lie and whose the frames are: from, to, actor.
fn frames(content: &[u8]) -> Vec<(usize, usize, ActorId)> {
    let tag = u64::from_le_bytes(content[40..48].try_into().expect("eight bytes"));
    let mut found = Vec::new();
    let mut at = segment::HEADER_BYTES;
    while let Ok((header, payload)) = batch::decode(&content[at..], tag) {
        for raw in record::walk(payload).map(|raw| raw.expect("sound")).filter(|raw| raw.kind == RecordKind::Frame) {
            let from = at + batch::HEADER_BYTES + raw.payload_at;
            let actor = ActorId(raw.payload[16..32].try_into().expect("sixteen bytes"));
            found.push((from, from + raw.payload.len(), actor));
        }
        at += header.batch_bytes();
    }
    found
}

/// A sound store, every byte of it flipped in turn: each time it is told where, and whose if it is in a frame.
#[tokio::test]
async fn every_flipped_byte_is_told_with_its_segment_its_place_and_its_actor() {
    let disk = filled().await;
    let names = names(&disk);
    let (mut in_frames, mut elsewhere) = (0, 0);
    for (name, is_last) in names.iter().map(|name| (name, Some(name) == names.last())) {
        let content = disk.content(name).expect("there");
        let frames = frames(&content);
        for at in (0..content.len()).step_by(3) {
            let damaged = disk.after_kill();
            damaged.flip(name, at, u8::try_from(at % 8).expect("small"));
            let (findings, summary) = look(&damaged);
            let here = findings.iter().filter(|finding| finding.file.as_ref() == Some(name));
            let near = here.clone().any(|finding| finding.offset.is_some_and(|offset| offset <= at as u64));
            assert!(near, "byte {at} of {name}: {findings:?}");
            let frame = frames.iter().find(|frame| (frame.0..frame.1).contains(&at));
            // A frame whose header is damaged may not say any longer whose it is; its journal does then.
            if let Some((_, _, actor)) = frame {
                let named = findings.iter().any(|finding| finding.actor == Some(*actor));
                let deleted = *actor == super::actor("one").id();
                assert!(named || deleted, "byte {at} of {name}, of {actor}: {findings:?}");
                assert!(summary.corrupt > 0);
                in_frames += 1;
            } else {
                elsewhere += 1;
            }
            // Behind the last batch of the last segment, a flipped bit is what a torn write looks like.
            let tail = is_last && findings.iter().all(|finding| finding.severity == Severity::Note);
            assert!(tail || !summary.sound, "byte {at} of {name}: {findings:?}");
        }
    }
    assert!(in_frames > 500 && elsewhere > 500, "{in_frames} in frames, {elsewhere} elsewhere");
}

#[tokio::test]
async fn one_damaged_frame_costs_no_other_actor_anything() {
    let disk = filled().await;
    let name = segment::name(1);
    let content = disk.content(&name).expect("there");
    let at = content.windows(8).position(|bytes| bytes == b"three 1 ").expect("stored");
    disk.flip(&name, at, 3);
    let (findings, summary) = look(&disk);
    let three = actor("three");
    assert_eq!(kinds(&findings), [FindingKind::BatchChecksum, FindingKind::FrameDamaged, FindingKind::JournalGap]);
    assert_eq!(findings[1].address.as_deref(), Some("tenant/kind/three"));
    assert_eq!((findings[1].actor, findings[1].sequence), (Some(three.id()), Some(Sequence(1))));
    assert_eq!((findings[2].actor, findings[2].sequence), (Some(three.id()), Some(Sequence(1))));
    assert_eq!((summary.frames, summary.actors, summary.corrupt), (35, 3, 3));
}

#[tokio::test]
async fn a_torn_tail_is_a_note_and_opening_cuts_it_where_it_was_told() {
    let disk = filled().await;
    let log = open(&disk);
    disk.fail_writes(1);
    assert!(log.append(turn(&actor("two"), 24, 3)).await.is_err());
    drop(log);
    let left = disk.after_kill();
    let (findings, summary) = look(&left);
    assert_eq!(kinds(&findings), [FindingKind::TornTail]);
    assert!(summary.sound && summary.notes == 1);
    let (name, offset) = (findings[0].file.clone().expect("a file"), findings[0].offset.expect("a place"));
    open(&left).close().await.expect("closed");
    let (findings, _) = look(&left);
    assert_eq!(findings, []);
    let cut = left.content(&name).expect("there");
    assert!(cut[usize::try_from(offset).expect("small")..].iter().all(|byte| *byte == 0));
}

#[tokio::test]
async fn missing_segments_are_named() {
    let disk = filled().await;
    let all = names(&disk);
    assert!(all.len() > 4);
    let left = SimDisk::new();
    for name in all.iter().filter(|name| **name != segment::name(2) && **name != segment::name(3)) {
        left.put(name, disk.content(name).expect("there"));
    }
    let (findings, summary) = look(&left);
    let missing: Vec<_> = findings.iter().filter(|f| f.kind == FindingKind::SegmentMissing).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].file.as_deref(), Some(segment::name(2).as_str()));
    assert!(missing[0].what.contains("2 to 3"), "{}", missing[0].what);
    assert!(findings.iter().any(|finding| finding.kind == FindingKind::JournalGap) && !summary.sound);
}

#[tokio::test]
async fn a_file_of_somebody_else_is_a_note_and_a_segment_of_another_store_is_corruption() {
    let disk = filled().await;
    disk.put("notes.txt", b"hello".to_vec());
    let (findings, summary) = look(&disk);
    assert_eq!((kinds(&findings), summary.sound), (vec![FindingKind::ForeignFile], true));
    assert_eq!(findings[0].file.as_deref(), Some("notes.txt"));

    let mut other = disk.content(&segment::name(2)).expect("there");
    other[40] ^= 1;
    let checksum = crc32c::crc32c(&other[..60]).to_le_bytes();
    other[60..64].copy_from_slice(&checksum);
    disk.put(&segment::name(2), other);
    let (findings, _) = look(&disk);
    assert!(kinds(&findings).contains(&FindingKind::SegmentForeign), "{findings:?}");
}

#[tokio::test]
async fn a_damaged_segment_header_does_not_hide_what_stands_in_the_segment() {
    let disk = filled().await;
    let (_, whole) = look(&disk);
    disk.flip(&segment::name(2), 20, 0);
    let (findings, summary) = look(&disk);
    assert_eq!(kinds(&findings), [FindingKind::SegmentHeader]);
    assert_eq!((summary.events, summary.batches), (whole.events, whole.batches));
}

#[tokio::test]
async fn a_segment_in_the_place_of_a_later_one_is_told_once_and_not_batch_by_batch() {
    let disk = filled().await;
    let all = names(&disk);
    assert!(all.len() > 4);
    // Its header says which it is; that it is another one is told as that.
    disk.put(&segment::name(4), disk.content(&segment::name(2)).expect("there"));
    let (findings, summary) = look(&disk);
    let count = |kind| findings.iter().filter(|finding| finding.kind == kind).count();
    assert!(count(FindingKind::SegmentHeader) == 1 && count(FindingKind::BatchHeader) >= 1, "{findings:?}");
    assert_eq!(count(FindingKind::BatchVouching), 0, "{findings:?}");
    assert!(!summary.sound);
}

/// What is wrong with one batch holds for all behind it.
#[tokio::test]
async fn batches_that_forget_what_was_durable_are_told_once_for_each_segment() {
    let disk = filled().await;
    let name = segment::name(2);
    let mut content = disk.content(&name).expect("there");
    let tag = u64::from_le_bytes(content[40..48].try_into().expect("eight bytes"));
    let mut at = segment::HEADER_BYTES;
    let mut batches = 0;
    while let Ok((header, _)) = batch::decode(&content[at..], tag) {
        let forgetful = BatchHeader { synced_through: 0, ..header };
        content[at..at + batch::HEADER_BYTES].copy_from_slice(&forgetful.encode());
        (at, batches) = (at + header.batch_bytes(), batches + 1);
    }
    assert!(batches > 1);
    disk.put(&name, content);
    let (findings, _) = look(&disk);
    assert_eq!(kinds(&findings), [FindingKind::BatchVouching]);
    assert_eq!(findings[0].file.as_deref(), Some(name.as_str()));
}
