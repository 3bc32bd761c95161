//! Who is who: actors do not see each other, and any key is a key.

use std::collections::HashSet;
use std::sync::Arc;

use super::kit::{Check, Subject, actor, ensure, ensure_eq, events, snapshot, turn, waking};
use crate::provider::{Append, AppendError, Head, ReadRange, SnapshotMeta};
use crate::vocab::{Address, Sequence, Timestamp};

/// P1: an id that was never written has no events and the default head.
pub(super) async fn p1_replay_of_an_unknown_actor_is_empty_and_no_error(subject: Subject) -> Check {
    let unknown = actor("unknown")?.id();
    ensure_eq!(subject.all(unknown).await?, Vec::new());
    ensure_eq!(subject.provider.head(unknown).await?, Head::default());
    Ok(())
}

/// P2: an id that was never written has no snapshot.
pub(super) async fn p2_an_unknown_actor_has_no_snapshot(subject: Subject) -> Check {
    let unknown = actor("unknown")?.id();
    ensure_eq!(subject.newest(unknown, u64::MAX).await?, None);
    ensure_eq!(subject.provider.list_snapshots(unknown).await?, Vec::new());
    Ok(())
}

/// P3: writing one actor changes nothing of another.
pub(super) async fn p3_events_and_snapshots_of_two_actors_are_independent(subject: Subject) -> Check {
    let (one, two) = (actor("one")?, actor("two")?);
    subject.append(&one, 0, 3).await?;
    subject.append(&two, 0, 1).await?;
    subject.save(&one, 3, b"one").await?;
    ensure_eq!(subject.all(one.id()).await?, events(1, 3));
    ensure_eq!(subject.all(two.id()).await?, events(1, 1));
    ensure_eq!(subject.newest(two.id(), u64::MAX).await?, None);
    Ok(())
}

/// P5: keys are compared byte for byte and mean nothing to the store.
pub(super) async fn p5_any_key_round_trips_and_stays_distinct(subject: Subject) -> Check {
    let long = "k".repeat(1_024);
    let keys = ["../../etc", "a\0b", "%", "%25", "/", ":", "a/b", "Case", "case", "ключ", "é", "e\u{301}", &long];
    for (index, key) in (1..).zip(keys) {
        subject.append(&actor(key)?, 0, index).await?;
    }
    let mut ids = HashSet::new();
    for (index, key) in (1..).zip(keys) {
        let address = actor(key)?;
        ids.insert(address.id());
        ensure_eq!(subject.all(address.id()).await?, events(1, index));
    }
    ensure_eq!(ids.len(), keys.len());
    ensure!(Address::new("tenant", "kind", "").is_err(), "an empty key is an address");
    let listed = subject.provider.actors(&actor("x")?.tenant, &actor("x")?.kind, None, usize::MAX).await?;
    let listed: HashSet<_> = listed.iter().map(|listing| listing.address.key.as_str()).collect();
    ensure_eq!(listed, HashSet::from(keys));
    Ok(())
}

/// P5: a frame is stored only under its own actor's address.
pub(super) async fn p5_an_address_that_is_not_the_frames_is_refused(subject: Subject) -> Check {
    let (one, two) = (actor("one")?, actor("two")?);
    for known in [false, true] {
        let foreign = Append { address: Arc::clone(&two), ..turn(&one, 0, 1)? };
        let refused = subject.try_append(foreign).await;
        ensure!(matches!(refused, Err(AppendError::Rejected { .. })), "known {known}: {refused:?}");
        ensure_eq!(subject.head(two.id()).await?, 0);
        if !known {
            subject.append(&one, 0, 1).await?;
        }
    }
    Ok(())
}

/// P6: events and snapshots are numbered alike and do not collide.
pub(super) async fn p6_an_event_and_a_snapshot_may_have_the_same_number(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 1).await?;
    subject.save(&one, 1, b"state").await?;
    ensure_eq!(subject.all(one.id()).await?, events(1, 1));
    ensure_eq!(subject.newest(one.id(), Sequence::MAX.0).await?, Some((1, b"state".to_vec())));
    Ok(())
}

/// P36: numbers and times that a double or 32 bits cannot hold come back as they were given.
pub(super) async fn p36_numbers_above_2_to_the_53_are_not_rounded(subject: Subject) -> Check {
    let one = actor("one")?;
    for number in [(1 << 31) + 1, (1 << 32) + 1, (1 << 53) + 1, u64::MAX - 2] {
        match subject.try_append(turn(&one, number, 1)?).await {
            Err(AppendError::Conflict { expected, .. }) => ensure_eq!(expected.0, number),
            other => ensure!(false, "expected a conflict, not {other:?}"),
        }
    }
    let time = Timestamp((1 << 53) + 1);
    subject.try_append(waking(&one, 0, Some(time))?).await?;
    ensure_eq!(subject.provider.head(one.id()).await?.wake_at, Some(time));
    ensure_eq!(subject.provider.wakes().await?.first().map(|wake| wake.at), Some(time));
    let mut saved = snapshot(&one, 1, b"state");
    saved.meta = SnapshotMeta { time, state_bytes: (1 << 53) + 1, state_version: u32::MAX, ..saved.meta };
    subject.provider.save_snapshot(saved.clone()).await?;
    ensure_eq!(subject.provider.load_snapshot(one.id(), Sequence((1 << 53) + 1)).await?, Some(saved));
    let range = ReadRange { from: Sequence((1 << 32) + 1), through: Sequence::MAX, batch_bytes: 1 };
    ensure!(subject.provider.read(one.id(), range).next().await?.is_none(), "a large number was cut to a small one");
    Ok(())
}
