//! Storage that fails: each check runs its history once for every storage call and every way in which it can fail.

use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use super::kit::{Check, Subject, actor, ensure, ensure_eq, events, frame, marked, turn};
use super::place::{Fault, Faults, Space};
use crate::provider::{Append, AppendError, DeleteGuard, Durability, StoreError};
use crate::vocab::{Address, Sequence};

/// Turns of one history: enough for a store to begin new files on the way.
const TURNS: u64 = 20;
/// Events of each turn.
const EVENTS: u64 = 3;
/// How long a call may take before it is said to hang.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

fn faults(subject: &Subject) -> Result<&dyn Faults, Failure> {
    subject.place.faults().offered()
}

/// The turn behind `expected`: one event of a kilobyte among others.
fn large(address: &Arc<Address>, expected: u64) -> Result<Append, Failure> {
    let mut payloads = events(expected + 1, EVENTS);
    if let Some((_, _, payload)) = payloads.first_mut() {
        payload.resize(1_000, b'.');
    }
    let frame = frame(address, expected + 1, &payloads)?;
    Ok(Append { address: Arc::clone(address), expected: Sequence(expected), frame })
}

/// What a history of turns came to.
#[derive(Debug, Default)]
struct Story {
    acknowledged: u64,
    /// The first error, if there was one.
    error: Option<AppendError>,
}

async fn tell(subject: &Subject, from: u64) -> Result<Story, Failure> {
    let one = actor("one")?;
    let mut story = Story { acknowledged: from, error: None };
    for _ in 0..TURNS {
        match subject.try_append(large(&one, story.acknowledged)?).await {
            Ok(last) => story.acknowledged = last.0,
            Err(error) => {
                story.error = Some(error);
                break;
            }
        }
    }
    // Where an acknowledgement does not wait for the write, the head does.
    let _written = subject.head(one.id()).await;
    Ok(story)
}

/// Every call of that many, failing in every way.
fn trials(calls: u64) -> impl Iterator<Item = (u64, Fault)> {
    (1..=calls).flat_map(|call| [Fault::Before, Fault::Halfway, Fault::After].map(|fault| (call, fault)))
}

/// The storage calls that a calm history makes.
async fn calm_calls(subject: &Subject) -> Result<u64, Failure> {
    let faults = faults(subject)?;
    let before = faults.calls();
    let story = tell(subject, 0).await?;
    ensure!(story.error.is_none(), "without any fault: {:?}", story.error);
    ensure!(faults.calls() > before, "a history of {TURNS} turns made no storage call");
    Ok(faults.calls() - before)
}

/// A new store that fails at that call from now.
async fn failing(subject: &Subject, call: u64, fault: Fault) -> Result<Subject, Failure> {
    let trial = Subject::fresh(&subject.make).await?;
    let faults = faults(&trial)?;
    faults.fail(faults.calls() + call, fault);
    Ok(trial)
}

/// The fault that did not come any more will not come later either.
fn calm(subject: &Subject) -> Check {
    faults(subject)?.fail(u64::MAX, Fault::Before);
    Ok(())
}

/// P13, P28: whatever call fails and however, a turn is there whole or not at all, and what was called "not stored" is not.
pub(super) async fn p13_p28_a_turn_is_stored_whole_or_not_at_all_whatever_fails(subject: Subject) -> Check {
    let calls = calm_calls(&subject).await?;
    for (call, fault) in trials(calls) {
        let trial = failing(&subject, call, fault).await?;
        told_truly(trial).await.map_err(|failure| failure.during(&format!("call {call} of {calls}, {fault:?}")))?;
    }
    Ok(())
}

async fn told_truly(trial: Subject) -> Check {
    let one = actor("one")?;
    let story = tell(&trial, 0).await?;
    calm(&trial)?;
    let early = trial.place.durability() == Durability::Memory;
    let trial = trial.dropped().await?;
    let head = trial.head(one.id()).await?;
    let certain = !matches!(story.error, Some(AppendError::Unknown(_)));
    ensure!(head % EVENTS == 0, "the journal ends at {head}, inside a turn");
    ensure!(early || head >= story.acknowledged, "{} acknowledged, {head} there", story.acknowledged);
    ensure!(
        head <= story.acknowledged || !certain && head == story.acknowledged + EVENTS,
        "{} acknowledged, {head} there after {:?}",
        story.acknowledged,
        story.error
    );
    whole(&trial, head).await
}

