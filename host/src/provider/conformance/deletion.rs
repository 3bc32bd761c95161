//! Deleting events: what is hidden, what stays, what is refused.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt, ready};

use super::kit::{Check, Subject, actor, ensure, ensure_eq, events, marked};
use crate::frame::Frame;
use crate::provider::archive::{Archive, ArchivingProvider};
use crate::provider::{DeleteGuard, EventStore, ReadRange, StoreError};
use crate::vocab::{ActorId, Sequence};

async fn delete(subject: &Subject, key: &str, through: u64) -> Check {
    Ok(subject.provider.delete_through(actor(key)?.id(), Sequence(through), DeleteGuard::Forced).await?)
}

/// P60 to P63: a prefix is hidden; the rest, the head and the numbering stay.
pub(super) async fn p60_to_p63_deleting_hides_a_prefix_and_nothing_else(subject: Subject) -> Check {
    let one = actor("one")?;
    for turn in 0..4 {
        subject.append(&one, turn * 3, 3).await?;
    }
    for through in [1, 3, 5, 11] {
        delete(&subject, "one", through).await?;
        ensure_eq!(subject.all(one.id()).await?, events(through + 1, 12 - through));
        let head = subject.provider.head(one.id()).await?;
        ensure_eq!((head.sequence.0, head.deleted_through.0), (12, through));
    }
    ensure_eq!(subject.append(&one, 12, 2).await?, 14);
    ensure_eq!(subject.all(one.id()).await?, events(12, 3));
    Ok(())
}

/// P64: everything is gone, and the journal goes on where it was.
pub(super) async fn p64_deleting_beyond_the_head_does_not_block_appends(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 3).await?;
    delete(&subject, "one", u64::MAX).await?;
    ensure_eq!(subject.all(one.id()).await?, Vec::new());
    let head = subject.provider.head(one.id()).await?;
    ensure_eq!((head.sequence.0, head.deleted_through.0), (3, 3));
    ensure_eq!(subject.append(&one, 3, 2).await?, 5);
    ensure_eq!(subject.all(one.id()).await?, events(4, 2));
    Ok(())
}

/// P65, P66: no error and no effect, on this actor or another.
pub(super) async fn p65_p66_deleting_nothing_or_twice_is_harmless(subject: Subject) -> Check {
    let (one, two) = (actor("one")?, actor("two")?);
    subject.append(&one, 0, 4).await?;
    subject.append(&two, 0, 4).await?;
    delete(&subject, "unknown", 5).await?;
    delete(&subject, "one", 0).await?;
    ensure_eq!(subject.all(one.id()).await?, events(1, 4));
    delete(&subject, "one", 2).await?;
    delete(&subject, "one", 2).await?;
    delete(&subject, "one", 1).await?;
    ensure_eq!(subject.all(one.id()).await?, events(3, 2));
    ensure_eq!(subject.all(two.id()).await?, events(1, 4));
    ensure_eq!(subject.head(actor("unknown")?.id()).await?, 0);
    Ok(())
}

/// P67 to P70: windows that begin, end or lie inside what is deleted.
pub(super) async fn p67_to_p70_bounds_around_a_deleted_prefix(subject: Subject) -> Check {
    let one = actor("one")?;
    for turn in 0..5 {
        subject.append(&one, turn * 2, 2).await?;
    }
    delete(&subject, "one", 5).await?;
    for (from, through, first, count) in [(5, u64::MAX, 6, 5), (1, 4, 6, 0), (1, 5, 6, 0), (3, 7, 6, 2), (1, 6, 6, 1)] {
        ensure_eq!(subject.read(one.id(), from, through, 1).await?, events(first, count));
    }
    Ok(())
}

/// P72: without a snapshot that covers it, only force deletes.
pub(super) async fn p72_uncovered_events_are_deleted_only_by_force(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 9).await?;
    let guarded =
        |through: u64| subject.provider.delete_through(one.id(), Sequence(through), DeleteGuard::BehindSnapshot);
    let refused = guarded(4).await;
    ensure!(matches!(refused, Err(StoreError::NotCovered { newest: None, .. })), "{refused:?}");
    subject.save(&one, 4, b"state").await?;
    let refused = guarded(5).await;
    ensure!(matches!(refused, Err(StoreError::NotCovered { newest: Some(Sequence(4)), .. })), "{refused:?}");
    ensure_eq!(subject.all(one.id()).await?, events(1, 9));
    guarded(4).await?;
    ensure_eq!(subject.all(one.id()).await?, events(5, 5));
    delete(&subject, "one", 6).await?;
    ensure_eq!(subject.all(one.id()).await?, events(7, 3));
    Ok(())
}

