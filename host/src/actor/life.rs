//! The life of one activation: recover, handle turns until there is a reason to leave, leave nothing behind.
//!
//! One task runs it, so at most one turn, one recovery or one capture of an actor happens at a time. Guest calls
//! run on the task's own thread, once the tenant's share of the CPU allows it; the sandbox bounds them. Everything else waits here, in one place: `perform`.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use super::account::Place;
use super::ask::AskError;
use super::backlog::Backlog;
use super::ledger::Change;
use super::live::{Exit, Live};
use super::mail::{Mail, Order};
use super::recovery::{Recovery, RecoveryError};
use super::supervision::{DeadLetter, DeadReason, Fault, PoisonCommand};
use super::turn::{FailedCommand, FailedTurn, Wishes, fired};
use super::{Code, News, Pass, Phase, Progress, Refusal, Shortage, Stage};
use crate::decide::{SinceSnapshot, SnapshotReason, snapshot_due_on_passivation};
use crate::provider::AppendError;
use crate::sandbox::{GuestFailure, Moment, Permit, Waiting, limit_hit, quota_hit};
use crate::vocab::{Address, Code as ErrorCode, Limit, Limits, Quota, RevisionId, Timestamp};

/// How long an actor waits for a place of its tenant's before its callers are refused.
const WAIT_FOR_PLACE: Duration = Duration::from_secs(5);
/// A delivered tell is struck off after this long, even if others of its actor are not delivered yet.
const STRIKE_OFF_AFTER: Duration = Duration::from_secs(1);
/// An undelivered tell of a passive actor is tried again after this long, milliseconds.
const TELL_RETRY_AFTER_MS: u64 = 5_000;

/// One activation of an actor.
pub(crate) struct Actor {
    pub(crate) stage: Arc<Stage>,
    pub(crate) code: Arc<dyn Code>,
    pub(crate) address: Arc<Address>,
    /// The bounds of this activation.
    pub(crate) limits: Arc<Limits>,
    pub(crate) mailbox: mpsc::Receiver<Mail>,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) progress: Arc<Progress>,
}

impl Actor {
    /// Runs the activation to its end. When it returns, the mailbox is closed and empty, nothing is in flight, and
    /// the actor may be brought on stage again.
    pub(crate) async fn run(mut self) {
        let _place_of_tenant = match Box::pin(self.take_place_of_tenant()).await {
            Ok(place) => place,
            Err(error) => {
                let backlog = Backlog::new(self.limits.turn_commands);
                return Box::pin(self.gives_up(backlog, error)).await;
            }
        };
        let _place = Box::pin(self.take_place()).await;
        self.code.metrics().activations.increment(1);
        let mut backlog = Backlog::new(self.limits.turn_commands);
        loop {
            Box::pin(self.attempt_begins()).await;
            match Box::pin(self.recover()).await {
                Ok(live) => {
                    Box::pin(self.attempt_succeeded()).await;
                    if live.is_left_behind() {
                        // Its assignment changed while it was recovering, perhaps after whoever tells live actors so had
                        // looked: it comes back once more.
                        continue;
                    }
                    if Box::pin(self.perform(live, &mut backlog)).await == Exit::Left {
                        break;
                    }
                    if let Some(failure) = backlog.over_quota.take() {
                        if let Some(failed) = backlog.failed.take() {
                            failed.envelope.answer(Err(AskError::Guest(failed.failure)));
                        }
                        let error = RecoveryError::OverQuota(failure);
                        if error.code() == ErrorCode::HostMemory {
                            self.ask_for_room(&error);
                        }
                        Box::pin(self.gives_up(backlog, error)).await;
                        break;
                    }
                    if let Some(failed) = backlog.failed.take()
                        && !Box::pin(self.survives(failed, &mut backlog)).await
                    {
                        break;
                    }
                    tokio::time::sleep(backlog.pause()).await;
                }
                Err(error) => {
                    self.ask_for_room(&error);
                    Box::pin(self.gives_up(backlog, error)).await;
                    break;
                }
            }
        }
        self.code.metrics().passivations.increment(1);
    }

