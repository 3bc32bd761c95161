//! Reading back: bounds, batches, the end, readers beside writers.

use super::kit::{Check, Subject, actor, ensure, ensure_eq, events};
use crate::provider::ReadRange;
use crate::vocab::Sequence;

/// P38 to P46: every pair of bounds around frames of different lengths.
pub(super) async fn p38_to_p46_bounds_are_inclusive_and_without_a_sentinel(subject: Subject) -> Check {
    let one = actor("one")?;
    for (expected, count) in [(0, 1), (1, 3), (4, 2), (6, 4)] {
        subject.append(&one, expected, count).await?;
    }
    for from in 0..=12 {
        for through in (0..=12).chain([u64::MAX]) {
            let wanted: Vec<_> =
                events(1, 10).into_iter().filter(|(number, ..)| (from..=through).contains(number)).collect();
            let read = subject.read(one.id(), from, through, 1).await?;
            ensure!(read == wanted, "{from}..={through} read {read:?}");
        }
    }
    ensure_eq!(subject.head(one.id()).await?, 10);
    ensure_eq!(subject.append(&one, 10, 1).await?, 11);
    Ok(())
}

/// P47: after the last batch there is none, however often one asks.
pub(super) async fn p47_the_end_is_told_once_and_for_ever(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 2).await?;
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 1 };
    let mut reader = subject.provider.read(one.id(), range);
    ensure!(reader.next().await?.is_some(), "no batch");
    ensure!(reader.next().await?.is_none(), "a second batch");
    subject.append(&one, 2, 1).await?;
    ensure!(reader.next().await?.is_none(), "a batch after the end");
    Ok(())
}

/// P48: the batch size changes nothing.
pub(super) async fn p48_two_replays_are_identical_whatever_the_batch_size(subject: Subject) -> Check {
    let one = actor("one")?;
    for turn in 0..200 {
        subject.append(&one, turn * 3, 3).await?;
    }
    for batch_bytes in [0, 1, 300, 4_096, 1 << 20, usize::MAX] {
        let read = subject.read(one.id(), 1, u64::MAX, batch_bytes).await?;
        ensure!(read == events(1, 600), "in batches of {batch_bytes} bytes");
    }
    Ok(())
}

/// P49, P50: a batch has at least one frame, and no more than asked for otherwise.
pub(super) async fn p49_p50_a_batch_is_about_as_large_as_asked_for(subject: Subject) -> Check {
    let one = actor("one")?;
    for turn in 0..100 {
        subject.append(&one, turn, 1).await?;
    }
    for batch_bytes in [1, 1_000, 2_000] {
        let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes };
        let mut reader = subject.provider.read(one.id(), range);
        let mut batches = 0;
        while let Some(frames) = reader.next().await? {
            let bytes: usize = frames.iter().map(|frame| frame.bytes().len()).sum();
            ensure!(frames.len() == 1 || bytes <= batch_bytes, "{bytes} bytes for {batch_bytes}");
            batches += 1;
        }
        ensure!(batches > 4, "{batches} batches of {batch_bytes} bytes");
    }
    Ok(())
}

/// P53: a reader beside a writer sees 1, 2, 3 and so on, and ends somewhere.
pub(super) async fn p53_a_reader_during_appends_sees_a_prefix_without_a_hole(subject: Subject) -> Check {
    let one = actor("one")?;
    let writer = {
        let (subject, one) = (subject.clone(), one.clone());
        tokio::spawn(async move {
            for turn in 0..200 {
                subject.append(&one, turn * 2, 2).await?;
            }
            Check::Ok(())
        })
    };
    let mut longest = 0;
    while !writer.is_finished() {
        let read = subject.read(one.id(), 1, u64::MAX, 500).await?;
        ensure!(read == events(1, read.len() as u64), "not a prefix: {} events", read.len());
        ensure!(read.len() >= longest, "{} events after {longest}", read.len());
        longest = read.len();
        tokio::task::yield_now().await;
    }
    writer.await??;
    ensure_eq!(subject.all(one.id()).await?, events(1, 400));
    Ok(())
}

