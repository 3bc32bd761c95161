//! What the actors of a kind are assigned, whom that did not suit, and how a rollout goes. What must survive a crash of it is
//! the record; the rest is found out again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::{Mutex, MutexGuard, Notify};

use super::figures::{Figures, PauseView};
use super::metric;
use super::record::{RolloutRecord, cut};
use crate::actor::{News, Refusal};
use crate::decide::Assignment;
use crate::sandbox::limit_hit;
use crate::vocab::{ActorId, Address, Clock, Code, Key, Kind, Limit, Limits, RevisionId, Tenant, Timestamp};

/// The rollout of one kind.
pub(in crate::runtime) struct Rollout {
    tenant: Tenant,
    kind: Kind,
    clock: Arc<dyn Clock>,
    actors_max: usize,
    held_max: usize,
    state: RwLock<State>,
    /// Held from before a record is written until what it says holds: so one act happens at a time.
    pub(super) acts: Mutex<()>,
    /// There is something new for whoever drives it.
    pub(super) changed: Notify,
    /// Somebody drives it.
    driven: AtomicBool,
    /// Its tenant is deleted: nothing is written of it any more.
    over: AtomicBool,
}

#[derive(Default)]
struct State {
    record: Option<RolloutRecord>,
    /// Made from the record.
    assignment: Option<Assignment>,
    held: HashMap<ActorId, Held>,
    figures: Figures,
}

/// An actor that stays on another revision than it is assigned.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) key: Key,
    pub(super) refused: RevisionId,
    pub(super) on: RevisionId,
    pub(super) since: Timestamp,
    pub(super) code: Code,
    pub(super) reason: String,
}

/// What a look at a rollout found.
pub(super) struct Looked {
    pub(super) moved: u64,
    pub(super) tried: u64,
    pub(super) failed: u64,
    pub(super) pause: Option<PauseView>,
    /// The first of those that are held.
    pub(super) held: Vec<Held>,
    /// How many are.
    pub(super) held_count: usize,
}

impl Rollout {
    pub(in crate::runtime) fn new(tenant: &Tenant, kind: &Kind, clock: Arc<dyn Clock>, limits: &Limits) -> Self {
        let bound = |limit| usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            tenant: tenant.clone(),
            kind: kind.clone(),
            clock,
            actors_max: bound(limits.rollout_actors),
            held_max: bound(limits.held_actors),
            state: RwLock::default(),
            acts: Mutex::default(),
            changed: Notify::new(),
            driven: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The revision that an actor is to run; `newest` is that of a kind of which nothing else was said.
    pub(in crate::runtime) fn assigned(&self, address: &Address, newest: RevisionId) -> RevisionId {
        let state = self.read();
        let Some(assignment) = &state.assignment else {
            return state.held_on(address.id(), newest).unwrap_or(newest);
        };
        let id = address.id();
        let assigned = assignment.of(id, &address.key);
        state.held_on(id, assigned).unwrap_or(assigned)
    }

    /// The revision that actors run which no rollout has chosen.
    pub(in crate::runtime) fn stable(&self, newest: RevisionId) -> RevisionId {
        self.read().assignment.as_ref().map_or(newest, |assignment| assignment.stable)
    }

    /// The revision that actors run unless they are chosen for another one.
    pub(in crate::runtime) fn active(&self, newest: RevisionId) -> RevisionId {
        self.read().assignment.as_ref().map_or(newest, Assignment::active)
    }

    /// Whether actors are on their way from one revision to another.
    pub(in crate::runtime) fn is_rolling(&self) -> bool {
        self.driven.load(Ordering::Acquire) || self.read().record.as_ref().is_some_and(|it| it.candidate.is_some())
    }

    /// Waits for the act that is under way, and lets none begin: who is assigned what stays as it is.
    pub(in crate::runtime) async fn still(&self) -> MutexGuard<'_, ()> {
        self.acts.lock().await
    }

    /// Whether a revision is being tried.
    pub(in crate::runtime) fn is_candidate(&self, id: RevisionId) -> bool {
        self.read().candidate() == Some(id)
    }

    /// Whether actors are held on a revision.
    pub(in crate::runtime) fn needs(&self, id: RevisionId) -> bool {
        self.read().held.values().any(|held| held.on == id)
    }

    /// What is durable of it; `None`: nothing, the newest revision is the stable one.
    pub(in crate::runtime) fn record(&self) -> Option<RolloutRecord> {
        self.read().record.clone()
    }

    /// Lets a record hold that is durable. An operator who activates a revision has it tried again by those who are held.
    pub(super) fn hold_to(&self, record: RolloutRecord, tried_again: Option<RevisionId>) {
        let mut state = self.write();
        let candidate = record.candidate();
        if candidate.is_some() && state.record.as_ref().is_none_or(|before| before.candidate() != candidate) {
            state.figures = Figures::default();
        }
        let stable = record.stable();
        state.held.retain(|_, held| {
            (held.refused == stable || Some(held.refused) == candidate) && Some(held.refused) != tried_again
        });
        metric::held(&self.tenant, &self.kind, state.held.len());
        state.assignment = Some(record.assignment());
        state.record = Some(record);
        drop(state);
        self.changed.notify_one();
    }

