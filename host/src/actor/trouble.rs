//! What an actor's task does when its actor fails: it tells the supervisor, answers everybody who waits, and either
//! goes on after a short pause or leaves the stage.

use std::time::Duration;

use tokio::time::Instant;

use super::ask::AskError;
use super::backlog::Backlog;
use super::life::Actor;
use super::mail::Order;
use super::recovery::{Recovery, RecoveryError};
use super::supervision::{DeadLetter, DeadReason, Failure, Fault, Poison, PoisonCommand};
use super::turn::{FailedCommand, fired};
use crate::decide::Sentence;
use crate::vocab::{Code, Timestamp};

/// An actor of which the supervisor cannot remember anything refuses for this long before the next command may try
/// again, so that a broken one does not spend the host's time on recoveries.
const REFUSES_FOR: Duration = Duration::from_millis(500);
/// Callers wait for a restart that is at most so far away, milliseconds; they are told of one that is farther.
const WAITED_FOR_MS: u64 = 1_000;
/// An actor that must be awake and could not be recovered is tried again after this long at the earliest, milliseconds.
const WAKE_AFTER_MS: u64 = 1_000;

impl Actor {
    /// An attempt to bring the actor back begins.
    pub(super) async fn attempt_begins(&self) {
        if self.stage.supervisor.knows(&self.address, self.address.id()) {
            self.stage.supervisor.begins(&self.address).await;
        }
    }

    /// The actor is back.
    pub(super) async fn attempt_succeeded(&self) {
        if self.stage.supervisor.knows(&self.address, self.address.id()) {
            self.stage.supervisor.succeeded(&self.address, &self.code.policy().supervision).await;
        }
    }

    /// A lone command failed in the guest. Written down first, then told: however the host ends, who learned of the
    /// failure can rely on its being counted. False: the actor leaves the stage, and everybody has been answered.
    pub(super) async fn survives(&mut self, failed: FailedCommand, backlog: &mut Backlog) -> bool {
        let FailedCommand { envelope, failure, sequence, revision } = failed;
        let settings = &self.code.policy().supervision;
        let command = PoisonCommand::of(&envelope);
        let sentence = if failure.fault() == Fault::OfTheActor {
            let failure = Failure {
                code: failure.code(),
                message: failure.to_string(),
                revision,
                sequence,
                poison: Some(Poison::Command(command.clone())),
            };
            self.stage.supervisor.failed(&self.address, failure, settings).await
        } else {
            None
        };
        // The timer of a quarantined actor stays set: whoever releases the actor decides about it.
        if sentence != Some(Sentence::Quarantine)
            && let Some(change) = fired(&envelope)
        {
            let (code, message) = (failure.code(), failure.to_string());
            let letter = DeadLetter::to(&self.address, DeadReason::TimerFailed, code, message, &command);
            self.stage.supervisor.bury(letter).await;
            backlog.changes.push(change);
        }
        let pause = match sentence {
            None => Some(0),
            Some(Sentence::Restart { after_ms }) if after_ms <= WAITED_FOR_MS => Some(after_ms),
            Some(Sentence::Restart { .. } | Sentence::Quarantine) => None,
        };
        let Some(after_ms) = pause else {
            // Before the caller learns of it: whoever releases the actor then finds no mailbox of the old activation open.
            let refusal = self.stage.supervisor.refusal(&self.address, self.address.id());
            let rest = std::mem::replace(backlog, Backlog::new(1));
            self.turn_away(rest, &refusal.unwrap_or(AskError::Lost), None).await;
            self.wake_when_it_may(sentence).await;
            envelope.answer(Err(AskError::Guest(failure)));
            return false;
        };
        envelope.answer(Err(AskError::Guest(failure)));
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        true
    }