/// The journal of `one` holds every event through `head`.
async fn whole(subject: &Subject, head: u64) -> Check {
    let one = actor("one")?;
    let mut wanted = Vec::new();
    for expected in (0..head).step_by(usize::try_from(EVENTS).unwrap_or(1)) {
        wanted.push(large(&one, expected)?.frame);
    }
    let read = subject.frames(one.id()).await?;
    ensure!(read == wanted, "{} frames are not the {} that were sent", read.len(), wanted.len());
    Ok(())
}

/// P20, P29: trouble of the storage is told as such, and what was stored before is there byte for byte.
pub(super) async fn p20_p29_a_failure_is_no_refusal_and_leaves_the_journal_as_it_was(subject: Subject) -> Check {
    let (one, two) = (actor("one")?, actor("two")?);
    let calls = calm_calls(&subject).await?;
    for (call, fault) in trials(calls) {
        let trial = Subject::fresh(&subject.make).await?;
        trial.append(&two, 0, 2).await?;
        trial.try_append(large(&one, 0)?).await?;
        let before = (trial.frames(one.id()).await?, trial.frames(two.id()).await?);
        let faults = faults(&trial)?;
        faults.fail(faults.calls() + call, fault);
        let story = tell(&trial, EVENTS).await?;
        calm(&trial)?;
        let expected = matches!(story.error, None | Some(AppendError::Failed(_) | AppendError::Unknown(_)));
        ensure!(expected, "a fault of the storage is told as {:?}", story.error);
        let trial = trial.dropped().await?;
        let first: Vec<_> = trial.frames(one.id()).await?.into_iter().take(1).collect();
        ensure!(
            (first, trial.frames(two.id()).await?) == before,
            "call {call}, {fault:?}: another journal than before"
        );
    }
    Ok(())
}

/// P91: the error is told; what was saved before is there; the new one is there or not.
pub(super) async fn p91_a_snapshot_that_fails_leaves_the_earlier_ones(subject: Subject) -> Check {
    let one = actor("one")?;
    for (call, fault) in trials(6) {
        let trial = Subject::fresh(&subject.make).await?;
        trial.append(&one, 0, 9).await?;
        trial.save(&one, 2, b"two").await?;
        trial.save(&one, 4, b"four").await?;
        let faults = faults(&trial)?;
        faults.fail(faults.calls() + call, fault);
        let replaced = trial.save(&one, 4, b"replaced").await.is_ok();
        let saved = trial.save(&one, 6, b"six").await.is_ok();
        calm(&trial)?;
        let trial = trial.dropped().await?;
        let at = |sequence: u64, state: &[u8]| Some((sequence, state.to_vec()));
        ensure_eq!(trial.newest(one.id(), 3).await?, at(2, b"two"));
        let four = trial.newest(one.id(), 5).await?;
        let is_new = four == at(4, b"replaced");
        ensure!(is_new || !replaced && four == at(4, b"four"), "call {call}, {fault:?}: at 4 is {four:?}");
        let six = trial.newest(one.id(), 6).await?;
        ensure!(six == at(6, b"six") || !saved && six == four, "call {call}, {fault:?}: the newest is {six:?}");
    }
    Ok(())
}

/// A deletion that fails did what was asked or nothing, and never more.
pub(super) async fn a_deletion_that_fails_deletes_a_prefix_as_asked_or_nothing(subject: Subject) -> Check {
    let one = actor("one")?;
    for (call, fault) in trials(4) {
        let trial = Subject::fresh(&subject.make).await?;
        trial.append(&one, 0, 9).await?;
        trial.save(&one, 9, b"nine").await?;
        let faults = faults(&trial)?;
        faults.fail(faults.calls() + call, fault);
        let done = trial.provider.delete_through(one.id(), Sequence(4), DeleteGuard::BehindSnapshot).await.is_ok();
        calm(&trial)?;
        let trial = trial.dropped().await?;
        let deleted = trial.provider.head(one.id()).await?.deleted_through.0;
        ensure!(deleted == 4 || !done && deleted == 0, "call {call}, {fault:?}: deleted through {deleted}");
        ensure_eq!(trial.all(one.id()).await?, events(deleted + 1, 9 - deleted));
        ensure_eq!(trial.newest(one.id(), 9).await?, Some((9, b"nine".to_vec())));
    }
    Ok(())
}

