//! What an operator does: activate a revision, stop and go on, go back. Every act is durable before anything follows it.

use std::time::Duration;

use super::record::{CandidateRecord, RolloutRecord, WhatRecord, WhomRecord};
use super::{Rollout, metric};
use crate::actor::{AskError, Code as _, RequestError};
use crate::decide::{Share, Thresholds};
use crate::provider::SharedProvider;
use crate::runtime::Operator;
use crate::runtime::deployment::Deployment;
use crate::vocab::{Key, Kind, RevisionId, Tenant};

/// Stages of one ramp.
const STAGES_MAX: usize = 32;
/// Actors that are named for one rollout.
const NAMED_MAX: usize = 1_000;

/// Whom a revision is activated for, and from how many failures on that is taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Activation {
    /// The revision's number; `None`: the newest one.
    pub revision: Option<u32>,
    /// Who is to run it.
    pub whom: Whom,
    /// So many actors must fail on it within the window before it is taken back; 0: never. `None`: as the settings say.
    pub failures_actors: Option<u32>,
    /// … and so many percent of those that tried it. `None`: as the settings say.
    pub failures_percent: Option<u32>,
    /// Who activates it, and why.
    pub by: Operator,
}

/// Who is to run an activated revision.
#[derive(Debug, Clone, PartialEq)]
pub enum Whom {
    /// Everybody, at once.
    Now,
    /// So many percent of the actors; always the same ones for the same revision.
    Percent(f64),
    /// A share that grows.
    Ramp {
        /// Percentages, each more than the one before; 100 at the end makes the revision the stable one.
        percents: Vec<f64>,
        /// How long it stays at each.
        pause: Duration,
    },
    /// These actors, by key.
    Actors(Vec<String>),
    /// As before, but no further: the ramp that is under way stops.
    Pause,
    /// The ramp that was stopped goes on.
    Resume,
}

impl Activation {
    /// For everybody at once, the newest revision.
    #[must_use]
    pub fn now(by: Operator) -> Self {
        Self { revision: None, whom: Whom::Now, failures_actors: None, failures_percent: None, by }
    }
}

/// One kind's acts.
pub(in crate::runtime) struct Acts<'a> {
    pub(in crate::runtime) provider: &'a SharedProvider,
    pub(in crate::runtime) tenant: &'a Tenant,
    pub(in crate::runtime) kind: &'a Kind,
    pub(in crate::runtime) deployment: &'a Deployment,
}

