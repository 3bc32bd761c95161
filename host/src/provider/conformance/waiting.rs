//! Storage that takes its time: what may be seen before it is done.

use std::time::Duration;

use super::Failure;
use super::kit::{Check, Subject, actor, ensure, ensure_eq, events, snapshot, turn};
use super::place::{Faults, Hold, Offer};
use crate::vocab::Sequence;

/// How long is looked for something that must not come. On a slow machine less is found, and nothing wrong.
const LOOK: Duration = Duration::from_millis(60);

/// Storage that waits; it goes on when this is dropped, also by a check that fails.
struct Held<'a>(&'a dyn Faults);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let _ = self.0.hold(Hold::Going);
    }
}

fn hold(subject: &Subject) -> Result<Held<'_>, Failure> {
    let faults = subject.place.faults().offered()?;
    faults.hold(Hold::Waiting).offered()?;
    Ok(Held(faults))
}

/// P34: while its write waits, an append is not acknowledged, not read, and not passed over by the head.
pub(super) async fn p34_nothing_is_visible_or_acknowledged_before_it_is_stored(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 2).await?;
    let held = hold(&subject)?;
    let mut append = subject.provider.append(turn(&one, 2, 2)?);
    let early = tokio::time::timeout(LOOK, &mut append).await;
    ensure!(early.is_err(), "acknowledged while its write waits: {early:?}");
    let head = tokio::time::timeout(LOOK, subject.provider.head(one.id())).await;
    ensure!(head.is_err(), "the head does not wait for the append before it: {head:?}");
    let read = tokio::time::timeout(LOOK, subject.frames(one.id())).await;
    ensure!(!matches!(&read, Ok(Ok(frames)) if frames.len() != 1), "read before it is durable: {read:?}");
    drop(held);
    ensure_eq!(append.await?, Sequence(4));
    ensure_eq!(subject.all(one.id()).await?, events(1, 4));
    Ok(())
}

/// P33, P52: giving up on an append takes nothing back; a later read tells what became of it.
pub(super) async fn p33_p52_an_append_that_nobody_waits_for_is_stored_all_the_same(subject: Subject) -> Check {
    let one = actor("one")?;
    {
        // Where storage can be made to wait, the caller gives up in the middle; otherwise at once.
        let held = hold(&subject).ok();
        let given_up = tokio::time::timeout(LOOK, subject.provider.append(turn(&one, 0, 2)?)).await;
        ensure!(held.is_none() || given_up.is_err(), "acknowledged while its write waits: {given_up:?}");
        drop(subject.provider.append(turn(&one, 2, 2)?));
    }
    ensure_eq!(subject.head(one.id()).await?, 4);
    ensure_eq!(subject.all(one.id()).await?, events(1, 4));
    ensure_eq!(subject.append(&one, 4, 1).await?, 5);
    Ok(())
}

/// P96: a load beside a save sees it whole or not at all, and surely once the save is acknowledged.
pub(super) async fn p96_a_snapshot_is_seen_once_it_is_saved_and_not_before(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 60).await?;
    if let Offer::Offered(faults) = subject.place.faults()
        && let Offer::Offered(()) = faults.hold(Hold::Waiting)
    {
        let held = Held(faults);
        let mut saving = subject.provider.save_snapshot(snapshot(&one, 1, b"at 1"));
        ensure!(tokio::time::timeout(LOOK, &mut saving).await.is_err(), "acknowledged while its write waits");
        let seen = tokio::time::timeout(LOOK, subject.newest(one.id(), u64::MAX)).await;
        ensure!(!matches!(seen, Ok(Ok(Some(_)))), "seen before it is durable: {seen:?}");
        drop(held);
        saving.await?;
        ensure_eq!(subject.newest(one.id(), u64::MAX).await?, Some((1, b"at 1".to_vec())));
    }
    for sequence in 2..=60 {
        let state = format!("at {sequence}").into_bytes();
        let saving = tokio::spawn(subject.provider.save_snapshot(snapshot(&one, sequence, &state)));
        let beside = subject.newest(one.id(), u64::MAX).await?;
        let whole = |at: u64| Some((at, format!("at {at}").into_bytes()));
        let before = if sequence == 2 { beside.is_none() || beside == whole(1) } else { beside == whole(sequence - 1) };
        ensure!(before || beside == whole(sequence), "beside the save at {sequence}: {beside:?}");
        saving.await??;
        ensure_eq!(subject.newest(one.id(), u64::MAX).await?, whole(sequence));
    }
    Ok(())
}
