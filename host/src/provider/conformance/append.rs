//! Appending: numbers, conflicts, repetitions, limits.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::kit::{Check, Subject, actor, ensure, ensure_eq, events, frame, turn};
use crate::provider::{Append, AppendError, ReadRange};
use crate::vocab::Sequence;

/// P8, P9: numbers start at 1, go up by one, and the last one is returned.
pub(super) async fn p8_p9_the_first_event_is_number_one_and_each_append_returns_the_last(subject: Subject) -> Check {
    let one = actor("one")?;
    ensure_eq!(subject.append(&one, 0, 1).await?, 1);
    ensure_eq!(subject.append(&one, 1, 5).await?, 6);
    ensure_eq!(subject.append(&one, 6, 1).await?, 7);
    ensure_eq!(subject.head(one.id()).await?, 7);
    ensure_eq!(subject.all(one.id()).await?, events(1, 7));
    Ok(())
}

/// P10, P11: what was acknowledged is there, byte for byte.
pub(super) async fn p10_p11_an_acknowledged_frame_is_readable_at_once_and_unchanged(subject: Subject) -> Check {
    let one = actor("one")?;
    for expected in [0, 3, 6] {
        let append = turn(&one, expected, 3)?;
        subject.try_append(append.clone()).await?;
        let range = ReadRange { from: append.expected.next(), through: Sequence::MAX, batch_bytes: 1 };
        let read = subject.provider.read(one.id(), range).next().await?;
        ensure_eq!(read, Some(vec![append.frame]));
    }
    Ok(())
}

/// P14, P15: an append ahead of the journal is a conflict with both numbers.
pub(super) async fn p14_p15_a_gap_is_refused_with_expected_and_actual(subject: Subject) -> Check {
    let one = actor("one")?;
    for (stored, expected) in [(0, 1), (0, 1 << 53), (2, 3), (2, u64::MAX - 2)] {
        if stored > subject.head(one.id()).await? {
            subject.append(&one, 0, stored).await?;
        }
        match subject.try_append(turn(&one, expected, 1)?).await {
            Err(AppendError::Conflict { actor, expected: stated, actual }) => {
                ensure_eq!((actor, stated.0, actual.0), (one.id(), expected, stored));
            }
            other => ensure!(false, "expected a conflict, not {other:?}"),
        }
        ensure_eq!(subject.head(one.id()).await?, stored);
    }
    Ok(())
}

/// P14: a frame that contradicts its own append is not a conflict but a mistake.
pub(super) async fn p14_a_frame_that_does_not_follow_its_expected_number_is_rejected(subject: Subject) -> Check {
    let one = actor("one")?;
    for (expected, first) in [(0, 2), (5, 5), (u64::MAX, u64::MAX)] {
        let frame = frame(&one, first, &events(first.min(9), 1))?;
        let append = Append { address: Arc::clone(&one), expected: Sequence(expected), frame };
        let refused = subject.try_append(append).await;
        ensure!(matches!(refused, Err(AppendError::Rejected { .. })), "{refused:?}");
    }
    ensure_eq!(subject.head(one.id()).await?, 0);
    ensure_eq!(subject.append(&one, 0, 1).await?, 1);
    Ok(())
}

/// P17, P20: a conflict carries both numbers; the journal and the store are as before.
pub(super) async fn p17_p20_a_conflict_carries_both_numbers_and_changes_nothing(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 3).await?;
    for expected in [0, 1, 2] {
        // A different frame at a taken place, inside and across the end of the journal.
        let frame = frame(&one, expected + 1, &events(100, 4))?;
        let append = Append { address: Arc::clone(&one), expected: Sequence(expected), frame };
        match subject.try_append(append).await {
            Err(AppendError::Conflict { expected: stated, actual, .. }) => {
                ensure_eq!((stated.0, actual.0), (expected, 3));
            }
            other => ensure!(false, "expected a conflict, not {other:?}"),
        }
    }
    ensure_eq!(subject.all(one.id()).await?, events(1, 3));
    ensure_eq!(subject.append(&one, 3, 1).await?, 4);
    Ok(())
}

/// P21: one winner, the others get a conflict, nobody hangs.
pub(super) async fn p21_of_concurrent_appends_at_one_number_exactly_one_wins(subject: Subject) -> Check {
    let one = actor("one")?;
    let mut rivals = Vec::new();
    for rival in 0..16 {
        let frame = frame(&one, 1, &events(rival * 10, 2))?;
        let append = Append { address: Arc::clone(&one), expected: Sequence::ZERO, frame };
        rivals.push(tokio::spawn(subject.provider.append(append)));
    }
    let mut wins = 0;
    for outcome in join_all(rivals).await {
        match outcome? {
            Ok(last) => {
                ensure_eq!(last, Sequence(2));
                wins += 1;
            }
            Err(AppendError::Conflict { .. }) => {}
            Err(other) => ensure!(false, "expected a conflict, not {other:?}"),
        }
    }
    ensure_eq!(wins, 1);
    ensure_eq!(subject.head(one.id()).await?, 2);
    Ok(())
}

