//! The process or the power goes at every storage call of a history; what was acknowledged must be there.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::Failure;
use super::kit::{Check, Ending, Subject, actor, ensure, events, turn};
use crate::provider::DeleteGuard;
use crate::vocab::Sequence;

/// Steps of a history; its events, snapshots, deletions and records follow from their numbers.
const STEPS: u64 = 40;

/// What a store was told, and what it acknowledged of it.
#[derive(Debug, Default, Clone)]
struct Told {
    /// Of each actor: the last acknowledged number, and the last one sent.
    heads: [(u64, u64); 2],
    /// Of actor 0: deleted through, acknowledged and asked for.
    deleted: (u64, u64),
    /// Of actor 1: snapshots by number, whether acknowledged.
    snapshots: BTreeMap<u64, bool>,
    /// Of the one record: the last acknowledged value, and the last one sent.
    record: (u64, u64),
}

const KEYS: [&str; 2] = ["one", "two"];

/// P97, P98: the power goes at every storage call, in several ways.
pub(super) async fn p97_p98_every_acknowledged_write_survives_a_power_cut_at_any_call(subject: Subject) -> Check {
    subject.place.after_power_cut(0).offered()?;
    if subject.place.durability() != crate::provider::Durability::Sync {
        everywhere(&subject, |ending| matches!(ending, Ending::PowerCut(_))).await?;
        return Err(Failure::gap(
            "this durability does not promise that: only that what is left is a prefix of whole turns, which was checked",
        ));
    }
    everywhere(&subject, |ending| matches!(ending, Ending::PowerCut(_))).await
}

/// A killed process: what was written is there, synced or not.
pub(super) async fn every_acknowledged_write_survives_a_kill_at_any_call(subject: Subject) -> Check {
    subject.place.after_kill().offered()?;
    everywhere(&subject, |ending| matches!(ending, Ending::Killed(_))).await?;
    match subject.place.durability() {
        crate::provider::Durability::Memory => Err(Failure::gap(
            "this durability does not promise that: only that what is left is a prefix of whole turns, which was checked",
        )),
        _ => Ok(()),
    }
}

async fn everywhere(subject: &Subject, chosen: fn(&Ending) -> bool) -> Check {
    let calm = Subject::fresh(&subject.make).await?;
    let opened = calm.place.faults().offered().map_or(0, |faults| faults.calls());
    run(&calm, STEPS).await?;
    let calls = calm.place.faults().offered().map_or(0, |faults| faults.calls());
    for cut in 1..=STEPS {
        let trial = Subject::fresh(&subject.make).await?;
        let told = run(&trial, cut).await?;
        compare(trial, &told, chosen).await.map_err(|failure| failure.during(&format!("after step {cut}")))?;
    }
    // Where storage calls can be counted, the end comes at each of them too.
    for cut in 1..=calls.saturating_sub(opened) {
        let trial = Subject::fresh(&subject.make).await?;
        let faults = trial.place.faults().offered()?;
        faults.cut(faults.calls() + cut).offered()?;
        let told = run(&trial, STEPS).await?;
        compare(trial, &told, chosen).await.map_err(|failure| failure.during(&format!("at storage call {cut}")))?;
    }
    Ok(())
}

/// Crashes the store here, and compares everything that this can leave with what was told.
async fn compare(trial: Subject, told: &Told, chosen: fn(&Ending) -> bool) -> Check {
    let make = Arc::clone(&trial.make);
    for (ending, image) in trial.crashed().into_iter().filter(|(ending, _)| chosen(ending)) {
        let context = |failure: Failure| failure.during(&format!("{ending:?}"));
        let left = Subject::at(&make, image).await.map_err(context)?;
        verify(left, told, ending.keeps_acknowledged()).await.map_err(context)?;
    }
    Ok(())
}

/// Runs so many steps, or to the first error.
async fn run(subject: &Subject, steps: u64) -> Result<Told, Failure> {
    let mut told = Told::default();
    for step in 0..steps {
        if !one_step(subject, &mut told, step).await? {
            break;
        }
    }
    Ok(told)
}

