//! The end of a store.

use bytes::Bytes;

use super::kit::{Check, Subject, actor, ensure, ensure_eq, events, frame, turn, waking};
use crate::provider::{Append, AppendError, DeleteGuard, ReadRange, StoreError, Wake};
use crate::vocab::{Sequence, Timestamp};

/// P103: after closing, every call fails with the same error, and closing again does nothing.
pub(super) async fn p103_a_closed_store_refuses_everything_and_closes_twice(subject: Subject) -> Check {
    let one = actor("one")?;
    let provider = &subject.provider;
    subject.append(&one, 0, 1).await?;
    provider.close().await?;
    provider.close().await?;
    let refused = subject.try_append(turn(&one, 1, 1)?).await;
    ensure!(matches!(refused, Err(AppendError::Failed(StoreError::Closed))), "{refused:?}");
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 1 };
    let closed = [
        provider.head(one.id()).await.is_err(),
        provider.read(one.id(), range).next().await.is_err(),
        provider.actors(&one.tenant, &one.kind, None, 1).await.is_err(),
        provider.wakes().await.is_err(),
        provider.load_snapshot(one.id(), Sequence::MAX).await.is_err(),
        provider.list_snapshots(one.id()).await.is_err(),
        provider.record("key").await.is_err(),
        provider.put_record("key", Bytes::new()).await.is_err(),
    ];
    ensure!(closed.iter().all(|closed| *closed), "still answers: {closed:?}");
    Ok(())
}

/// P25, P103: everything is the same, twice, and a repetition is still known as one.
pub(super) async fn p25_everything_is_there_after_close_and_open(subject: Subject) -> Check {
    let (one, two) = (actor("one")?, actor("two")?);
    for expected in [0, 3, 6] {
        subject.append(&one, expected, 3).await?;
    }
    subject.try_append(waking(&two, 0, Some(Timestamp(77)))?).await?;
    subject.save(&one, 6, b"six").await?;
    subject.save(&one, 9, b"nine").await?;
    subject.provider.delete_snapshot(one.id(), Sequence(9)).await?;
    subject.provider.delete_through(one.id(), Sequence(4), DeleteGuard::BehindSnapshot).await?;
    subject.provider.put_record("key", Bytes::from_static(b"value")).await?;
    let before = (subject.frames(one.id()).await?, subject.frames(two.id()).await?);
    let mut subject = subject;
    for _ in 0..3 {
        subject = subject.reopened().await?;
        ensure!((subject.frames(one.id()).await?, subject.frames(two.id()).await?) == before, "other frames");
        ensure_eq!(subject.all(one.id()).await?, events(5, 5));
        let head = subject.provider.head(one.id()).await?;
        ensure_eq!((head.sequence.0, head.deleted_through.0), (9, 4));
        ensure_eq!(subject.newest(one.id(), u64::MAX).await?, Some((6, b"six".to_vec())));
        ensure_eq!(subject.provider.record("key").await?, Some(Bytes::from_static(b"value")));
        ensure_eq!(subject.provider.wakes().await?, vec![Wake { address: two.clone(), at: Timestamp(77) }]);
        let listed = subject.provider.actors(&one.tenant, &one.kind, None, 9).await?;
        ensure_eq!(listed.iter().map(|listing| listing.sequence.0).collect::<Vec<_>>(), [9, 1]);
        ensure_eq!(subject.append(&one, 6, 3).await?, 9);
        let other = Append { frame: frame(&one, 7, &events(70, 3))?, ..turn(&one, 6, 3)? };
        let refused = subject.try_append(other).await;
        ensure!(matches!(refused, Err(AppendError::Conflict { actual: Sequence(9), .. })), "{refused:?}");
    }
    ensure_eq!(subject.append(&one, 9, 1).await?, 10);
    Ok(())
}

/// P104: an older program leaves a newer store alone.
pub(super) async fn p104_a_store_of_a_newer_format_is_refused_untouched(subject: Subject) -> Check {
    let newer = subject.place.of_a_newer_format().offered()?;
    let before = newer.fingerprint().offered()?;
    for _ in 0..2 {
        let refused = newer.open().await.map(|_| ());
        ensure!(matches!(refused, Err(StoreError::FormatTooNew { .. })), "a newer format is told as {refused:?}");
        ensure!(newer.fingerprint().offered()? == before, "the newer store was modified");
    }
    Ok(())
}
