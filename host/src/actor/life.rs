//! The life of one activation: recover, handle turns until there is a reason to leave, leave nothing behind.
//!
//! One task runs it, so at most one turn, one recovery or one capture of an actor happens at a time. Guest calls
//! run on the task's own thread; the sandbox bounds them. Everything else waits here, in one place: `perform`.

use std::collections::VecDeque;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use super::ask::AskError;
use super::gate::{Gate, Settled};
use super::ledger::{Change, Ledger};
use super::mail::{Envelope, Order};
use super::recovery::{Recovered, Recovery, RecoveryError};
use super::snapshotting::{SnapshotAsker, Snapshotting};
use super::turn::{FailedTurn, Wishes, fired};
use super::{Code, Phase, Progress, Revision, Stage};
use crate::decide::{SinceSnapshot, SnapshotReason, TurnSize, snapshot_due_on_passivation};
use crate::provider::AppendError;
use crate::sandbox::{Instance, Moment};
use crate::vocab::{ActorId, Address, Sequence, Timestamp};

/// An actor that cannot be recovered refuses for this long before the next command may try again, so that a
/// broken one does not spend the host's time on recoveries.
const RECOVERY_RETRY_AFTER: Duration = Duration::from_millis(500);
/// An actor that must be awake and could not be recovered is tried again after this long, milliseconds.
const RECOVERY_WAKE_AFTER_MS: u64 = 5_000;
/// After this much guest time without a pause, other actors of the same thread get their turn, nanoseconds.
const BUSY_NS_MAX: f64 = 1e6;
/// The pause before the recovery after a second lost append in a row; it doubles with every further one.
const LOST_PAUSE: Duration = Duration::from_millis(10);
/// The pause doubles at most this often: to 640 ms.
const LOST_DOUBLINGS_MAX: u32 = 6;
/// With nothing else to wait for, the alarm is looked at this often.
const ALARM_FAR: Duration = Duration::from_secs(24 * 60 * 60);
/// An undelivered tell of a passive actor is tried again after this long, milliseconds.
const TELL_RETRY_AFTER_MS: u64 = 5_000;

/// One activation of an actor.
pub(crate) struct Actor {
    pub(crate) stage: Arc<Stage>,
    pub(crate) code: Arc<dyn Code>,
    pub(crate) address: Arc<Address>,
    pub(crate) mailbox: mpsc::Receiver<Envelope>,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) progress: Arc<Progress>,
}

/// What outlives an instance while the actor stays on stage.
pub(super) struct Backlog {
    /// Commands taken from the mailbox and not handled yet, in order.
    pub(super) mail: VecDeque<Envelope>,
    /// So many of the first are handled one at a time: the turn they were in failed.
    pub(super) alone: usize,
    /// Changes of the ledger for the next frame.
    pub(super) changes: Vec<Change>,
    /// Who waits for a snapshot that the last instance could not take any more.
    askers: Vec<SnapshotAsker>,
    /// Appends that were not stored since the last one that was.
    lost_in_a_row: u32,
    /// What this actor's commands cost, learned: a turn that ran out of time is not made as large again.
    pub(super) turn_size: TurnSize,
}

impl Backlog {
    fn new(commands_max: u32) -> Self {
        let turn_size = TurnSize::new(usize::try_from(commands_max).unwrap_or(usize::MAX));
        Self { mail: VecDeque::new(), alone: 0, changes: Vec::new(), askers: Vec::new(), lost_in_a_row: 0, turn_size }
    }

    /// An append was not stored: the instance that made it must be replaced.
    fn lost(&mut self) -> Exit {
        self.lost_in_a_row = self.lost_in_a_row.saturating_add(1);
        Exit::Recover
    }

    /// How long to wait before the next recovery: nothing after a first lost append, then longer and longer, so that
    /// a store that can be read but not written does not keep the host busy with recoveries.
    fn pause(&self) -> Duration {
        match self.lost_in_a_row {
            0 | 1 => Duration::ZERO,
            lost => LOST_PAUSE.saturating_mul(1 << (lost - 2).min(LOST_DOUBLINGS_MAX)),
        }
    }
}

