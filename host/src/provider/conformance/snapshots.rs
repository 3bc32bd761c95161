//! Snapshots: which one is loaded, replaced, deleted; what round-trips; what is refused.

use super::kit::{Check, Subject, actor, ensure, ensure_eq, snapshot};
use crate::provider::StoreError;
use crate::vocab::Sequence;

/// P77 to P81: the highest number at or below the bound, whatever the order of saving.
pub(super) async fn p77_to_p81_the_newest_at_or_below_a_number_is_loaded(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 10).await?;
    for sequence in [6, 2, 9] {
        subject.save(&one, sequence, format!("at {sequence}").as_bytes()).await?;
    }
    for (at_most, newest) in [(0, 0), (1, 0), (2, 2), (5, 2), (6, 6), (8, 6), (9, 9), (u64::MAX, 9)] {
        let expected = (newest > 0).then(|| (newest, format!("at {newest}").into_bytes()));
        ensure_eq!(subject.newest(one.id(), at_most).await?, expected);
    }
    let listed = subject.provider.list_snapshots(one.id()).await?;
    ensure_eq!(listed.iter().map(|meta| meta.sequence.0).collect::<Vec<_>>(), [9, 6, 2]);
    Ok(())
}

/// P82: one number, one snapshot: the last one saved.
pub(super) async fn p82_saving_at_the_same_number_replaces(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 2).await?;
    subject.save(&one, 2, b"old").await?;
    subject.save(&one, 2, b"new").await?;
    ensure_eq!(subject.newest(one.id(), u64::MAX).await?, Some((2, b"new".to_vec())));
    ensure_eq!(subject.provider.list_snapshots(one.id()).await?.len(), 1);
    Ok(())
}

/// P83, P85: deleting one leaves the others; deleting what is not there does nothing.
pub(super) async fn p83_p85_deleting_one_makes_the_previous_the_newest(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 5).await?;
    subject.save(&one, 2, b"two").await?;
    subject.save(&one, 5, b"five").await?;
    let delete = |sequence: u64| subject.provider.delete_snapshot(one.id(), Sequence(sequence));
    delete(3).await?;
    delete(5).await?;
    ensure_eq!(subject.newest(one.id(), u64::MAX).await?, Some((2, b"two".to_vec())));
    delete(5).await?;
    delete(2).await?;
    ensure_eq!(subject.newest(one.id(), u64::MAX).await?, None);
    subject.provider.delete_snapshot(actor("unknown")?.id(), Sequence(1)).await?;
    Ok(())
}

/// P86, P88: from nothing to the limit, every byte value; one byte more is refused, and the old one stays.
pub(super) async fn p86_p88_sizes_and_bytes_round_trip_up_to_the_limit(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 1).await?;
    let every_byte = |bytes: usize| (0..=u8::MAX).cycle().take(bytes).collect::<Vec<u8>>();
    let room = subject.record_bytes_max - b"ledger".len();
    for bytes in [0, 1, 10_000, 1_024 * 1_024, room] {
        let state = every_byte(bytes.min(room));
        subject.save(&one, 1, &state).await?;
        ensure!(subject.newest(one.id(), 1).await? == Some((1, state)), "{bytes} bytes changed");
    }
    let refused = subject.provider.save_snapshot(snapshot(&one, 1, &every_byte(room + 1))).await;
    ensure!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    ensure!(subject.newest(one.id(), 1).await? == Some((1, every_byte(room))), "the old snapshot changed");
    Ok(())
}

/// P87: everything about a snapshot comes back.
pub(super) async fn p87_what_a_snapshot_says_of_itself_round_trips(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 3).await?;
    let mut saved = snapshot(&one, 3, b"state");
    saved.meta.state_bytes = 1 << 40;
    subject.provider.save_snapshot(saved.clone()).await?;
    ensure_eq!(subject.provider.list_snapshots(one.id()).await?, vec![saved.meta.clone()]);
    ensure_eq!(subject.provider.load_snapshot(one.id(), Sequence(3)).await?, Some(saved));
    Ok(())
}

/// P93: no snapshot of events that are not stored.
pub(super) async fn p93_a_snapshot_ahead_of_its_journal_is_refused(subject: Subject) -> Check {
    let one = actor("one")?;
    for head in [0, 2] {
        if head > 0 {
            subject.append(&one, 0, head).await?;
        }
        let refused = subject.provider.save_snapshot(snapshot(&one, head + 1, b"ahead")).await;
        ensure!(matches!(refused, Err(StoreError::AheadOfJournal { .. })), "{refused:?}");
        ensure_eq!(subject.newest(one.id(), u64::MAX).await?, None);
    }
    Ok(())
}
