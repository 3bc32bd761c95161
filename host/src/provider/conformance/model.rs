//! Random histories, compared step by step with a model in memory; a history that fails is made shorter and shown.
//!
//! `GREENROOM_CONFORMANCE_SEED` and `GREENROOM_CONFORMANCE_CASES` choose other histories, or more of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use super::Failure;
use super::kit::{Check, Ending, Event, MakePlace, Subject, actor, ensure, ensure_eq, events, frame, turn};
use super::place::Offer;
use crate::provider::{Append, AppendError, DeleteGuard, Durability, StoreError};
use crate::vocab::Sequence;

/// Histories that are tried unless the environment says otherwise.
const CASES: u32 = 64;
/// Steps of the longest history.
const STEPS_MAX: usize = 50;
/// Attempts to make a failing history shorter: each opens a store.
const SHRINKS_MAX: u32 = 400;

/// One step of a history. Places are given as parts of what there is, so that every step makes sense in every history.
#[derive(Debug, Clone)]
enum Step {
    /// Appends so many turns behind each other without waiting between them; each has so many events.
    Append {
        actor: u8,
        turns: u8,
        count: u8,
    },
    /// Appends behind another number than the last one: this far before it, or ahead of it.
    Stale {
        actor: u8,
        distance: i8,
    },
    /// Appends the newest turn once more.
    Repeat {
        actor: u8,
    },
    /// So many writers append at the end at once.
    Race {
        actor: u8,
        rivals: u8,
    },
    /// Saves at this part of the journal, or one beyond it.
    Save {
        actor: u8,
        part: u8,
    },
    DeleteSnapshot {
        actor: u8,
        part: u8,
    },
    DeleteThrough {
        actor: u8,
        part: u8,
        forced: bool,
    },
    Put {
        key: u8,
        value: u16,
    },
    DeleteRecord {
        key: u8,
    },
    Reopen,
    /// Drops the store and opens it again.
    Drop,
    Kill,
    PowerCut {
        seed: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let actor = 0..3_u8;
    prop_oneof![
        6 => (actor.clone(), 1..4_u8, 1..5_u8).prop_map(|(actor, turns, count)| Step::Append { actor, turns, count }),
        1 => (actor.clone(), -4..4_i8).prop_map(|(actor, distance)| Step::Stale { actor, distance }),
        1 => actor.clone().prop_map(|actor| Step::Repeat { actor }),
        1 => (actor.clone(), 2..6_u8).prop_map(|(actor, rivals)| Step::Race { actor, rivals }),
        3 => (actor.clone(), any::<u8>()).prop_map(|(actor, part)| Step::Save { actor, part }),
        1 => (actor.clone(), any::<u8>()).prop_map(|(actor, part)| Step::DeleteSnapshot { actor, part }),
        2 => (actor, any::<u8>(), any::<bool>())
            .prop_map(|(actor, part, forced)| Step::DeleteThrough { actor, part, forced }),
        1 => (0..3_u8, any::<u16>()).prop_map(|(key, value)| Step::Put { key, value }),
        1 => (0..3_u8).prop_map(|key| Step::DeleteRecord { key }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Drop),
        1 => Just(Step::Kill),
        1 => any::<u64>().prop_map(|seed| Step::PowerCut { seed }),
    ]
}

/// What one actor must look like.
#[derive(Debug, Clone, Default)]
struct Journal {
    /// All events ever, also the deleted ones.
    events: Vec<Event>,
    /// First number and count of the newest turn.
    newest: Option<(u64, u64)>,
    deleted: u64,
    snapshots: BTreeMap<u64, Vec<u8>>,
}

impl Journal {
    fn end(&self) -> u64 {
        self.events.len() as u64
    }

    /// A number between zero and one beyond the end.
    fn part(&self, part: u8) -> u64 {
        (self.end() + 1) * u64::from(part) / u64::from(u8::MAX)
    }