/// A live instance and all that belongs to it.
pub(super) struct Live {
    pub(super) stage: Arc<Stage>,
    pub(super) code: Arc<dyn Code>,
    pub(super) address: Arc<Address>,
    pub(super) id: ActorId,
    pub(super) progress: Arc<Progress>,
    pub(super) revision: Arc<Revision>,
    pub(super) instance: Instance,
    pub(super) ledger: Ledger,
    /// The last event in the instance's state, durable or on its way.
    pub(super) head: Sequence,
    pub(super) gate: Gate,
    pub(super) since: SinceSnapshot,
    pub(super) snapshots: Snapshotting,
    pub(super) key_types: Vec<u16>,
    /// Guest time since this task last let others run.
    pub(super) busy_ns: f64,
    last_active: Instant,
}

/// Why an instance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything is done; the actor leaves the stage.
    Left,
    /// The instance cannot be used any more: recover from the journal and go on.
    Recover,
}

impl Actor {
    /// Runs the activation to its end. When it returns, the mailbox is closed and empty, nothing is in flight, and
    /// the actor may be brought on stage again.
    pub(crate) async fn run(mut self) {
        let Some(_place) = self.take_place().await else { return };
        self.code.metrics().activations.increment(1);
        let mut backlog = Backlog::new(self.stage.limits.turn_commands);
        loop {
            match self.recover().await {
                Ok(live) => {
                    if Box::pin(self.perform(live, &mut backlog)).await == Exit::Left {
                        break;
                    }
                    tokio::time::sleep(backlog.pause()).await;
                }
                Err(error) => {
                    self.refuse_all(backlog, &error).await;
                    break;
                }
            }
        }
        self.code.metrics().passivations.increment(1);
    }

