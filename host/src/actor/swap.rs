//! How a live actor changes over to another revision: at a turn boundary, and not at all if anything goes wrong.
//!
//! No turn begins; what is on its way to the store is waited for. The running code captures the state, and an instance of
//! the new revision goes on from it, or, where it does not read that, from the journal. The old instance stays until the
//! new one has handled its first turn or, with nothing waiting, has captured the state itself. Until then nothing of what
//! the new code does has left this task, so that the old instance can go on as if nothing had happened.
//!
//! What belongs to the host (ledger, mailbox, gate, timers, tells) stays where it is all the time.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::backlog::Backlog;
use super::ledger::Ledger;
use super::life::{Actor, Step};
use super::live::Live;
use super::mail::Ticket;
use super::recovery::{Recovered, Recovery, RecoveryError};
use super::snapshotting::Bases;
use super::supervision::Fault;
use super::turn::{FailedTurn, Wishes};
use super::{News, Refusal, Revision};
use crate::decide::SinceSnapshot;
use crate::provider::AppendError;
use crate::sandbox::{GuestFailure, GuestSnapshot, Instance, Moment};
use crate::vocab::{Limit, RevisionId, Sequence};

/// What a live actor had before another instance was put in its place.
struct Former {
    revision: Arc<Revision>,
    instance: Instance,
    key_types: Vec<u16>,
    since: SinceSnapshot,
    bases: Bases,
    /// As it was: a turn that fails late has changed it.
    ledger: Ledger,
}

/// What the running code can hand over.
enum Captured {
    /// Its state.
    State(GuestSnapshot),
    /// Nothing: it refused, and goes on.
    Nothing,
    /// Nothing: it died of it.
    Dead,
}

impl Actor {
    /// Changes over to the revision that the actor is assigned, if it runs another one.
    pub(super) async fn swap(
        &mut self,
        ticket: Ticket,
        live: &mut Live,
        backlog: &mut Backlog,
        alarm: Pin<&mut Sleep>,
    ) -> Step {
        let Some(_place) = ticket.begin() else { return Step::Go };
        let assigned = self.code.assigned(&self.address);
        if assigned == live.revision.id || self.mailbox.is_closed() {
            return Step::Go;
        }
        let began = Instant::now();
        (live.permit, live.admission) = (None, None);
        // By the code that runs: what the new code's first turn does to the ledger is undone if that fails.
        live.store_changes(backlog);
        if let Err(lost) = live.drain().await {
            return Step::Lost(lost);
        }
        backlog.lost_in_a_row = 0;
        let base = match live.hand_over().await {
            Captured::State(state) => Some(state),
            Captured::Nothing => None,
            // It is recovered from its journal, with the revision that it is assigned or, failing that, with this one.
            Captured::Dead => return Step::Recover,
        };
        let former = match self.take_over(assigned, base.as_ref(), live.head).await {
            Ok(taken) => {
                // The instance goes on from exactly this, so a recovery can, too, whatever it makes of older events.
                if let Some(base) = base.as_ref().filter(|_| live.knows_less_than(assigned))
                    && let Err(error) = live.keep_base(base).await
                {
                    let why = Refusal { code: error.code(), reason: error.to_string() };
                    self.stays(live.revision.id, assigned, why, false);
                    return Step::Go;
                }
                live.replace(taken)
            }
            Err(error) => {
                self.stays(live.revision.id, assigned, Refusal::from(&error), error.will_last());
                return Step::Go;
            }
        };
        match self.try_out(live, backlog, base.is_some()).await {
            Ok(wishes) => {
                drop(former);
                live.assigned = assigned;
                self.code.note(&self.address, News::Moved { to: assigned, paused: began.elapsed() });
                self.progress.runs(live.revision.number);
                tracing::debug!(actor = %self.address, revision = live.revision.number, "changed over");
                if self.grant(wishes, live, alarm).await.is_err() {
                    // Another revision may bring it back, and know their commands.
                    backlog.dead_timers.clear();
                    return Step::Recover;
                }
                self.bury_dead_timers(live, backlog).await;
                Step::Go
            }
            Err(failure) => {
                live.restore(former);
                // Timers that the new code has no command for are still set: they are looked at again.
                backlog.dead_timers.clear();
                let of_the_code = failure.fault() == Fault::OfTheActor;
                live.doubts = of_the_code.then_some(assigned);
                self.stays(live.revision.id, assigned, Refusal::from(&failure), of_the_code);
                Step::Go
            }
        }
    }

    /// The actor stays on the revision that it runs.
    pub(super) fn stays(&self, on: RevisionId, refused: RevisionId, why: Refusal, will_last: bool) {
        let news = if will_last { News::Held { refused, on, why } } else { News::Delayed(why) };
        self.code.note(&self.address, news);
    }