/// P100: after a failure the store refuses, or it works: what it acknowledges then survives what it promises to survive.
pub(super) async fn p100_what_is_acknowledged_after_a_failure_is_kept(subject: Subject) -> Check {
    let calls = calm_calls(&subject).await?;
    for (call, fault) in trials(calls) {
        let trial = failing(&subject, call, fault).await?;
        kept_after_failure(trial)
            .await
            .map_err(|failure| failure.during(&format!("call {call} of {calls}, {fault:?}")))?;
    }
    Ok(())
}

async fn kept_after_failure(trial: Subject) -> Check {
    let one = actor("one")?;
    let story = tell(&trial, 0).await?;
    calm(&trial)?;
    // Go on without opening it again, as a careless host would: from where the store says that the journal ends.
    let at = trial.head(one.id()).await.unwrap_or(story.acknowledged);
    let again = tell(&trial, at).await?;
    let acknowledged = if again.acknowledged > at { again.acknowledged } else { story.acknowledged };
    let trial = trial.dropped().await?;
    let head = trial.head(one.id()).await?;
    let last = tell(&trial, head).await?;
    ensure!(last.error.is_none(), "opened again it does not work: {:?}", last.error);
    ensure!(trial.place.durability() == Durability::Memory || head >= acknowledged, "{acknowledged} lost, {head} left");
    let make = Arc::clone(&trial.make);
    for (what, image) in trial.crashed() {
        let left = Subject::at(&make, image).await?;
        let head = left.head(one.id()).await?;
        let kept = what.keeps_acknowledged();
        ensure!(!kept || head >= last.acknowledged, "{what:?}: {} acknowledged, {head} left", last.acknowledged);
        whole(&left, head).await?;
    }
    Ok(())
}

/// P106: nothing hangs after a failure, and opening the store again is all that is needed.
pub(super) async fn p106_a_store_that_failed_answers_at_once_and_works_after_reopening(subject: Subject) -> Check {
    let calls = calm_calls(&subject).await?;
    for (call, fault) in trials(calls.min(8)) {
        let trial = failing(&subject, call, fault).await?;
        let answers = async {
            let one = actor("one")?;
            let story = tell(&trial, 0).await?;
            // Each may fail; none may wait for ever.
            let _ = trial.try_append(turn(&one, story.acknowledged, 1)?).await;
            let _ = trial.head(one.id()).await;
            let _ = trial.all(one.id()).await;
            let _ = trial.save(&one, story.acknowledged, b"state").await;
            let _ = trial.provider.record("key").await;
            Check::Ok(())
        };
        let answered = tokio::time::timeout(ANSWER_WITHIN, answers).await;
        ensure!(answered.is_ok(), "call {call}, {fault:?}: it hangs after the failure");
        calm(&trial)?;
        let trial = trial.dropped().await?;
        let head = trial.head(actor("one")?.id()).await?;
        trial.append(&actor("one")?, head, 1).await?;
    }
    Ok(())
}

/// P101: certainly not stored; reading goes on; with space it works again, without being opened again.
pub(super) async fn p101_a_full_disk_refuses_and_works_again_after_space_returns(subject: Subject) -> Check {
    let one = actor("one")?;
    tell(&subject, 0).await?;
    let faults = faults(&subject)?;
    faults.fill(Space::Full).offered()?;
    let mut stored = TURNS * EVENTS;
    let refused = loop {
        match subject.try_append(large(&one, stored)?).await {
            Ok(last) => stored = last.0,
            Err(error) => break error,
        }
        ensure!(stored < 1_000_000, "it never becomes full");
    };
    if subject.place.durability() == Durability::Memory {
        // What was acknowledged before its write is lost with it: the head says what is there.
        stored = subject.head(one.id()).await?;
    } else {
        ensure!(matches!(refused, AppendError::Failed(StoreError::DiskFull { .. })), "told as {refused:?}");
    }
    ensure_eq!(subject.head(one.id()).await?, stored);
    whole(&subject, stored).await?;
    faults.fill(Space::Free).offered()?;
    subject.try_append(large(&one, stored)?).await?;
    whole(&subject, stored + EVENTS).await?;
    let subject = subject.dropped().await?;
    if subject.place.durability() != Durability::Memory {
        whole(&subject, stored + EVENTS).await?;
    }
    Ok(())
}