    async fn take_place(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let places = Arc::clone(&self.stage.places);
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return Some(place);
        }
        self.stage.crew.make_room();
        places.acquire_owned().await.ok()
    }

    /// Brings the actor back, in the order: permit, snapshot, events, `recovered`.
    async fn recover(&mut self) -> Result<Live, RecoveryError> {
        self.progress.enter(Phase::WaitingForPermit);
        let waited = Instant::now();
        let permit = self.stage.recoveries.acquire().await;
        let metrics = self.code.metrics();
        metrics.permit_seconds.record(waited.elapsed().as_secs_f64());
        let began = Instant::now();
        self.progress.recovery_begins();
        let result = self.walk().await;
        drop(permit);
        metrics.recovery_seconds.record(began.elapsed().as_secs_f64());
        metrics.recovered(if result.is_ok() { "ok" } else { "failed" });
        if let Err(error) = &result {
            tracing::error!(actor = %self.address, code = %error.code(), %error, "recovery failed");
        }
        result
    }

    async fn walk(&self) -> Result<Live, RecoveryError> {
        let recovery = Recovery {
            stage: &self.stage,
            code: self.code.as_ref(),
            address: &self.address,
            progress: Some(&self.progress),
            through: Sequence::MAX,
            silent: false,
        };
        let mut recovered = Box::pin(recovery.run()).await?;
        let now = self.stage.clock.now();
        let moment = Moment { time: now, sequence: recovered.sequence };
        recovered.instance.recovered(moment).map_err(RecoveryError::Start)?;
        self.progress.runs(recovered.revision.number);
        self.progress.recovery_ends(recovered.sequence);
        Ok(Live::new(self, recovered, now))
    }

    /// Handles turns until there is a reason to stop.
    async fn perform(&mut self, mut live: Live, backlog: &mut Backlog) -> Exit {
        self.progress.enter(if self.mailbox.is_closed() { Phase::Passivating } else { Phase::Running });
        // A turn whose outcome was unknown may be in the journal without having been published.
        self.stage.crew.published(live.id, live.head);
        live.store_changes(backlog);
        for (id, tell) in live.ledger.outbox() {
            self.stage.crew.deliver(&self.address, id, tell.clone());
        }
        for asker in std::mem::take(&mut backlog.askers) {
            if live.snapshot_for(asker).is_err() {
                return live.end(Exit::Recover, backlog).await;
            }
        }
        let turns_max = usize::try_from(self.stage.limits.pipelined_turns).unwrap_or(1).max(1);
        let mut alarm = Box::pin(tokio::time::sleep(live.alarm_in(self.stage.clock.now())));
        let mut inbox = Vec::new();
        loop {
            let room = live.gate.appends() < turns_max;
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
                    live.snapshot_after_saving(self.stage.clock.now()).map_or(Step::Recover, |()| Step::Go)
                }
                Some(order) = self.orders.recv() => self.obey(order, &mut live, backlog),
                () = ready(()), if room && !backlog.mail.is_empty() => Step::Turn,
                count = self.mailbox.recv_many(&mut inbox, take), if room && backlog.mail.is_empty() => {
                    live.code.metrics().mailbox_depth.record(depth(count.saturating_add(self.mailbox.len())));
                    backlog.mail.extend(inbox.drain(..));
                    if count == 0 { Step::Leave } else { Step::Turn }
                }
                () = alarm.as_mut(), if room => self.alarm_rings(&mut live, backlog, alarm.as_mut()),
            };
            match step {
                Step::Go => {}
                Step::Turn => {
                    if self.take_turn(&mut live, backlog, alarm.as_mut()).is_err() {
                        return live.end(Exit::Recover, backlog).await;
                    }
                    live.pause().await;
                }
                Step::Recover => return live.end(Exit::Recover, backlog).await,
                Step::Lost(lost) => {
                    live.gate.abandon(lost).await;
                    return live.end(backlog.lost(), backlog).await;
                }
                Step::Leave => return self.leave(live, backlog).await,
            }
        }
    }

    /// One turn and what follows from it.
    fn take_turn(&mut self, live: &mut Live, backlog: &mut Backlog, alarm: Pin<&mut Sleep>) -> Result<(), Exit> {
        live.last_active = Instant::now();
        match live.turn(backlog) {
            Ok(wishes) => self.grant(wishes, live, alarm),
            Err(failed) => {
                self.note_failed(failed, backlog);
                Err(Exit::Recover)
            }
        }
    }

    fn grant(&mut self, wishes: Wishes, live: &mut Live, alarm: Pin<&mut Sleep>) -> Result<(), Exit> {
        live.since.requested |= wishes.snapshot && live.snapshots.newest.unwrap_or_default() < live.head;
        let now = self.stage.clock.now();
        live.consider_snapshot(now).map_err(|_| Exit::Recover)?;
        if wishes.passivation {
            self.close();
        }
        live.bring_forward(alarm, now);
        Ok(())
    }

    /// A turn failed in the guest: a lone command is answered, several are put back to be tried one by one.
    fn note_failed(&self, failed: FailedTurn, backlog: &mut Backlog) {
        let FailedTurn { mut envelopes, failure } = failed;
        self.code.metrics().trapped(failure.code());
        tracing::warn!(actor = %self.address, commands = envelopes.len(), code = %failure.code(), %failure, "turn failed in the guest");
        if let [_] = envelopes.as_slice()
            && let Some(envelope) = envelopes.pop()
        {
            backlog.changes.extend(fired(&envelope));
            self.code.metrics().refused(failure.code());
            envelope.answer(Err(AskError::Guest(failure)));
            return;
        }
        backlog.alone = backlog.alone.max(envelopes.len());
        for envelope in envelopes.into_iter().rev() {
            backlog.mail.push_front(envelope);
        }
    }

    fn obey(&mut self, order: Order, live: &mut Live, backlog: &mut Backlog) -> Step {
        match order {
            Order::Passivate => {
                self.close();
                Step::Go
            }
            Order::Snapshot(asker) => match live.snapshot_for(asker) {
                Ok(()) => Step::Go,
                Err(_) => Step::Recover,
            },
            Order::Delivered(id) => {
                backlog.changes.push(Change::Delivered { id });
                // One frame strikes off everything that is delivered by the time the outbox has nothing else left.
                if backlog.changes.len() >= live.ledger.outbox_len() {
                    live.store_changes(backlog);
                }
                Step::Go
            }
        }
    }

    /// Takes no more mail; what is queued is still handled.
    fn close(&mut self) {
        self.mailbox.close();
        self.progress.enter(Phase::Passivating);
    }

    /// Something is due: a timer, a snapshot, or the end of an idle activation.
    fn alarm_rings(&mut self, live: &mut Live, backlog: &Backlog, alarm: Pin<&mut Sleep>) -> Step {
        let now = self.stage.clock.now();
        alarm.reset(Instant::now() + live.alarm_in(now));
        if live.ledger.next_timer_at().is_some_and(|at| at <= now) {
            return Step::Turn;
        }
        if live.consider_snapshot(now).is_err() {
            return Step::Recover;
        }
        if live.is_idle() && self.mailbox.is_empty() && backlog.mail.is_empty() {
            self.close();
        }
        Step::Go
    }

    /// Everything is handled: save, let the last output out, end.
    async fn leave(&mut self, mut live: Live, backlog: &mut Backlog) -> Exit {
        live.store_changes(backlog);
        if !live.settle_all().await {
            return live.end(backlog.lost(), backlog).await;
        }
        let now = self.stage.clock.now();
        let dirty = live.snapshots.newest.unwrap_or_default() < live.head;
        let since = SinceSnapshot { events: u64::from(dirty), ..live.since };
        if let Some(at) = live.ledger.wake_at() {
            let at =
                if live.ledger.outbox_len() > 0 { Timestamp(now.0.saturating_add(TELL_RETRY_AFTER_MS)) } else { at };
            self.stage.crew.wake_later(&self.address, at);
        }
        if snapshot_due_on_passivation(&self.code.policy().snapshots, &since)
            && live.capture(SnapshotReason::Passivation, now).is_err()
        {
            tracing::warn!(actor = %self.address, "the actor leaves without a snapshot");
        }
        live.end(Exit::Left, backlog).await
    }

    /// Tells everybody who waits that the actor cannot be brought back, for a while, then lets the next try begin.
    /// An actor with a timer or an undelivered tell (or of which that is not known) is tried again without a call.
    async fn refuse_all(&mut self, backlog: Backlog, error: &RecoveryError) {
        let refusal = AskError::Recovery { reason: error.to_string(), code: error.code() };
        for envelope in backlog.mail {
            envelope.answer(Err(refusal.clone()));
        }
        for asker in backlog.askers {
            let _left = asker.send(Err(refusal.clone()));
        }
        let until = Instant::now() + RECOVERY_RETRY_AFTER;
        loop {
            tokio::select! {
                envelope = self.mailbox.recv() => match envelope {
                    Some(envelope) => envelope.answer(Err(refusal.clone())),
                    None => break,
                },
                Some(order) = self.orders.recv() => match order {
                    Order::Snapshot(asker) => { let _left = asker.send(Err(refusal.clone())); }
                    Order::Passivate => self.close(),
                    Order::Delivered(_) => {}
                },
                () = tokio::time::sleep_until(until), if !self.mailbox.is_closed() => self.close(),
            }
        }
        if !self.stage.provider.head(self.address.id()).await.is_ok_and(|head| head.wake_at.is_none()) {
            let at = self.stage.clock.now().0.saturating_add(RECOVERY_WAKE_AFTER_MS);
            self.stage.crew.wake_later(&self.address, Timestamp(at));
        }
    }
}