impl Acts<'_> {
    fn rollout(&self) -> &Rollout {
        &self.deployment.rollout
    }

    /// The record as it holds; of a kind that has none, one that says what holds anyway.
    pub(super) fn record(&self) -> RolloutRecord {
        let new = || RolloutRecord::new(self.tenant, self.kind, self.deployment.stable());
        self.rollout().record().unwrap_or_else(new)
    }

    /// Writes a record, then lets it hold.
    ///
    /// # Errors
    /// When the store refuses: then everything stays as it is.
    pub(super) async fn keep(&self, record: RolloutRecord, tried_again: Option<RevisionId>) -> Result<(), AskError> {
        if self.rollout().is_over() {
            let (tenant, kind) = (self.tenant.to_string(), self.kind.to_string());
            return Err(RequestError::UnknownKind { tenant, kind }.into());
        }
        self.provider.put_record(&record.place(), record.encode()?).await?;
        self.rollout().hold_to(record, tried_again);
        Ok(())
    }

    /// The same, but a record that holds already is not written again; who is held on another revision is tried again.
    async fn keep_if_new(&self, record: RolloutRecord, tried_again: RevisionId) -> Result<(), AskError> {
        if self.rollout().record().as_ref() == Some(&record) {
            self.rollout().hold_to(record, Some(tried_again));
            return Ok(());
        }
        self.keep(record, Some(tried_again)).await
    }

    /// Before a revision is added: what is stable now is written down, so that the new one is not taken for it. A rollout
    /// that has reached everybody is completed.
    ///
    /// # Errors
    /// When a rollout is under way that has chosen only some, or the store refuses.
    pub(in crate::runtime) async fn before_deploy(&self, activates: bool, is_candidate: bool) -> Result<(), AskError> {
        let _one = self.rollout().acts.lock().await;
        let mut record = self.record();
        if activates && !is_candidate {
            self.complete_or_refuse(&mut record)?;
        }
        if self.rollout().record().as_ref() != Some(&record) {
            self.keep(record, None).await?;
        }
        Ok(())
    }

    fn complete_or_refuse(&self, record: &mut RolloutRecord) -> Result<(), RequestError> {
        let Some(candidate) = &record.candidate else { return Ok(()) };
        if !candidate.is_for_all() {
            let number = self.deployment.number_of(RevisionId(candidate.revision)).unwrap_or_default();
            let kind = self.kind.to_string();
            return Err(RequestError::RolloutUnderWay { kind, revision: number });
        }
        let (now, revision) = (self.rollout().now(), candidate.revision);
        if self.rollout().is_hopeless() {
            // Nobody could run it: it is not made the code that new actors begin with.
            record.candidate = None;
            record.note(
                now,
                WhatRecord::TakenBack,
                record.stable,
                "",
                "nobody could run it, and another revision follows",
            );
            metric::ended(self.tenant, self.kind, "taken-back");
            return Ok(());
        }
        record.complete();
        record.note(now, WhatRecord::Completed, revision, "", "another revision follows");
        metric::ended(self.tenant, self.kind, "completed");
        Ok(())
    }

    /// Makes a revision the candidate, or changes who runs it.
    ///
    /// # Errors
    /// When there is no such revision, its code cannot be loaded, something is wrong with the request, another rollout is
    /// under way, or the store refuses.
    pub(in crate::runtime) async fn activate(&self, activation: &Activation) -> Result<(), AskError> {
        if matches!(activation.whom, Whom::Pause | Whom::Resume) {
            return self.pause(activation).await;
        }
        let target = self.revision(activation.revision)?;
        // Code that cannot be loaded is nobody's candidate.
        let number = self.deployment.number_of(target);
        self.deployment.revision(target).await?;
        let _one = self.rollout().acts.lock().await;
        self.still_there(target, number)?;
        let mut record = self.record();
        if record.candidate() != Some(target) {
            self.complete_or_refuse(&mut record)?;
        }
        if record.candidate.is_none() && record.stable() == target {
            return self.keep_if_new(record, target).await;
        }
        let now = self.rollout().now();
        let whom = whom_record(&activation.whom, now.0)?;
        let settings = &self.deployment.policy().rollout;
        let Thresholds { actors, percent, window_ms } = Thresholds {
            actors: activation.failures_actors.unwrap_or(settings.failures_actors),
            percent: activation.failures_percent.unwrap_or(settings.failures_percent).min(100),
            window_ms: settings.window_ms,
        };
        let began_at = record.candidate.as_ref().filter(|before| before.revision == target.0).map(|it| it.began_at);
        record.candidate = Some(CandidateRecord {
            revision: target.0,
            whom,
            is_paused: false,
            began_at: began_at.unwrap_or(now.0),
            watch_ms: settings.watch_ms,
            thresholds: (actors, percent, window_ms),
        });
        let Operator { who, why } = &activation.by;
        record.note(now, WhatRecord::Activated, target.0, who, why);
        self.keep(record, Some(target)).await
    }

    async fn pause(&self, activation: &Activation) -> Result<(), AskError> {
        let pauses = activation.whom == Whom::Pause;
        let _one = self.rollout().acts.lock().await;
        let mut record = self.record();
        let now = self.rollout().now();
        let Some(candidate) = &mut record.candidate else { return Err(self.nothing_to("pause or resume").into()) };
        if candidate.is_paused == pauses {
            return Ok(());
        }
        candidate.is_paused = pauses;
        if !pauses {
            // The pause of the stage begins anew: nobody watched it meanwhile.
            candidate.watch_from(now);
        }
        let revision = candidate.revision;
        let what = if pauses { WhatRecord::Paused } else { WhatRecord::Resumed };
        record.note(now, what, revision, &activation.by.who, &activation.by.why);
        self.keep(record, None).await
    }

    /// Goes back: from a candidate to the stable revision, or else from the stable revision to an earlier one.
    ///
    /// # Errors
    /// When there is nowhere to go back to, the code cannot be loaded, or the store refuses.
    pub(in crate::runtime) async fn roll_back(&self, to: Option<u32>, by: &Operator) -> Result<(), AskError> {
        let target = self.target_of_roll_back(to)?;
        let number = self.deployment.number_of(target);
        self.deployment.revision(target).await?;
        let _one = self.rollout().acts.lock().await;
        self.still_there(target, number)?;
        let mut record = self.record();
        let now = self.rollout().now();
        if record.went_back() && record.candidate() == Some(target) {
            // It was asked for before, and is under way.
            return self.keep_if_new(record, target).await;
        }
        if record.candidate.take().is_some() {
            metric::ended(self.tenant, self.kind, "rolled-back");
        } else if record.stable() == target {
            return self.keep_if_new(record, target).await;
        }
        if record.stable() != target {
            let everybody =
                WhomRecord::Share { stages: vec![Share::ALL.hundredths()], reached: 0, since: now.0, pause_ms: 0 };
            // Nobody takes a roll-back back but an operator.
            record.candidate = Some(CandidateRecord {
                revision: target.0,
                whom: everybody,
                is_paused: false,
                began_at: now.0,
                watch_ms: 0,
                thresholds: (0, 0, 1),
            });
        }
        record.note(now, WhatRecord::RolledBack, target.0, &by.who, &by.why);
        self.keep(record, Some(target)).await
    }

    /// Where a roll-back goes.
    ///
    /// # Errors
    /// When there is no such revision, or none is older.
    pub(super) fn target_of_roll_back(&self, to: Option<u32>) -> Result<RevisionId, RequestError> {
        if to.is_some() {
            return self.revision(to);
        }
        let record = self.record();
        if let Some(candidate) = record.candidate() {
            // A roll-back that is under way is not undone by one that is asked for again.
            return Ok(if record.went_back() { candidate } else { record.stable() });
        }
        if record.went_back() {
            return Err(self.nothing_to("go back from: it has gone back already; name the revision to go further"));
        }
        let before = record.before.map(RevisionId).filter(|before| self.deployment.find(*before).is_some());
        let stable = self.deployment.number_of(record.stable()).unwrap_or_default();
        let older = || {
            let revisions = self.deployment.revisions();
            let older = revisions.iter().rev().find(|deployed| deployed.record.number < stable);
            older.map(|deployed| deployed.record.id())
        };
        before.or_else(older).ok_or_else(|| self.nothing_to("go back from"))
    }

    fn nothing_to(&self, what: &str) -> RequestError {
        RequestError::NoRollout { kind: self.kind.to_string(), what: what.to_owned() }
    }

    /// Whether a revision was not removed since it was looked up.
    fn still_there(&self, id: RevisionId, number: Option<u32>) -> Result<(), RequestError> {
        let revision = number.unwrap_or_default();
        let unknown = || RequestError::UnknownRevision { kind: self.kind.to_string(), revision };
        self.deployment.find(id).map(|_| ()).ok_or_else(unknown)
    }

    /// A revision by its number; `None`: the newest.
    fn revision(&self, number: Option<u32>) -> Result<RevisionId, RequestError> {
        let found = match number {
            Some(number) => self.deployment.numbered(number),
            None => self.deployment.newest(),
        };
        let unknown =
            || RequestError::UnknownRevision { kind: self.kind.to_string(), revision: number.unwrap_or_default() };
        Ok(found.ok_or_else(unknown)?.record.id())
    }

    /// The ramp goes on to its next stage, if the candidate is as it was `seen` when that was decided.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn reach(&self, seen: &CandidateRecord, stage: usize) -> Result<(), AskError> {
        let _one = self.rollout().acts.lock().await;
        let mut record = self.record();
        let now = self.rollout().now();
        let Some(candidate) = record.candidate.as_mut().filter(|it| *it == seen && !it.is_paused) else {
            return Ok(());
        };
        let WhomRecord::Share { stages, reached, since, .. } = &mut candidate.whom else { return Ok(()) };
        let Some(hundredths) = stages.get(stage).copied() else { return Ok(()) };
        (*reached, *since) = (u32::try_from(stage).unwrap_or(u32::MAX), now.0);
        record.note(now, WhatRecord::Reached(hundredths), seen.revision, "", "");
        self.keep(record, None).await
    }

    /// Everybody runs the candidate, and it was watched: it is the stable revision from now on.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn complete(&self, seen: &CandidateRecord) -> Result<(), AskError> {
        let _one = self.rollout().acts.lock().await;
        let mut record = self.record();
        let is_due = |it: &CandidateRecord| it == seen && !it.is_paused && it.is_for_all();
        if !record.candidate.as_ref().is_some_and(is_due) {
            return Ok(());
        }
        record.complete();
        record.note(self.rollout().now(), WhatRecord::Completed, seen.revision, "", "");
        self.keep(record, None).await?;
        metric::ended(self.tenant, self.kind, "completed");
        Ok(())
    }

    /// Too many actors failed on the candidate: back to the stable revision. False: somebody was faster.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn take_back(&self, seen: &CandidateRecord, why: &str) -> Result<bool, AskError> {
        let _one = self.rollout().acts.lock().await;
        let mut record = self.record();
        if record.candidate.as_ref() != Some(seen) {
            return Ok(false);
        }
        record.candidate = None;
        let stable = record.stable;
        record.note(self.rollout().now(), WhatRecord::TakenBack, stable, "", why);
        self.keep(record, None).await?;
        metric::ended(self.tenant, self.kind, "taken-back");
        Ok(true)
    }
}