    /// An instance of another revision with this actor's state, within the time that changing over may take.
    async fn take_over(
        &self,
        to: RevisionId,
        base: Option<&GuestSnapshot>,
        head: Sequence,
    ) -> Result<Recovered, RecoveryError> {
        let limit_ms = self.code.policy().rollout.swap_ms;
        let at = Moment { time: self.stage.clock.now(), sequence: head };
        let recovery = Recovery { progress: None, ..self.recovery() };
        let taking_over = Box::pin(recovery.take_over(to, base, at));
        let taken = recovery.admission.limited(Duration::from_millis(limit_ms), taking_over).await;
        taken.unwrap_or(Err(RecoveryError::SwapOutOfTime { limit_ms }))
    }

    /// Has the new instance handle what waits; with nothing that it could handle, has it capture its state.
    async fn try_out(
        &mut self,
        live: &mut Live,
        backlog: &mut Backlog,
        could_capture: bool,
    ) -> Result<Wishes, GuestFailure> {
        let wanted = backlog.turn_size.commands();
        while backlog.mail.len() < wanted
            && let Ok(envelope) = self.mailbox.try_recv()
        {
            backlog.mail.push_back(envelope);
        }
        // What only the old code can answer is no first turn: if this fails, it must be as if nothing had been answered.
        let is_known = backlog.mail.iter().all(|envelope| live.revision.command(&envelope.name).is_some());
        let tries = !backlog.mail.is_empty() && is_known && backlog.alone == 0 && live.load.appends.has_room();
        let mut wishes = Wishes::default();
        if tries {
            live.permit = Some(live.enter().await);
            live.last_active = Instant::now();
            let handled = live.turn(backlog);
            live.permit = None;
            match handled {
                Ok(wished) => wishes = wished,
                Err(FailedTurn { envelopes, failure }) => {
                    for envelope in envelopes.into_iter().rev() {
                        backlog.mail.push_front(envelope);
                    }
                    return Err(failure);
                }
            }
        }
        if wishes.commands == 0 {
            live.probe(could_capture).await?;
        }
        Ok(wishes)
    }
}

impl Live {
    /// Waits for every turn that is on its way to the store.
    ///
    /// # Errors
    /// Why one was not stored: the state is void.
    async fn drain(&mut self) -> Result<(), AppendError> {
        while !self.gate.is_empty() {
            let settled = self.gate.settle().await;
            self.note_settled(settled)?;
        }
        Ok(())
    }

    /// Whether another revision may append event types that the code which runs does not know: then it could not bring
    /// the actor back from a journal that the other one wrote.
    fn knows_less_than(&self, other: RevisionId) -> bool {
        let known = self.code.event_types(self.revision.id).unwrap_or_default();
        self.code.event_types(other).is_none_or(|types| types.iter().any(|event| !known.contains(event)))
    }

    /// The state, from the running code.
    async fn hand_over(&mut self) -> Captured {
        match self.capture_state().await {
            Ok(state) => Captured::State(state),
            Err(failure) if leaves_it_usable(&failure) => Captured::Nothing,
            Err(failure) => {
                tracing::warn!(actor = %self.address, %failure, "the code that was to hand its state over died of it");
                Captured::Dead
            }
        }
    }

    /// Whether an instance can say what its state is. Code that refuses to is let off if the old code did, too.
    async fn probe(&mut self, could_capture: bool) -> Result<(), GuestFailure> {
        match self.capture_state().await {
            Err(failure) if could_capture || !leaves_it_usable(&failure) => Err(failure),
            _ => Ok(()),
        }
    }

    async fn capture_state(&mut self) -> Result<GuestSnapshot, GuestFailure> {
        let moment = Moment { time: self.stage.clock.now(), sequence: self.head };
        let permit = self.enter().await;
        self.instance.with(Some(permit)).capture(moment)
    }

    /// Puts another instance in the place of the one that runs; returns what is needed to undo that.
    fn replace(&mut self, taken: Recovered) -> Former {
        let key_types = taken.revision.event_indices(&self.code.policy().snapshots.on_events);
        let replayed = taken.base.is_some() || taken.replayed.0 > 0;
        let former = Former {
            key_types: std::mem::replace(&mut self.key_types, key_types),
            since: self.since,
            bases: self.snapshots.bases(),
            ledger: self.ledger.clone(),
            revision: std::mem::replace(&mut self.revision, taken.revision),
            instance: std::mem::replace(&mut self.instance, taken.instance),
        };
        if replayed {
            // It did not read what the old code captured: what matters now is how far its own base is behind.
            let ((events, bytes), passed_over) = (taken.replayed, !taken.unusable.is_empty());
            let key_event = taken.key_event;
            self.since = SinceSnapshot { events, bytes, elapsed_ms: 0, key_event, requested: false, passed_over };
            self.snapshots.rebase(taken.base, taken.unusable);
        }
        former
    }

    /// The old instance goes on.
    fn restore(&mut self, former: Former) {
        let Former { revision, instance, key_types, since, bases, ledger } = former;
        (self.revision, self.instance, self.key_types) = (revision, instance, key_types);
        (self.since, self.ledger) = (since, ledger);
        self.snapshots.restore(bases);
    }
}

/// Whether an instance whose capture failed so can be used further.
const fn leaves_it_usable(failure: &GuestFailure) -> bool {
    matches!(failure, GuestFailure::Refused { .. } | GuestFailure::Limit { name: Limit::SnapshotBytes, .. })
}