async fn one_step(subject: &Subject, told: &mut Told, step: u64) -> Result<bool, Failure> {
    let (zero, one) = (actor(KEYS[0])?, actor(KEYS[1])?);
    let provider = &subject.provider;
    let done = match step % 8 {
        3 => {
            let at = told.heads[1].0;
            let known = told.snapshots.entry(at).or_insert(false);
            let saved = subject.save(&one, at, format!("at {at}").as_bytes()).await.is_ok();
            *known |= saved;
            saved
        }
        5 => {
            let through = told.heads[0].0 / 2;
            told.deleted.1 = through;
            let deleted = provider.delete_through(zero.id(), Sequence(through), DeleteGuard::Forced).await.is_ok();
            if deleted {
                told.deleted.0 = through;
            }
            deleted
        }
        7 => {
            told.record.1 = step;
            let put = provider.put_record("key", Bytes::copy_from_slice(&step.to_le_bytes())).await.is_ok();
            if put {
                told.record.0 = step;
            }
            put
        }
        other => {
            let (address, [even, odd]) = (if other % 2 == 1 { &one } else { &zero }, &mut told.heads);
            let (acknowledged, last_sent) = if other % 2 == 1 { odd } else { even };
            let (sent, count) = (*last_sent, step % 3 + 1);
            *last_sent = sent + count;
            let stored = subject.try_append(turn(address, sent, count)?).await.is_ok();
            if stored {
                *acknowledged = sent + count;
            }
            stored
        }
    };
    Ok(done)
}

/// Compares what is left with what was told, goes on, and compares again after opening once more.
async fn verify(left: Subject, told: &Told, keeps: bool) -> Check {
    let mut heads = [0; 2];
    for ((key, (acknowledged, sent)), end) in KEYS.iter().zip(told.heads).zip(&mut heads) {
        let address = actor(key)?;
        let head = left.provider.head(address.id()).await?;
        *end = head.sequence.0;
        ensure!(!keeps || *end >= acknowledged, "{key}: {acknowledged} acknowledged, {end} left");
        ensure!(*end <= sent, "{key}: {sent} sent, {end} there");
        // The counts of the turns follow from the steps: an end inside of one is half a turn.
        let whole = *end == acknowledged || *end == sent || !keeps;
        ensure!(whole, "{key} ends at {end}, inside a turn: {acknowledged} acknowledged, {sent} sent");
        let deleted = head.deleted_through.0;
        ensure!(left.all(address.id()).await? == events(deleted + 1, *end - deleted), "{key}: other events than sent");
        if *key == KEYS[0] {
            let (asked, possible) = (told.deleted.0, told.deleted.1.max(told.deleted.0));
            ensure!((!keeps || deleted >= asked) && deleted <= possible, "{key} is deleted through {deleted}");
        }
    }
    snapshots_and_record(&left, told, keeps).await?;
    for (key, end) in KEYS.iter().zip(heads) {
        left.append(&actor(key)?, end, 2).await?;
    }
    let again = left.reopened().await?;
    for (key, end) in KEYS.iter().zip(heads) {
        let now = again.head(actor(key)?.id()).await?;
        ensure!(now == end + 2, "{key} went from {end} to {now} instead of two on");
    }
    Ok(())
}

async fn snapshots_and_record(left: &Subject, told: &Told, keeps: bool) -> Check {
    let one = actor(KEYS[1])?;
    for (sequence, acknowledged) in &told.snapshots {
        let found = left.newest(one.id(), *sequence).await?.filter(|(at, _)| at == sequence);
        let right = Some((*sequence, format!("at {sequence}").into_bytes()));
        ensure!(found == right || found.is_none() && !(keeps && *acknowledged), "at {sequence}: {found:?}");
    }
    let found = left.provider.record("key").await?;
    let value = found.as_deref().and_then(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?))).unwrap_or(0);
    let (acknowledged, sent) = told.record;
    ensure!(!keeps || value == acknowledged || value == sent, "the record is {value}, not {acknowledged} or {sent}");
    Ok(())
}