fn whom_record(whom: &Whom, now: u64) -> Result<WhomRecord, RequestError> {
    let wrong = |reason: String| RequestError::InvalidActivation(reason);
    let share = |percent: f64| {
        let share = Share::of_percent(percent).filter(|share| share.hundredths() > 0);
        share.ok_or_else(|| wrong(format!("{percent} is no percentage; take one from 0.01 to 100")))
    };
    let ramp = |stages: Vec<u16>, pause_ms| WhomRecord::Share { stages, reached: 0, since: now, pause_ms };
    match whom {
        Whom::Now | Whom::Pause | Whom::Resume => Ok(ramp(vec![Share::ALL.hundredths()], 0)),
        Whom::Percent(percent) => Ok(ramp(vec![share(*percent)?.hundredths()], 0)),
        Whom::Ramp { percents, pause } => {
            if percents.is_empty() || percents.len() > STAGES_MAX {
                return Err(wrong(format!("a ramp has 1 to {STAGES_MAX} stages; this one has {}", percents.len())));
            }
            let stages: Result<Vec<Share>, _> = percents.iter().map(|percent| share(*percent)).collect();
            let stages = stages?;
            if !stages.is_sorted_by(|a, b| a < b) {
                return Err(wrong("each stage of a ramp must be more than the one before".to_owned()));
            }
            let stages = stages.into_iter().map(Share::hundredths).collect();
            Ok(ramp(stages, u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)))
        }
        Whom::Actors(keys) => {
            if keys.is_empty() || keys.len() > NAMED_MAX {
                return Err(wrong(format!("1 to {NAMED_MAX} actors can be named; these are {}", keys.len())));
            }
            for key in keys {
                Key::new(key.clone())?;
            }
            let mut keys = keys.clone();
            keys.sort_unstable();
            keys.dedup();
            Ok(WhomRecord::Named(keys))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let ramp = |percents: &[f64]| Whom::Ramp { percents: percents.to_vec(), pause: Duration::ZERO };
        for (whom, word) in [
            (Whom::Percent(0.0), "0.01"),
            (Whom::Percent(101.0), "101"),
            (Whom::Percent(f64::NAN), "NaN"),
            (ramp(&[]), "stages"),
            (ramp(&[1.0; 33]), "33"),
            (ramp(&[1.0, 1.0]), "more than"),
            (ramp(&[10.0, 1.0]), "more than"),
            (Whom::Actors(Vec::new()), "named"),
            (Whom::Actors(vec!["a".to_owned(); 1_001]), "1001"),
            (Whom::Actors(vec![String::new()]), "key"),
        ] {
            let refused = whom_record(&whom, 1).expect_err("refused").to_string();
            assert!(refused.contains(word), "{whom:?}: {refused}");
        }
    }

    #[test]
    fn stages_and_names_are_kept_as_they_were_meant() {
        let whom = Whom::Ramp { percents: vec![0.5, 100.0], pause: Duration::from_secs(30) };
        let expected = WhomRecord::Share { stages: vec![50, 10_000], reached: 0, since: 7, pause_ms: 30_000 };
        assert_eq!(whom_record(&whom, 7).unwrap(), expected);
        let whom = Whom::Actors(["b", "a", "b"].map(str::to_owned).to_vec());
        assert_eq!(whom_record(&whom, 7).unwrap(), WhomRecord::Named(vec!["a".to_owned(), "b".to_owned()]));
    }
}