    fn visible(&self) -> Vec<Event> {
        self.events.iter().filter(|(number, ..)| *number > self.deleted).cloned().collect()
    }
}

#[derive(Debug, Clone, Default)]
struct Model {
    journals: [Journal; 3],
    records: BTreeMap<String, Bytes>,
    /// Makes the states of snapshots differ.
    saves: u64,
}

/// P111: whatever is done in whatever order, the store and the model say the same.
pub(super) async fn p111_random_histories_agree_with_a_model(subject: Subject) -> Check {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = number("GREENROOM_CONFORMANCE_SEED").unwrap_or(1);
    let cases = number("GREENROOM_CONFORMANCE_CASES").and_then(|cases| u32::try_from(cases).ok()).unwrap_or(CASES);
    let make = Arc::clone(&subject.make);
    let runtime = tokio::runtime::Handle::current();
    let running = tokio::task::spawn_blocking(move || {
        let config = Config { cases, max_shrink_iters: SHRINKS_MAX, failure_persistence: None, ..Config::default() };
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(seed.to_le_bytes()).for_each(|(byte, of_seed)| *byte = of_seed);
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let found = runner.run(&vec(step(), 1..STEPS_MAX), |steps| {
            runtime.block_on(history(&make, steps)).map_err(|failure| TestCaseError::fail(format!("{failure:?}")))
        });
        match found {
            Ok(()) => Ok(()),
            Err(TestError::Fail(why, steps)) => Err(format!("seed {seed}: {why}\nthe history: {steps:#?}")),
            Err(TestError::Abort(why)) => Err(format!("seed {seed}: the search ended: {why}")),
        }
    });
    running.await?.map_err(Failure::new)
}

async fn history(make: &MakePlace, steps: Vec<Step>) -> Check {
    let mut subject = Subject::fresh(make).await?;
    let mut model = Model::default();
    for (index, step) in steps.into_iter().enumerate() {
        let context = format!("step {index}, {step:?}");
        let taken = async {
            subject = model.take(subject, step).await?;
            model.compare(&subject).await?;
            Ok::<_, Failure>(subject)
        };
        subject = taken.await.map_err(|failure| failure.during(&context))?;
    }
    Ok(())
}

impl Model {
    async fn take(&mut self, subject: Subject, step: Step) -> Result<Subject, Failure> {
        match step {
            Step::Append { actor, turns, count } => self.append(&subject, actor, turns, count).await?,
            Step::Stale { actor, distance } => self.stale(&subject, actor, distance).await?,
            Step::Repeat { actor } => self.repeat(&subject, actor).await?,
            Step::Race { actor, rivals } => self.race(&subject, actor, rivals).await?,
            Step::Save { actor, part } => self.save(&subject, actor, part).await?,
            Step::DeleteSnapshot { actor, part } => self.delete_snapshot(&subject, actor, part).await?,
            Step::DeleteThrough { actor, part, forced } => self.delete(&subject, actor, part, forced).await?,
            Step::Put { key, value } => {
                let (key, value) = (format!("key {key}"), Bytes::copy_from_slice(&value.to_le_bytes()));
                subject.provider.put_record(&key, value.clone()).await?;
                self.records.insert(key, value);
            }
            Step::DeleteRecord { key } => {
                let key = format!("key {key}");
                subject.provider.delete_record(&key).await?;
                self.records.remove(&key);
            }
            Step::Reopen if subject.place.reopens() == Offer::Offered(()) => return subject.reopened().await,
            Step::Drop if keeps(&subject, Ending::Dropped) => return subject.dropped().await,
            Step::Kill if keeps(&subject, Ending::Killed(subject.place.durability())) => {
                return after(subject, |place| place.after_kill()).await;
            }
            Step::PowerCut { seed } if keeps(&subject, Ending::PowerCut(subject.place.durability())) => {
                return after(subject, |place| place.after_power_cut(seed)).await;
            }
            Step::Reopen | Step::Drop | Step::Kill | Step::PowerCut { .. } => {}
        }
        Ok(subject)
    }

