//! A live instance and all that belongs to it: state, ledger, gate, snapshots, and when something is due.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::backlog::Backlog;
use super::gate::{Gate, Settled};
use super::ledger::Ledger;
use super::life::Actor;
use super::load::Load;
use super::recovery::Recovered;
use super::snapshotting::Snapshotting;
use super::{Code, Progress, Revision, Stage};
use crate::decide::SinceSnapshot;
use crate::provider::AppendError;
use crate::sandbox::{Instance, Permit, Share, Waiting};
use crate::vocab::{ActorId, Address, Limits, RevisionId, Sequence, Timestamp};

/// After this much guest time without a pause, other actors of the same thread get their turn, nanoseconds.
const BUSY_NS_MAX: f64 = 1e6;
/// An idle actor that cannot leave yet looks again after this long.
const IDLE_LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A timer whose tenant may store nothing more is looked at again after this long, milliseconds.
const CLOSED_LOOK_AGAIN_MS: u64 = 1_000;
/// With nothing else to wait for, the alarm is looked at this often.
const ALARM_FAR: Duration = Duration::from_secs(24 * 60 * 60);

/// A live instance and all that belongs to it.
pub(super) struct Live {
    pub(super) stage: Arc<Stage>,
    pub(super) code: Arc<dyn Code>,
    pub(super) address: Arc<Address>,
    pub(super) id: ActorId,
    pub(super) limits: Arc<Limits>,
    pub(super) progress: Arc<Progress>,
    pub(super) revision: Arc<Revision>,
    pub(super) instance: Instance,
    /// The tenant's part of the CPU.
    pub(super) share: Share,
    /// What of the tenant is on its way.
    pub(super) load: Arc<Load>,
    /// The right to run, during a turn and what follows from it; never held while something is waited for.
    pub(super) permit: Option<Permit>,
    /// The place in the queue for CPU of a turn that is to begin. It may have come to a permit that nobody looked at yet, so
    /// nothing else is waited for without giving it up or using it.
    pub(super) admission: Option<Waiting>,
    pub(super) ledger: Ledger,
    /// The last event in the instance's state, durable or on its way.
    pub(super) head: Sequence,
    pub(super) gate: Gate,
    pub(super) since: SinceSnapshot,
    pub(super) snapshots: Snapshotting,
    pub(super) key_types: Vec<u16>,
    /// The revision that it was assigned when it came on stage, or changed over; it may be held on another one.
    pub(super) assigned: RevisionId,
    /// A revision that failed in what would have been its first turn here. If the code that it was to replace fails in the
    /// same turn, it was not that revision's fault.
    pub(super) doubts: Option<RevisionId>,
    /// Its tenant may store nothing more for now: timers wait.
    pub(super) is_closed: bool,
    /// Guest time since this task last let others run.
    pub(super) busy_ns: f64,
    pub(super) last_active: Instant,
}

/// Why an instance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything is done; the actor leaves the stage.
    Left,
    /// The instance cannot be used any more: recover from the journal and go on.
    Recover,
}

impl Live {
    pub(super) fn new(actor: &Actor, recovered: Recovered, assigned: RevisionId, now: Timestamp) -> Self {
        let Recovered { revision, instance, ledger, sequence, base, replayed, key_event, unusable } = recovered;
        let (events, bytes) = replayed;
        let key_types = revision.event_indices(&actor.code.policy().snapshots.on_events);
        let newest_time = base.map_or(now, |(_, time)| time);
        let passed_over = !unusable.is_empty();
        Self {
            stage: Arc::clone(&actor.stage),
            code: Arc::clone(&actor.code),
            address: Arc::clone(&actor.address),
            id: actor.address.id(),
            limits: Arc::clone(&actor.limits),
            progress: Arc::clone(&actor.progress),
            revision,
            share: instance.share().clone(),
            load: actor.stage.loads.of(&actor.address.tenant),
            permit: None,
            admission: None,
            instance,
            ledger,
            head: sequence,
            gate: Gate::default(),
            since: SinceSnapshot { events, bytes, elapsed_ms: 0, key_event, requested: false, passed_over },
            snapshots: Snapshotting::after(base.map(|(at, _)| at), newest_time, unusable),
            key_types,
            assigned,
            doubts: None,
            is_closed: false,
            busy_ns: 0.0,
            last_active: Instant::now(),
        }
    }