/// A reader in the middle of what is deleted says so.
pub(super) async fn a_deletion_that_overtakes_a_reader_is_an_error_and_no_hole(subject: Subject) -> Check {
    let one = actor("one")?;
    for turn in 0..6 {
        subject.append(&one, turn, 1).await?;
    }
    let range = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 1 };
    let mut reader = subject.provider.read(one.id(), range);
    ensure!(reader.next().await?.is_some(), "no batch");
    delete(&subject, "one", 4).await?;
    let refused = reader.next().await;
    ensure!(matches!(refused, Err(StoreError::Gap { before: Sequence(1), .. })), "{refused:?}");
    Ok(())
}

/// Remembers what it is given, or refuses it.
#[derive(Debug, Default)]
struct Shelf {
    archived: Mutex<Vec<Frame>>,
    is_full: bool,
}

impl Archive for Shelf {
    fn archive(&self, actor: ActorId, frames: Vec<Frame>) -> BoxFuture<'_, Result<(), StoreError>> {
        if self.is_full {
            return ready(Err(StoreError::DiskFull { place: format!("the archive of {actor}") })).boxed();
        }
        self.archived.lock().unwrap_or_else(PoisonError::into_inner).extend(frames);
        ready(Ok(())).boxed()
    }
}

/// P73: with an archive around it, the store deletes what the archive took, and nothing that it did not take.
pub(super) async fn p73_an_archive_sees_events_before_they_are_deleted_and_its_failure_keeps_them(
    subject: Subject,
) -> Check {
    let one = actor("one")?;
    for turn in 0..6 {
        subject.append(&one, turn * 2, 2).await?;
    }
    subject.save(&one, 8, b"state").await?;
    let frames = subject.frames(one.id()).await?;
    let full =
        ArchivingProvider::new(Arc::clone(&subject.provider), Arc::new(Shelf { is_full: true, ..Shelf::default() }));
    let shelf = Arc::new(Shelf::default());
    let archiving = ArchivingProvider::new(Arc::clone(&subject.provider), Arc::clone(&shelf) as Arc<dyn Archive>);
    let taken = || shelf.archived.lock().unwrap_or_else(PoisonError::into_inner).clone();

    let behind = DeleteGuard::BehindSnapshot;
    let refused = full.delete_through(one.id(), Sequence(5), behind).await;
    ensure!(matches!(refused, Err(StoreError::DiskFull { .. })), "{refused:?}");
    ensure_eq!(subject.all(one.id()).await?, events(1, 12));
    let uncovered = archiving.delete_through(one.id(), Sequence(9), behind).await;
    ensure!(matches!(uncovered, Err(StoreError::NotCovered { .. })), "{uncovered:?}");
    ensure!(taken().is_empty(), "archived for a deletion that was refused");

    archiving.delete_through(one.id(), Sequence(5), behind).await?;
    ensure_eq!(subject.all(one.id()).await?, events(6, 7));
    ensure!(frames.get(..3) == Some(&taken()[..]), "the archive took other frames: {:?}", taken());
    archiving.delete_through(one.id(), Sequence(5), behind).await?;
    archiving.delete_through(one.id(), Sequence::MAX, DeleteGuard::Forced).await?;
    ensure_eq!(subject.all(one.id()).await?, Vec::new());
    // The frame of 5 and 6 was deleted in two steps: the archive has it twice, and every event at least once.
    ensure!(frames.iter().all(|frame| taken().contains(frame)), "the archive lacks frames");
    Ok(())
}

/// P75: after most of a store was deleted it takes less than half of the space.
pub(super) async fn p75_space_of_deleted_events_is_given_back(subject: Subject) -> Check {
    let one = actor("one")?;
    let text = vec![b'.'; 10_000];
    for number in 1..=200 {
        subject.try_append(marked(&one, number, &text)?).await?;
    }
    // Where an acknowledgement does not wait for the write, the head does.
    ensure_eq!(subject.head(one.id()).await?, 200);
    let before = subject.place.used_bytes().await.offered()?;
    subject.save(&one, 190, b"state").await?;
    subject.provider.delete_through(one.id(), Sequence(190), DeleteGuard::BehindSnapshot).await?;
    let after = subject.place.used_bytes().await.offered()?;
    ensure!(after < before / 2, "{after} bytes of {before} are still used");
    ensure_eq!(subject.all(one.id()).await?.len(), 10);
    let subject = subject.reopened().await?;
    ensure_eq!(subject.all(one.id()).await?.len(), 10);
    Ok(())
}