    fn journal(&mut self, actor: u8) -> Result<&mut Journal, Failure> {
        self.journals.get_mut(usize::from(actor)).ok_or_else(|| Failure::new("no such actor"))
    }

    async fn append(&mut self, subject: &Subject, index: u8, turns: u8, count: u8) -> Check {
        let (address, journal) = (actor(&format!("{index}"))?, self.journal(index)?);
        let mut pipelined = Vec::new();
        for _ in 0..turns {
            let expected = journal.end();
            pipelined.push(subject.provider.append(turn(&address, expected, u64::from(count))?));
            journal.events.extend(events(expected + 1, u64::from(count)));
            journal.newest = Some((expected + 1, u64::from(count)));
            ensure!(pipelined.len() <= usize::from(turns), "too many turns");
        }
        for append in join_all(pipelined).await {
            append?;
        }
        Ok(())
    }

    async fn stale(&mut self, subject: &Subject, index: u8, distance: i8) -> Check {
        let (address, journal) = (actor(&format!("{index}"))?, self.journal(index)?);
        let end = journal.end();
        let Some(expected) = end.checked_add_signed(i64::from(distance)).filter(|expected| *expected != end) else {
            return Ok(());
        };
        let frame = frame(&address, expected + 1, &events(expected + 900, 2))?;
        let append = Append { address, expected: Sequence(expected), frame };
        match subject.try_append(append).await {
            Err(AppendError::Conflict { expected: stated, actual, .. }) => {
                ensure_eq!((stated.0, actual.0), (expected, end));
            }
            other => ensure!(false, "an append behind {expected} of {end} is told {other:?}"),
        }
        Ok(())
    }

    async fn repeat(&mut self, subject: &Subject, index: u8) -> Check {
        let (address, journal) = (actor(&format!("{index}"))?, self.journal(index)?);
        // A turn of which something is deleted may be forgotten: then it is a conflict.
        let Some((first, count)) = journal.newest.filter(|(first, _)| *first > journal.deleted) else { return Ok(()) };
        ensure_eq!(subject.append(&address, first - 1, count).await?, journal.end());
        Ok(())
    }

    async fn race(&mut self, subject: &Subject, index: u8, rivals: u8) -> Check {
        let (address, journal) = (actor(&format!("{index}"))?, self.journal(index)?);
        let end = journal.end();
        let mut racing = Vec::new();
        for rival in 0..u64::from(rivals) {
            let mut payloads = events(end + 1, 2);
            payloads.iter_mut().for_each(|(_, _, payload)| payload.extend(rival.to_le_bytes()));
            let frame = frame(&address, end + 1, &payloads)?;
            let append = Append { address: Arc::clone(&address), expected: Sequence(end), frame };
            racing.push(async move { (tokio::spawn(subject.provider.append(append)).await, payloads) });
        }
        let mut wins = 0;
        for (told, payloads) in join_all(racing).await {
            match told? {
                Ok(last) => {
                    ensure_eq!(last.0, end + 2);
                    journal.events.extend(payloads);
                    wins += 1;
                }
                Err(AppendError::Conflict { .. }) => {}
                Err(other) => ensure!(false, "a rival is told {other:?}"),
            }
        }
        journal.newest = None;
        ensure!(wins == 1, "{wins} of {rivals} rivals won");
        Ok(())
    }

    async fn save(&mut self, subject: &Subject, index: u8, part: u8) -> Check {
        self.saves += 1;
        let (address, state) = (actor(&format!("{index}"))?, format!("state {}", self.saves).into_bytes());
        let journal = self.journal(index)?;
        let sequence = journal.part(part);
        let saved = subject.provider.save_snapshot(super::kit::snapshot(&address, sequence, &state)).await;
        if sequence > journal.end() {
            ensure!(matches!(saved, Err(StoreError::AheadOfJournal { .. })), "ahead of the journal: {saved:?}");
        } else {
            saved?;
            journal.snapshots.insert(sequence, state);
        }
        Ok(())
    }