    /// Takes one of the tenant's places; with a quota, those of the tenant who were called longest ago make room.
    async fn take_place_of_tenant(&self) -> Result<Place, RecoveryError> {
        let places = &self.code.account().places;
        if let Some(place) = places.try_take() {
            return Ok(place);
        }
        let (tenant, quota) = (&self.address.tenant, Quota::LiveActors);
        let Some(limit) = places.max() else { return Ok(places.take().await) };
        quota_hit(tenant, quota);
        self.stage.crew.make_room_among(&self.address, limit);
        let waited = tokio::time::timeout(WAIT_FOR_PLACE, places.take()).await;
        waited.map_err(|_| RecoveryError::OverQuota(GuestFailure::Quota { quota, limit }))
    }

    /// What the actor could not get is all in use: some who have it leave, so that the next try may find some.
    fn ask_for_room(&self, error: &RecoveryError) {
        match error {
            RecoveryError::Start(GuestFailure::NoRoom) => self.stage.crew.make_room(Shortage::Instances),
            _ if error.code() == ErrorCode::HostMemory => self.stage.crew.make_room(Shortage::Memory),
            // The tenant's actor that was called longest ago.
            _ if error.code() == ErrorCode::MemoryQuota => {
                let taken = self.code.account().places.taken();
                self.stage.crew.make_room_among(&self.address, taken.saturating_sub(1));
            }
            _ => {}
        }
    }

    async fn take_place(&self) -> Pass {
        let (places, crew) = (&self.stage.places, &self.stage.crew);
        if let Some(place) = places.try_enter(&self.address.tenant) {
            if places.is_waited_for() {
                // It is one beyond the bound: for whoever waits, one more has to leave.
                crew.make_room(Shortage::Places);
            }
            return place;
        }
        limit_hit(&self.address.tenant, Limit::LiveActors);
        // In this order: a place that comes free in between is not for somebody who comes later.
        let place = places.enter(&self.address.tenant);
        crew.make_room(Shortage::Places);
        place.await
    }

    /// Brings the actor back, in the order: permit, snapshot, events, `recovered`.
    async fn recover(&mut self) -> Result<Box<Live>, RecoveryError> {
        let waited = Instant::now();
        let mut queueing = self.stage.recoveries.enter(&self.address.tenant);
        // Who sees that it waits may rely on its place in the queue.
        self.progress.enter(Phase::WaitingForPermit);
        let permit = match queueing.now() {
            Some(permit) => permit,
            None => {
                limit_hit(&self.address.tenant, Limit::ConcurrentRecoveries);
                queueing.await
            }
        };
        let metrics = self.code.metrics();
        metrics.permit_seconds.record(waited.elapsed().as_secs_f64());
        let began = Instant::now();
        self.progress.recovery_begins();
        let result = self.walk().await;
        drop(permit);
        metrics.recovery_seconds.record(began.elapsed().as_secs_f64());
        metrics.recovered(if result.is_ok() { "ok" } else { "failed" });
        if let Err(error) = &result {
            metrics.recovery_failed(error.code());
            if self.code.account().may_log(&self.address.tenant, &self.limits) {
                tracing::error!(actor = %self.address, code = %error.code(), %error, "recovery failed");
            }
        }
        result
    }

    /// Brings the actor back with the revision that it is assigned. Where that does not bear it and another one does, it
    /// is held on that one: a new revision is no way to lose an actor.
    async fn walk(&self) -> Result<Box<Live>, RecoveryError> {
        let assigned = self.code.assigned(&self.address);
        let error = match self.come_back_on(assigned, assigned).await {
            Ok(live) => {
                self.code.note(&self.address, News::Runs(assigned));
                return Ok(live);
            }
            Err(error) if error.may_be_the_codes() => error,
            Err(error) => return Err(error),
        };
        for other in self.recovery().others(assigned, &error).await {
            match self.come_back_on(other, assigned).await {
                Ok(live) => {
                    self.stays(other, assigned, Refusal::from(&error), error.will_last());
                    return Ok(live);
                }
                Err(also) => tracing::info!(actor = %self.address, error = %also, "another revision fails, too"),
            }
        }
        Err(error)
    }