    /// The actor could not be brought back: tells everybody who waits why.
    pub(super) async fn gives_up(&mut self, backlog: Backlog, error: RecoveryError) {
        let settings = &self.code.policy().supervision;
        let (error, sentence) = match error.fault() {
            // What a tenant has too much of passes as soon as somebody gives it back: nothing to remember.
            Fault::Elsewhere if is_over_quota(error.code()) => (error, None),
            Fault::Elsewhere => {
                let after_ms = self.stage.supervisor.outage(&self.address, &error, settings);
                (error, after_ms.map(|after_ms| Sentence::Restart { after_ms }))
            }
            Fault::OfTheActor => {
                let error = if self.stage.supervisor.is_last_try(&self.address, settings) {
                    self.pinpointed(error).await
                } else {
                    error
                };
                let failure = error.as_failure(self.assigned_number().await);
                (error, self.stage.supervisor.failed(&self.address, failure, settings).await)
            }
        };
        let refusal = AskError::Recovery { reason: error.to_string(), code: error.code() };
        let until = sentence.is_none().then(|| Instant::now() + REFUSES_FOR);
        self.turn_away(backlog, &refusal, until).await;
        self.wake_when_it_may(sentence).await;
    }

    /// The number of the revision that the actor is to run; 0: it cannot be loaded.
    async fn assigned_number(&self) -> u32 {
        let assigned = self.code.revision(self.code.assigned(&self.address)).await;
        assigned.map_or(0, |revision| revision.number)
    }

    async fn pinpointed(&self, error: RecoveryError) -> RecoveryError {
        let _permit = self.stage.recoveries.enter(&self.address.tenant).await;
        Recovery::silent(&self.stage, self.code.as_ref(), &self.address, &self.limits).pinpointed(error).await
    }

    /// Answers everybody who waits, and everybody who still comes until then (`None`: at once the mailbox is closed).
    async fn turn_away(&mut self, backlog: Backlog, refusal: &AskError, until: Option<Instant>) {
        for envelope in backlog.mail {
            envelope.answer(Err(refusal.clone()));
        }
        for asker in backlog.askers {
            let _left = asker.send(Err(refusal.clone()));
        }
        let until = until.unwrap_or_else(|| {
            self.close();
            Instant::now()
        });
        loop {
            tokio::select! {
                envelope = self.mailbox.recv() => match envelope {
                    Some(envelope) => envelope.answer(Err(refusal.clone())),
                    None => break,
                },
                Some(order) = self.orders.recv() => match order {
                    Order::Snapshot(asker) => { let _left = asker.send(Err(refusal.clone())); }
                    Order::Passivate => self.close(),
                    Order::Delivered(_) | Order::Swap(_) => {}
                },
                () = tokio::time::sleep_until(until), if !self.mailbox.is_closed() => self.close(),
            }
        }
        self.orders.close();
        while let Some(order) = self.orders.recv().await {
            if let Order::Snapshot(asker) = order {
                let _left = asker.send(Err(refusal.clone()));
            }
        }
    }

    /// An actor with a timer or an undelivered tell (or of which that is not known) is tried again without a call,
    /// unless it is quarantined: then whoever releases it wakes it.
    async fn wake_when_it_may(&self, sentence: Option<Sentence>) {
        let after_ms = match sentence {
            Some(Sentence::Quarantine) => return,
            Some(Sentence::Restart { after_ms }) => after_ms.max(WAKE_AFTER_MS),
            None => WAKE_AFTER_MS,
        };
        if !self.stage.provider.head(self.address.id()).await.is_ok_and(|head| head.wake_at.is_none()) {
            let at = self.stage.clock.now().0.saturating_add(after_ms);
            self.stage.crew.wake_later(&self.address, Timestamp(at));
        }
    }
}

/// Whether the actor's tenant, or all together, have too much of something: that passes as soon as somebody gives it back.
const fn is_over_quota(code: Code) -> bool {
    matches!(
        code,
        Code::MemoryQuota
            | Code::HostMemory
            | Code::LiveActorQuota
            | Code::JournalQuota
            | Code::JournalGrowthQuota
            | Code::SnapshotQuota
    )
}