/// P23: the same append again is told the same, and stored once; also after others.
pub(super) async fn p23_a_repeated_append_succeeds_and_is_stored_once(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 2).await?;
    ensure_eq!(subject.append(&one, 0, 2).await?, 2);
    subject.append(&one, 2, 3).await?;
    ensure_eq!(subject.append(&one, 0, 2).await?, 2);
    ensure_eq!(subject.append(&one, 2, 3).await?, 5);
    ensure_eq!(subject.all(one.id()).await?, events(1, 5));
    Ok(())
}

/// P23: the first one need not be acknowledged yet.
pub(super) async fn p23_a_repetition_of_a_queued_append_succeeds(subject: Subject) -> Check {
    let one = actor("one")?;
    let first = subject.provider.append(turn(&one, 0, 2)?);
    let again = subject.provider.append(turn(&one, 0, 2)?);
    ensure_eq!((first.await?, again.await?), (Sequence(2), Sequence(2)));
    ensure_eq!(subject.all(one.id()).await?, events(1, 2));
    Ok(())
}

/// P26: many writers, many actors, every journal dense and its own.
pub(super) async fn p26_concurrent_appends_to_many_actors_stay_contiguous(subject: Subject) -> Check {
    let mut writers = Vec::new();
    for writer in 0..32 {
        let subject = subject.clone();
        writers.push(tokio::spawn(async move {
            let address = actor(&format!("actor {writer}"))?;
            for turn in 0..20 {
                subject.append(&address, turn * 2, 2).await?;
            }
            Check::Ok(())
        }));
    }
    for writer in join_all(writers).await {
        writer??;
    }
    for writer in 0..32 {
        ensure_eq!(subject.all(actor(&format!("actor {writer}"))?.id()).await?, events(1, 40));
    }
    Ok(())
}

/// P27: pipelined appends of one actor are decided in the order of the calls, whatever order they are awaited in.
pub(super) async fn p27_appends_of_one_actor_are_acknowledged_in_order(subject: Subject) -> Check {
    let one = actor("one")?;
    let mut pipelined = Vec::new();
    for expected in 0..100 {
        pipelined.push(subject.provider.append(turn(&one, expected, 1)?));
    }
    // The last one acknowledged means that all are: the journal is a prefix at every moment.
    let last = pipelined.pop();
    if let Some(last) = last {
        ensure_eq!(last.await?, Sequence(100));
    }
    ensure_eq!(subject.all(one.id()).await?, events(1, 100));
    // And each of them has been told by now: nobody is told before those that came before him.
    for (expected, append) in (1..).zip(pipelined) {
        match append.now_or_never() {
            Some(told) => ensure_eq!(told?, Sequence(expected)),
            None => ensure!(false, "append {expected} is told after a later one"),
        }
    }
    Ok(())
}

/// P30, P31: the limit itself is allowed, one byte more is refused and nothing is stored.
pub(super) async fn p30_p31_a_frame_over_the_limit_is_rejected_and_one_at_it_is_stored(subject: Subject) -> Check {
    let one = actor("one")?;
    let empty = frame(&one, 1, &[(1, 0, Vec::new())])?.bytes().len();
    let room = subject.record_bytes_max - empty;
    let sized = |bytes: usize| -> Result<Append, super::Failure> {
        let frame = frame(&one, 1, &[(1, 0, vec![7; bytes])])?;
        Ok(Append { address: Arc::clone(&one), expected: Sequence::ZERO, frame })
    };
    let refused = subject.try_append(sized(room + 1)?).await;
    ensure!(matches!(refused, Err(AppendError::Rejected { .. })), "{refused:?}");
    ensure_eq!(subject.head(one.id()).await?, 0);
    ensure_eq!(subject.try_append(sized(room)?).await?, Sequence(1));
    ensure_eq!(subject.all(one.id()).await?, vec![(1, 0, vec![7; room])]);
    Ok(())
}

/// P34: the head is never behind an append that was called before.
pub(super) async fn p34_the_head_waits_for_appends_queued_before_it(subject: Subject) -> Check {
    let one = actor("one")?;
    for expected in 0..50 {
        let append = subject.provider.append(turn(&one, expected, 1)?);
        ensure_eq!(subject.head(one.id()).await?, expected + 1);
        append.await?;
    }
    Ok(())
}