    /// Nobody ran or watched the candidate until now: its time begins anew. Not written down: the next start begins anew as well.
    pub(super) fn watch_anew(&self) {
        let now = self.clock.now();
        if let Some(candidate) = self.write().record.as_mut().and_then(|record| record.candidate.as_mut()) {
            candidate.watch_from(now);
        }
    }

    /// Ends it: whatever is decided from here on is not kept.
    pub(super) async fn end(&self) {
        let _one = self.acts.lock().await;
        self.over.store(true, Ordering::Release);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Takes note of what became of an actor.
    pub(in crate::runtime) fn note(&self, address: &Address, news: News) {
        let (id, now) = (address.id(), self.clock.now());
        match news {
            News::Runs(revision) => self.runs(id, revision),
            News::Moved { to, paused } => {
                metric::moved(address, paused);
                let mut state = self.write();
                state.figures.moved(paused);
                state.tried(id, to, self.actors_max);
                state.let_go(id);
            }
            News::Held { refused, on, why } => self.hold(address, (refused, on), &why, now),
            News::Delayed(Refusal { code, reason }) => {
                metric::swapped(address, "delayed");
                tracing::info!(actor = %address, %code, %reason, "the actor changes over later");
            }
            News::Failed(revision) => {
                let mut state = self.write();
                if state.candidate() == Some(revision) {
                    state.figures.failed(id, now, self.actors_max);
                    drop(state);
                    self.changed.notify_one();
                }
            }
            News::Absolved(refused) => {
                let mut state = self.write();
                if state.held.get(&id).is_some_and(|held| held.refused == refused) {
                    state.let_go(id);
                    metric::held(&self.tenant, &self.kind, state.held.len());
                }
                if state.candidate() == Some(refused) {
                    state.figures.absolved(id);
                }
            }
        }
    }

    /// An actor came on stage with what it is assigned: without a rollout, or on the stable revision, that is no news.
    fn runs(&self, id: ActorId, revision: RevisionId) {
        let is_news = |state: &State| state.candidate() == Some(revision) || state.is_held_at(id, revision);
        if !is_news(&self.read()) {
            return;
        }
        let mut state = self.write();
        state.tried(id, revision, self.actors_max);
        state.let_go(id);
        metric::held(&self.tenant, &self.kind, state.held.len());
    }

    fn hold(&self, address: &Address, (refused, on): (RevisionId, RevisionId), why: &Refusal, now: Timestamp) {
        metric::refused(address, why.code);
        metric::swapped(address, "held");
        tracing::warn!(actor = %address, code = %why.code, reason = %why.reason, %refused, %on,
            "a revision does not bear the actor; it stays on another one");
        let id = address.id();
        let held = Held { key: address.key.clone(), refused, on, since: now, code: why.code, reason: cut(&why.reason) };
        let mut state = self.write();
        if state.candidate() == Some(refused) {
            state.figures.failed(id, now, self.actors_max);
        }
        if state.held.contains_key(&id) || state.held.len() < self.held_max {
            state.held.insert(id, held);
            metric::held(&self.tenant, &self.kind, state.held.len());
        } else {
            limit_hit(&address.tenant, Limit::HeldActors);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Whether so many actors failed on the candidate that it is to be taken back.
    pub(super) fn is_failing(&self) -> bool {
        let (now, state) = (self.clock.now(), self.read());
        let candidate = state.record.as_ref().and_then(|record| record.candidate.as_ref());
        candidate.is_some_and(|candidate| state.figures.is_failing(&candidate.thresholds(), now))
    }

    /// Whether nobody who tried the candidate could run it.
    pub(super) fn is_hopeless(&self) -> bool {
        self.read().figures.is_hopeless()
    }

    /// The figures, and the first so many of those that are held, by key. Copied: who asks this rollout something else while
    /// the lock is held would wait for a writer that waits for it.
    pub(super) fn look(&self, held_max: usize) -> Looked {
        let state = self.read();
        let mut held: Vec<Held> = if held_max > 0 { state.held.values().cloned().collect() } else { Vec::new() };
        let held_count = state.held.len();
        let figures = &state.figures;
        let (moved, tried, failed) = (figures.moved_count(), figures.tried_count(), figures.failed_count());
        let pauses = if held_max > 0 { figures.pauses_kept() } else { Vec::new() };
        drop(state);
        held.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        held.truncate(held_max);
        Looked { moved, tried, failed, pause: PauseView::of(pauses), held, held_count }
    }

    /// Whoever gets true drives the rollout until it says that it does not any more.
    pub(super) fn begin_driving(&self) -> bool {
        !self.driven.swap(true, Ordering::AcqRel)
    }

    pub(super) fn end_driving(&self) {
        self.driven.store(false, Ordering::Release);
    }

    /// Now, by the host's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl State {
    fn candidate(&self) -> Option<RevisionId> {
        self.record.as_ref().and_then(RolloutRecord::candidate)
    }

    /// What an actor runs instead of a revision that did not bear it.
    fn held_on(&self, id: ActorId, refused: RevisionId) -> Option<RevisionId> {
        let held = self.held.get(&id).filter(|held| held.refused == refused)?;
        Some(held.on)
    }

    fn is_held_at(&self, id: ActorId, refused: RevisionId) -> bool {
        self.held.get(&id).is_some_and(|held| held.refused == refused)
    }

    fn tried(&mut self, id: ActorId, revision: RevisionId, actors_max: usize) {
        if self.candidate() == Some(revision) {
            self.figures.tried(id, actors_max);
        }
    }

    fn let_go(&mut self, id: ActorId) {
        self.held.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{CandidateRecord, WhomRecord};
    use super::*;
    use crate::vocab::SystemClock;

    const STABLE: RevisionId = RevisionId(1);
    const CANDIDATE: RevisionId = RevisionId(2);

    fn rollout(limits: &Limits) -> Rollout {
        let (tenant, kind) = (Tenant::default_tenant(), Kind::new("k").unwrap());
        let rollout = Rollout::new(&tenant, &kind, Arc::new(SystemClock), limits);
        let mut record = RolloutRecord::new(&tenant, &kind, STABLE);
        record.candidate = Some(CandidateRecord {
            revision: CANDIDATE.0,
            whom: WhomRecord::Share { stages: vec![10_000], reached: 0, since: 0, pause_ms: 0 },
            is_paused: false,
            began_at: 0,
            watch_ms: 0,
            thresholds: (2, 0, 60_000),
        });
        rollout.hold_to(record, Some(CANDIDATE));
        rollout
    }

    fn actor(n: u32) -> Address {
        Address::new("default", "k", n.to_string()).unwrap()
    }

    fn held() -> News {
        let why = Refusal { code: Code::StartFailed, reason: "no".to_owned() };
        News::Held { refused: CANDIDATE, on: STABLE, why }
    }

    #[test]
    fn a_held_actor_stays_where_it_is_until_somebody_activates_anew() {
        let rollout = rollout(&Limits::default());
        assert_eq!(rollout.assigned(&actor(1), STABLE), CANDIDATE);
        rollout.note(&actor(1), held());
        assert_eq!(rollout.assigned(&actor(1), STABLE), STABLE);
        assert_eq!(rollout.assigned(&actor(2), STABLE), CANDIDATE, "others are not concerned");
        let record = rollout.record().unwrap();
        rollout.hold_to(record.clone(), None);
        assert_eq!(rollout.assigned(&actor(1), STABLE), STABLE, "a ramp that goes on does not try it again");
        rollout.hold_to(record, Some(CANDIDATE));
        assert_eq!(rollout.assigned(&actor(1), STABLE), CANDIDATE);
    }

    #[test]
    fn what_is_no_more_assigned_holds_nobody() {
        let rollout = rollout(&Limits::default());
        rollout.note(&actor(1), held());
        let mut record = rollout.record().unwrap();
        record.candidate = None;
        rollout.hold_to(record, None);
        let looked = rollout.look(10);
        assert_eq!((looked.held.len(), looked.held_count), (0, 0));
    }

    #[test]
    fn actors_that_fail_on_the_candidate_count_and_others_do_not() {
        let rollout = rollout(&Limits::default());
        rollout.note(&actor(1), News::Failed(STABLE));
        rollout.note(&actor(2), News::Failed(CANDIDATE));
        assert!(!rollout.is_failing());
        rollout.note(&actor(3), held());
        assert!(rollout.is_failing());
        rollout.note(&actor(3), News::Absolved(CANDIDATE));
        assert!(!rollout.is_failing(), "the old code failed likewise");
        assert_eq!(rollout.assigned(&actor(3), STABLE), CANDIDATE, "so it may be tried again");
    }

    #[test]
    fn beyond_the_bound_nobody_more_is_held_and_nobody_is_forgotten() {
        let rollout = rollout(&Limits { held_actors: 2, rollout_actors: 3, ..Limits::default() });
        for n in 1..=5 {
            rollout.note(&actor(n), held());
        }
        let looked = rollout.look(1);
        assert_eq!((looked.failed, looked.held.len(), looked.held_count), (3, 1, 2));
        assert_eq!(rollout.assigned(&actor(1), STABLE), STABLE);
        assert_eq!(rollout.assigned(&actor(5), STABLE), CANDIDATE, "it is tried again by each activation");
    }
}