/// P49: a million events pass through in batches that stay small.
pub(super) async fn p49_a_million_events_are_read_in_bounded_batches(subject: Subject) -> Check {
    const EVENTS: u64 = 1_000_000;
    const OF_A_TURN: u64 = 5_000;
    let batch_bytes = 400_000;
    let one = actor("one")?;
    for expected in (0..EVENTS).step_by(5_000) {
        subject.append(&one, expected, OF_A_TURN).await?;
    }
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes };
    let mut reader = subject.provider.read(one.id(), range);
    let mut last = Sequence::ZERO;
    while let Some(frames) = reader.next().await? {
        let bytes: usize = frames.iter().map(|frame| frame.bytes().len()).sum();
        ensure!(frames.len() == 1 || bytes <= batch_bytes, "{bytes} bytes for {batch_bytes}");
        for frame in frames {
            ensure_eq!(frame.header().first, last.next());
            last = frame.header().last();
        }
    }
    ensure_eq!(last.0, EVENTS);
    Ok(())
}

/// P50: what is appended while a reader rests is read in its turn: the reader had not been to the end before.
pub(super) async fn p50_nothing_is_read_ahead_of_what_is_asked_for(subject: Subject) -> Check {
    let one = actor("one")?;
    for turn in 0..40 {
        subject.append(&one, turn, 1).await?;
    }
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 1 };
    let mut reader = subject.provider.read(one.id(), range);
    let mut read = reader.next().await?.map_or(0, |frames| frames.len());
    ensure!(read == 1, "{read} frames in a batch of one");
    for turn in 40..60 {
        subject.append(&one, turn, 1).await?;
    }
    while let Some(frames) = reader.next().await? {
        read += frames.len();
    }
    ensure_eq!(read, 60);
    Ok(())
}

/// P51: a prefix that is deleted, a bound in the middle, batches of one: each call brings something or the end.
pub(super) async fn p51_empty_ranges_of_deletions_do_not_stall_a_bounded_read(subject: Subject) -> Check {
    let one = actor("one")?;
    for turn in 0..60 {
        subject.append(&one, turn, 1).await?;
    }
    subject.provider.delete_through(one.id(), Sequence(50), crate::provider::DeleteGuard::Forced).await?;
    for (from, through) in [(1, 55), (40, 55), (1, u64::MAX), (51, 52)] {
        let range = ReadRange { from: Sequence(from), through: Sequence(through), batch_bytes: 1 };
        let mut reader = subject.provider.read(one.id(), range);
        let mut numbers = Vec::new();
        while let Some(frames) = reader.next().await? {
            ensure!(!frames.is_empty(), "an empty batch");
            ensure!(numbers.len() < 60, "the read does not end");
            numbers.extend(frames.iter().map(|frame| frame.header().first.0));
        }
        ensure_eq!(numbers, (from.max(51)..=through.min(60)).collect::<Vec<_>>());
    }
    Ok(())
}

/// P52: readers that are dropped, at rest or in the middle of a call, keep nobody from reading, writing and closing.
pub(super) async fn p52_abandoned_reads_take_nothing_with_them(subject: Subject) -> Check {
    let one = actor("one")?;
    for turn in 0..10 {
        subject.append(&one, turn, 1).await?;
    }
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 1 };
    for round in 0..300 {
        let mut reader = subject.provider.read(one.id(), range);
        if round % 3 == 0 {
            ensure!(reader.next().await?.is_some(), "no batch");
        }
        if round % 3 != 2 {
            let _begun = futures_util::poll!(reader.next());
        }
    }
    ensure_eq!(subject.all(one.id()).await?, events(1, 10));
    subject.append(&one, 10, 1).await?;
    subject.provider.close().await?;
    Ok(())
}