    /// Whether the actor was assigned another revision since it was brought back, and does not run it.
    pub(super) fn is_left_behind(&self) -> bool {
        let assigned = self.code.assigned(&self.address);
        assigned != self.assigned && assigned != self.revision.id
    }

    /// The oldest turn settled: lets its tells out, or gives this instance up.
    ///
    /// # Errors
    /// Why it was not stored: what ran ahead of it must be dropped.
    pub(super) fn note_settled(&mut self, settled: Settled) -> Result<(), AppendError> {
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
    pub(super) async fn end(mut self, exit: Exit, backlog: &mut Backlog) -> Exit {
        (self.permit, self.admission) = (None, None);
        let sound = self.settle_all().await;
        let exit = if sound { exit } else { backlog.lost() };
        backlog.no_snapshot_before = self.snapshots.not_before;
        if exit == Exit::Recover {
            backlog.askers.extend(self.snapshots.take_askers());
        }
        exit
    }

    /// Waits for everything that is on its way to the store; false when a turn was not stored and this state is void.
    pub(super) async fn settle_all(&mut self) -> bool {
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

    /// A permit for a guest call: the one that is held, or the one that is waited for already, or another one.
    pub(super) async fn enter(&mut self) -> Permit {
        if let Some(permit) = self.permit.take() {
            return permit;
        }
        match self.admission.take() {
            Some(waiting) => waiting.await,
            None => self.share.enter().await,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        let idle_after_ms = self.code.policy().passivation.idle_after_ms;
        idle_after_ms > 0
            && self.last_active.elapsed() >= Duration::from_millis(idle_after_ms)
            && self.gate.is_empty()
            && !self.snapshots.is_busy()
            && self.ledger.outbox_len() == 0
    }

    /// How long until something may be due.
    pub(super) fn alarm_in(&self, now: Timestamp) -> Duration {
        let mut wait = self.due_in(now);
        let idle_after_ms = self.code.policy().passivation.idle_after_ms;
        if idle_after_ms > 0 {
            let idle_in = Duration::from_millis(idle_after_ms).saturating_sub(self.last_active.elapsed());
            // Idle, and yet it stays: a tell is not delivered or the store is slow. That may last.
            let look_again = if idle_in.is_zero() { IDLE_LOOK_AGAIN } else { Duration::from_millis(1) };
            wait = wait.min(idle_in.max(look_again));
        }
        wait
    }

    /// How long until a timer or a timed snapshot is due.
    fn due_in(&self, now: Timestamp) -> Duration {
        let look_again = Timestamp(now.0.saturating_add(CLOSED_LOOK_AGAIN_MS));
        let timer = self.ledger.next_timer_at().map(|at| if self.is_closed { at.max(look_again) } else { at });
        let every_ms = self.code.policy().snapshots.every_ms;
        let snapshot =
            (every_ms > 0 && self.since.events > 0 && !self.snapshots.is_busy() && !self.snapshots.is_resting())
                .then(|| Timestamp(self.snapshots.newest_time.0.saturating_add(every_ms)));
        let next = [timer, snapshot].into_iter().flatten().min();
        next.map_or(ALARM_FAR, |at| Duration::from_millis(at.since_ms(now).max(1)))
    }

    /// Rings earlier if the last turn made something due earlier.
    pub(super) fn bring_forward(&self, alarm: Pin<&mut Sleep>, now: Timestamp) {
        if self.ledger.timer_count() > 0 || self.code.policy().snapshots.every_ms > 0 {
            let at = Instant::now() + self.due_in(now);
            if at < alarm.deadline() {
                alarm.reset(at);
            }
        }
    }

    /// Lets other actors of this thread run after a while of guest time.
    pub(super) async fn pause(&mut self) {
        if self.busy_ns > BUSY_NS_MAX {
            self.busy_ns = 0.0;
            tokio::task::yield_now().await;
        }
    }
}