    async fn delete_snapshot(&mut self, subject: &Subject, index: u8, part: u8) -> Check {
        let (address, journal) = (actor(&format!("{index}"))?, self.journal(index)?);
        let sequence = journal.part(part);
        subject.provider.delete_snapshot(address.id(), Sequence(sequence)).await?;
        journal.snapshots.remove(&sequence);
        Ok(())
    }

    async fn delete(&mut self, subject: &Subject, index: u8, part: u8, forced: bool) -> Check {
        let (address, journal) = (actor(&format!("{index}"))?, self.journal(index)?);
        let through = journal.part(part);
        let guard = if forced { DeleteGuard::Forced } else { DeleteGuard::BehindSnapshot };
        let deleted = subject.provider.delete_through(address.id(), Sequence(through), guard).await;
        let through = through.min(journal.end());
        let covered = journal.snapshots.keys().next_back().is_some_and(|newest| *newest >= through);
        if through > journal.deleted && !forced && !covered {
            ensure!(matches!(deleted, Err(StoreError::NotCovered { .. })), "uncovered: {deleted:?}");
        } else {
            deleted?;
            journal.deleted = journal.deleted.max(through);
        }
        Ok(())
    }

    async fn compare(&self, subject: &Subject) -> Check {
        for (index, journal) in self.journals.iter().enumerate() {
            let id = actor(&format!("{index}"))?.id();
            let head = subject.provider.head(id).await?;
            ensure_eq!((head.sequence.0, head.deleted_through.0), (journal.end(), journal.deleted));
            ensure!(subject.all(id).await? == journal.visible(), "actor {index}: other events");
            let metas = subject.provider.list_snapshots(id).await?;
            let listed: Vec<u64> = metas.iter().map(|meta| meta.sequence.0).collect();
            ensure_eq!(listed, journal.snapshots.keys().rev().copied().collect::<Vec<_>>());
            let newest = journal.snapshots.iter().next_back().map(|(at, state)| (*at, state.clone()));
            ensure_eq!(subject.newest(id, u64::MAX).await?, newest);
        }
        let any = actor("any")?;
        let listed = subject.provider.actors(&any.tenant, &any.kind, None, 9).await?;
        let ends = self.journals.iter().map(Journal::end).filter(|end| *end > 0);
        ensure_eq!(listed.iter().map(|listing| listing.sequence.0).collect::<Vec<_>>(), ends.collect::<Vec<_>>());
        for key in ["key 0", "key 1", "key 2"] {
            ensure_eq!(subject.provider.record(key).await?, self.records.get(key).cloned());
        }
        ensure_eq!(subject.provider.record_keys("").await?, self.records.keys().cloned().collect::<Vec<_>>());
        Ok(())
    }
}

/// Whether a model may expect everything after this.
fn keeps(subject: &Subject, ending: Ending) -> bool {
    // Also a drop without close may lose what `memory` acknowledged early, or be the end of a store.
    let is_end = subject.place.durability() == Durability::Memory || subject.place.reopens() != Offer::Offered(());
    ending.keeps_acknowledged() && !(ending == Ending::Dropped && is_end)
}

/// Opens what is left after a crash, if the place can have one.
async fn after(
    subject: Subject,
    left: impl Fn(&dyn super::Place) -> Offer<Box<dyn super::Place>>,
) -> Result<Subject, Failure> {
    if let Offer::Declined(_) = left(&*subject.place) {
        return Ok(subject);
    }
    let Subject { make, place, provider, .. } = subject;
    drop(provider);
    Subject::at(&make, left(&*place).offered()?.into()).await
}