/// What the loop does next.
enum Step {
    Go,
    Turn,
    Recover,
    /// The oldest turn was not stored.
    Lost(AppendError),
    Leave,
}

impl Live {
    fn new(actor: &Actor, recovered: Recovered, now: Timestamp) -> Self {
        let Recovered { revision, instance, ledger, sequence, base, replayed, key_event } = recovered;
        let (events, bytes) = replayed;
        let key_types = revision.event_indices(&actor.code.policy().snapshots.on_events);
        let newest_time = base.map_or(now, |(_, time)| time);
        Self {
            stage: Arc::clone(&actor.stage),
            code: Arc::clone(&actor.code),
            address: Arc::clone(&actor.address),
            id: actor.address.id(),
            progress: Arc::clone(&actor.progress),
            revision,
            instance,
            ledger,
            head: sequence,
            gate: Gate::default(),
            since: SinceSnapshot { events, bytes, elapsed_ms: 0, key_event, requested: false },
            snapshots: Snapshotting::after(base.map(|(at, _)| at), newest_time),
            key_types,
            busy_ns: 0.0,
            last_active: Instant::now(),
        }
    }

    /// The oldest turn settled: lets its tells out, or gives this instance up.
    ///
    /// # Errors
    /// Why it was not stored: what ran ahead of it must be dropped.
    fn note_settled(&mut self, settled: Settled) -> Result<(), AppendError> {
        match settled {
            Settled::Durable { through, seconds, tells } => {
                if let Some(through) = through {
                    self.progress.became_durable(through);
                    self.code.metrics().append_seconds.record(seconds);
                    self.stage.crew.published(self.id, through);
                }
                for (id, tell) in tells {
                    self.stage.crew.deliver(&self.address, id, tell);
                }
                self.save_when_durable();
                Ok(())
            }
            Settled::Lost(error) => {
                tracing::error!(actor = %self.address, code = %error.code(), %error, "turn not stored; recovering from the journal");
                Err(error)
            }
        }
    }