    /// The recovery of this actor from all of its journal.
    pub(super) fn recovery(&self) -> Recovery<'_> {
        Recovery {
            progress: Some(&self.progress),
            silent: false,
            ..Recovery::silent(&self.stage, self.code.as_ref(), &self.address, &self.limits)
        }
    }

    async fn come_back_on(&self, revision: RevisionId, assigned: RevisionId) -> Result<Box<Live>, RecoveryError> {
        let revision = self.code.revision(revision).await?;
        let recovery = self.recovery();
        let mut recovered = Box::pin(recovery.run_on(revision)).await?;
        let now = self.stage.clock.now();
        let moment = Moment { time: now, sequence: recovered.sequence };
        let permit = recovered.instance.share().enter().await;
        recovered.instance.with(Some(permit)).recovered(moment).map_err(RecoveryError::Start)?;
        recovery.discard(&recovered.unusable).await;
        self.progress.runs(recovered.revision.number);
        self.progress.recovery_ends(recovered.sequence);
        Ok(Box::new(Live::new(self, recovered, assigned, now)))
    }

    /// Handles turns until there is a reason to stop.
    async fn perform(&mut self, mut live: Box<Live>, backlog: &mut Backlog) -> Exit {
        self.progress.enter(if self.mailbox.is_closed() { Phase::Passivating } else { Phase::Running });
        // A turn whose outcome was unknown may be in the journal without having been published.
        self.stage.crew.published(live.id, live.head);
        live.snapshots.not_before = live.snapshots.not_before.max(backlog.no_snapshot_before);
        live.store_changes(backlog);
        for (id, tell) in live.ledger.outbox() {
            self.stage.crew.deliver(&self.address, id, tell.clone());
        }
        while let Some(asker) = backlog.askers.pop() {
            if Box::pin(live.snapshot_for(asker)).await.is_err() {
                return Box::pin(live.end(Exit::Recover, backlog)).await;
            }
        }
        if live.consider_snapshot(self.stage.clock.now()).await.is_err() {
            return Box::pin(live.end(Exit::Recover, backlog)).await;
        }
        let turns_max = usize::try_from(self.limits.pipelined_turns).unwrap_or(1).max(1);
        let answers_max = usize::try_from(self.limits.mailbox_commands).unwrap_or(usize::MAX).max(1);
        let mut alarm = Box::pin(tokio::time::sleep(live.alarm_in(self.stage.clock.now())));
        let mut inbox = Vec::new();
        loop {
            // Answers are bounded too: reads append nothing, and a store that hangs must not make them pile up.
            let stores = live.load.appends.has_room();
            let room = live.gate.appends() < turns_max && live.gate.answers() < answers_max && stores;
            // While a turn waits for CPU nothing else is begun, but what is on its way to the store still settles.
            let begins = room && live.admission.is_none();
            let take = backlog.turn_size.commands();
            let step = tokio::select! {
                biased;
                settled = live.gate.settle(), if !live.gate.is_empty() => match live.note_settled(settled) {
                    Ok(()) => {
                        backlog.lost_in_a_row = 0;
                        Step::Go
                    }
                    Err(lost) => Step::Lost(lost),
                },
                Some(saved) = live.snapshots.saved(), if live.snapshots.is_saving() => {
                    live.note_saved(saved);
                    Box::pin(live.snapshot_after_saving(self.stage.clock.now())).await.map_or(Step::Recover, |()| Step::Go)
                }
                Some(order) = self.orders.recv() => Box::pin(self.obey(order, &mut live, backlog, alarm.as_mut())).await,
                permit = admitted(&mut live.admission), if live.admission.is_some() => Step::Admitted(permit),
                () = live.load.appends.room(), if !stores => Step::Go,
                () = ready(()), if begins && !backlog.mail.is_empty() => Step::Turn,
                count = self.mailbox.recv_many(&mut inbox, take), if begins && backlog.mail.is_empty() => {
                    live.code.metrics().mailbox_depth.record(depth(count.saturating_add(self.mailbox.len())));
                    backlog.mail.extend(inbox.drain(..));
                    if count == 0 { Step::Leave } else { Step::Turn }
                }
                () = alarm.as_mut(), if begins => Box::pin(self.alarm_rings(&mut live, backlog, alarm.as_mut())).await,
            };
            match step {
                Step::Go => {}
                // Others of the tenant may have filled the way to the store while this one waited: it waits for that first.
                Step::Turn | Step::Admitted(_) if !live.load.appends.has_room() => live.admission = None,
                Step::Turn | Step::Admitted(_) => {
                    live.admission = None;
                    live.permit = if let Step::Admitted(permit) = step { Some(permit) } else { live.share.try_enter() };
                    if live.permit.is_none() {
                        live.admission = Some(live.share.wait());
                        continue;
                    }
                    if self.take_turn(&mut live, backlog, alarm.as_mut()).await.is_err() {
                        return Box::pin(live.end(Exit::Recover, backlog)).await;
                    }
                    if live.gate.appends() == turns_max {
                        limit_hit(&self.address.tenant, Limit::PipelinedTurns);
                    }
                    if !backlog.dead_timers.is_empty() {
                        Box::pin(self.bury_dead_timers(&mut live, backlog)).await;
                    }
                    live.pause().await;
                }
                Step::Recover => return Box::pin(live.end(Exit::Recover, backlog)).await,
                Step::Lost(lost) => {
                    live.admission = None;
                    Box::pin(live.gate.abandon(lost)).await;
                    return Box::pin(live.end(backlog.lost(), backlog)).await;
                }
                Step::Leave => return Box::pin(self.leave(live, backlog)).await,
            }
        }
    }

    /// One turn and what follows from it, under the permit that is held.
    async fn take_turn(&mut self, live: &mut Live, backlog: &mut Backlog, alarm: Pin<&mut Sleep>) -> Result<(), Exit> {
        live.last_active = Instant::now();
        let handled = live.turn(backlog);
        let done = match handled {
            Ok(wishes) => {
                live.doubts = None;
                self.grant(wishes, live, alarm).await
            }
            Err(failed) => {
                if let Some(refused) = live.doubts.take() {
                    self.code.note(&self.address, News::Absolved(refused));
                }
                self.note_failed(failed, live, backlog);
                Err(Exit::Recover)
            }
        };
        live.permit = None;
        done
    }

    pub(super) async fn grant(&mut self, wishes: Wishes, live: &mut Live, alarm: Pin<&mut Sleep>) -> Result<(), Exit> {
        live.since.requested |= wishes.snapshot && live.snapshots.newest.unwrap_or_default() < live.head;
        let now = self.stage.clock.now();
        live.consider_snapshot(now).await.map_err(|_| Exit::Recover)?;
        if wishes.passivation {
            self.close();
        }
        live.bring_forward(alarm, now);
        Ok(())
    }

    /// A turn failed in the guest: a lone command is the supervisor's, several are put back to be tried one by one.
    fn note_failed(&self, failed: FailedTurn, live: &Live, backlog: &mut Backlog) {
        let FailedTurn { mut envelopes, failure } = failed;
        self.code.metrics().trapped(failure.code());
        if failure.fault() == Fault::OfTheActor {
            self.code.note(&self.address, News::Failed(live.revision.id));
        }
        if self.code.account().may_log(&self.address.tenant, &self.limits) {
            tracing::warn!(actor = %self.address, commands = envelopes.len(), code = %failure.code(), %failure, "turn failed in the guest");
        }
        if let GuestFailure::Quota { .. } | GuestFailure::HostMemory { .. } = failure {
            // Whoever asked for it, others wait with it, and the next try would fail as this one: all are told, timers
            // stay set.
            backlog.over_quota = Some(failure.clone());
        }
        if let [_] = envelopes.as_slice()
            && let Some(envelope) = envelopes.pop()
        {
            self.code.metrics().refused(failure.code());
            let revision = live.revision.number;
            backlog.failed = Some(FailedCommand { envelope, failure, sequence: live.head, revision });
            return;
        }
        backlog.alone = backlog.alone.max(envelopes.len());
        for envelope in envelopes.into_iter().rev() {
            backlog.mail.push_front(envelope);
        }
    }

    /// Timers whose command is gone: first they become dead letters, then they are struck off. Unstored, they would be
    /// due again at once, for ever; a crash in between buries one twice.
    pub(super) async fn bury_dead_timers(&self, live: &mut Live, backlog: &mut Backlog) {
        if backlog.dead_timers.is_empty() {
            return;
        }
        for (envelope, unknown) in std::mem::take(&mut backlog.dead_timers) {
            let command = PoisonCommand::of(&envelope);
            let (code, message) = (unknown.code(), unknown.to_string());
            let letter = DeadLetter::to(&self.address, DeadReason::TimerUnknown, code, message, &command);
            self.stage.supervisor.bury(letter).await;
            backlog.changes.extend(fired(&envelope));
        }
        live.store_changes(backlog);
    }

    async fn obey(&mut self, order: Order, live: &mut Live, backlog: &mut Backlog, alarm: Pin<&mut Sleep>) -> Step {
        match order {
            Order::Passivate => {
                self.close();
                Step::Go
            }
            Order::Snapshot(asker) => match live.snapshot_for(asker).await {
                Ok(()) => Step::Go,
                Err(_) => Step::Recover,
            },
            Order::Swap(ticket) => Box::pin(self.swap(ticket, live, backlog, alarm)).await,
            Order::Delivered(id) => {
                backlog.changes.push(Change::Delivered { id });
                // One frame strikes off everything that is delivered by the time the outbox has nothing else left, but
                // a tell that is stuck does not hold up the others: the receiver may forget that it has handled them.
                let latest = Instant::now() + STRIKE_OFF_AFTER;
                if backlog.changes.len() >= live.ledger.outbox_len() {
                    live.store_changes(backlog);
                } else if latest < alarm.deadline() {
                    alarm.reset(latest);
                }
                Step::Go
            }
        }
    }

    /// Takes no more mail; what is queued is still handled.
    pub(super) fn close(&mut self) {
        self.mailbox.close();
        self.progress.enter(Phase::Passivating);
    }

    /// Something is due: a timer, a snapshot, or the end of an idle activation.
    async fn alarm_rings(&mut self, live: &mut Live, backlog: &mut Backlog, mut alarm: Pin<&mut Sleep>) -> Step {
        let now = self.stage.clock.now();
        live.store_changes(backlog);
        alarm.as_mut().reset(Instant::now() + live.alarm_in(now));
        if live.ledger.next_timer_at().is_some_and(|at| at <= now) {
            return Step::Turn;
        }
        if live.consider_snapshot(now).await.is_err() {
            return Step::Recover;
        }
        if live.is_idle() && self.mailbox.is_empty() && backlog.mail.is_empty() {
            self.close();
        }
        Step::Go
    }

    /// Everything is handled: save, let the last output out, end.
    async fn leave(&mut self, mut live: Box<Live>, backlog: &mut Backlog) -> Exit {
        live.store_changes(backlog);
        if !live.settle_all().await {
            return live.end(backlog.lost(), backlog).await;
        }
        let now = self.stage.clock.now();
        let dirty = live.snapshots.newest.unwrap_or_default() < live.head;
        let since = SinceSnapshot { events: u64::from(dirty), ..live.since };
        let retry = (live.ledger.outbox_len() > 0).then(|| Timestamp(now.0.saturating_add(TELL_RETRY_AFTER_MS)));
        if let Some(at) = [live.ledger.next_timer_at(), retry].into_iter().flatten().min() {
            self.stage.crew.wake_later(&self.address, at);
        }
        if snapshot_due_on_passivation(&self.code.policy().snapshots, &since)
            && live.capture(SnapshotReason::Passivation, now).await.is_err()
        {
            tracing::warn!(actor = %self.address, "the actor leaves without a snapshot");
        }
        live.end(Exit::Left, backlog).await
    }
}

/// The permit that is waited for. Cancel-safe: the place in the queue is kept.
async fn admitted(admission: &mut Option<Waiting>) -> Permit {
    match admission {
        Some(waiting) => waiting.await,
        None => std::future::pending().await,
    }
}

/// What the loop does next.
pub(super) enum Step {
    Go,
    /// A turn is to be taken, as soon as there is CPU for it.
    Turn,
    /// There is CPU for the turn that waited for it.
    Admitted(Permit),
    Recover,
    /// The oldest turn was not stored.
    Lost(AppendError),
    Leave,
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
const fn depth(commands: usize) -> f64 {
    commands as f64
}