/// P56: what cannot be read is not "nothing".
pub(super) async fn p56_a_read_that_fails_is_an_error_and_not_the_end(subject: Subject) -> Check {
    let one = actor("one")?;
    for turn in 0..10 {
        subject.append(&one, turn, 1).await?;
    }
    subject.save(&one, 5, b"five").await?;
    subject.provider.put_record("key", bytes::Bytes::from_static(b"value")).await?;
    let faults = faults(&subject)?;
    for batch_bytes in [1, 1_000_000] {
        for _ in 0..3 {
            faults.fail_reads(1).offered()?;
            // What is not read from storage at all cannot fail: then it must be right.
            let read = subject.read(one.id(), 1, u64::MAX, batch_bytes).await;
            ensure!(read.is_err() || read.is_ok_and(|read| read == events(1, 10)), "a failed read became the end");
        }
    }
    faults.fail_reads(1).offered()?;
    let loaded = subject.newest(one.id(), 9).await;
    ensure!(loaded.is_err() || loaded.is_ok_and(|found| found.is_some()), "a failed read became no snapshot");
    faults.fail_reads(1).offered()?;
    let record = subject.provider.record("key").await;
    ensure!(record.is_err() || record.is_ok_and(|found| found.is_some()), "a failed read became no record");
    faults.fail_reads(0).offered()?;
    ensure_eq!(subject.all(one.id()).await?, events(1, 10));
    Ok(())
}

/// P55: one damaged bit stops the reader of that actor, by name and number, and nobody else.
pub(super) async fn p55_a_damaged_frame_is_an_error_that_names_actor_and_number(subject: Subject) -> Check {
    let (one, two) = (actor("one")?, actor("two")?);
    for number in 1..=9 {
        subject.try_append(marked(&one, number, b"a damaged payload")?).await?;
        subject.append(&two, number - 1, 1).await?;
    }
    ensure_eq!((subject.head(one.id()).await?, subject.head(two.id()).await?), (9, 9));
    let copies = faults(&subject)?.corrupt(b"7: a damaged payload").offered()?;
    ensure!(copies > 0, "nothing was stored that could be damaged");
    let refused = subject.provider_read(&one).await;
    match refused {
        Err(error @ StoreError::Corrupt { .. }) => {
            let text = error.to_string();
            let names = text.contains(&one.id().to_string()) || text.contains(&one.to_string());
            ensure!(names && text.contains('7'), "{text:?} does not name {} and 7", one.id());
        }
        other => ensure!(false, "a damaged event is told as {other:?}"),
    }
    ensure_eq!(subject.read(one.id(), 1, 6, 1).await?.len(), 6);
    ensure_eq!(subject.all(two.id()).await?, events(1, 9));
    Ok(())
}

/// P90: the damaged one is an error; asked below its number, the store gives the one before.
pub(super) async fn p90_a_damaged_snapshot_is_an_error_and_the_older_one_can_be_loaded(subject: Subject) -> Check {
    let one = actor("one")?;
    subject.append(&one, 0, 9).await?;
    for (sequence, state) in [(2, "oldest state"), (4, "older state"), (6, "damaged state")] {
        subject.save(&one, sequence, state.as_bytes()).await?;
    }
    let copies = faults(&subject)?.corrupt(b"damaged state").offered()?;
    ensure!(copies > 0, "nothing was stored that could be damaged");
    let refused = subject.provider.load_snapshot(one.id(), Sequence::MAX).await;
    ensure!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
    ensure_eq!(subject.newest(one.id(), 5).await?, Some((4, b"older state".to_vec())));
    ensure_eq!(subject.newest(one.id(), 3).await?, Some((2, b"oldest state".to_vec())));
    Ok(())
}