    /// Ends this instance: what is on its way to the store is waited for and answered, never dropped.
    async fn end(mut self, exit: Exit, backlog: &mut Backlog) -> Exit {
        let sound = self.settle_all().await;
        let exit = if sound { exit } else { backlog.lost() };
        if exit == Exit::Recover {
            backlog.askers.extend(self.snapshots.take_askers());
        }
        exit
    }

    /// Waits for everything that is on its way to the store; false when a turn was not stored and this state is void.
    async fn settle_all(&mut self) -> bool {
        let mut sound = true;
        while !self.gate.is_empty() {
            let settled = self.gate.settle().await;
            if let Err(error) = self.note_settled(settled) {
                sound = false;
                self.gate.abandon(error).await;
            }
        }
        if self.snapshots.is_saving()
            && let Some(saved) = self.snapshots.saved().await
        {
            self.note_saved(saved);
        }
        sound
    }

    fn is_idle(&self) -> bool {
        let idle_after_ms = self.code.policy().passivation.idle_after_ms;
        idle_after_ms > 0
            && self.last_active.elapsed() >= Duration::from_millis(idle_after_ms)
            && self.gate.is_empty()
            && !self.snapshots.is_busy()
            && self.ledger.outbox_len() == 0
    }

    /// How long until something may be due.
    fn alarm_in(&self, now: Timestamp) -> Duration {
        let mut wait = self.due_in(now);
        let idle_after_ms = self.code.policy().passivation.idle_after_ms;
        if idle_after_ms > 0 {
            let idle_in = Duration::from_millis(idle_after_ms).saturating_sub(self.last_active.elapsed());
            wait = wait.min(idle_in.max(Duration::from_millis(1)));
        }
        wait
    }

    /// How long until a timer or a timed snapshot is due.
    fn due_in(&self, now: Timestamp) -> Duration {
        let timer = self.ledger.next_timer_at();
        let every_ms = self.code.policy().snapshots.every_ms;
        let snapshot = (every_ms > 0 && self.since.events > 0 && !self.snapshots.is_busy())
            .then(|| Timestamp(self.snapshots.newest_time.0.saturating_add(every_ms)));
        let next = [timer, snapshot].into_iter().flatten().min();
        next.map_or(ALARM_FAR, |at| Duration::from_millis(at.since_ms(now).max(1)))
    }

    /// Rings earlier if the last turn made something due earlier.
    fn bring_forward(&self, alarm: Pin<&mut Sleep>, now: Timestamp) {
        if self.ledger.timer_count() > 0 || self.code.policy().snapshots.every_ms > 0 {
            let at = Instant::now() + self.due_in(now);
            if at < alarm.deadline() {
                alarm.reset(at);
            }
        }
    }

    /// Lets other actors of this thread run after a while of guest time.
    async fn pause(&mut self) {
        if self.busy_ns > BUSY_NS_MAX {
            self.busy_ns = 0.0;
            tokio::task::yield_now().await;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
const fn depth(commands: usize) -> f64 {
    commands as f64
}
