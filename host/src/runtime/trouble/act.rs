//! What an operator does about an actor in trouble: look, retry, skip, release.

use std::sync::Arc;

use super::face::Operator;
use super::record::{ActRecord, CauseRecord, CommandRecord, PoisonRecord, TroubleRecord};
use super::resume::settle;
use super::skips::SKIPS_MAX;
use super::supervise::Standing;
use super::trial::{Outcome, Trial};
use super::views::{CauseView, FailureView, PoisonEventView, TroubleView};
use crate::actor::{
    AskError, Change, DeadLetter, DeadReason, Failure, HostRecord, KeyRecord, Phase, RequestError, Supervisor as _,
    last_writer,
};
use crate::provider::ReadRange;
use crate::runtime::ActorRef;
use crate::runtime::look::Renderer;
use crate::sandbox::Caller;
use crate::vocab::{Sequence, Timestamp};

impl ActorRef {
    /// Everything that is known of the actor's trouble. Does not activate it.
    ///
    /// # Errors
    /// When the kind is unknown, the actor never stored an event and is not in trouble, or the store cannot be read.
    pub async fn trouble(&self) -> Result<TroubleView, AskError> {
        let troubles = &self.inner.troubles;
        let status = self.status().await?;
        let record = troubles.record(&self.address);
        let skipped = troubles.skips(self.id).map(|skipped| skipped.to_vec()).unwrap_or_default();
        let retry_after_ms = match troubles.standing(&self.address, self.id) {
            Some(Standing::Waits { after_ms, .. }) => Some(after_ms),
            _ => None,
        };
        let mut cause = record.as_ref().map(|record| CauseView::of(record, &self.address.tenant));
        if let Some(event) = cause.as_mut().and_then(|cause| cause.event.as_mut())
            && event.first == event.last
            && let Err(error) = self.read_event(event).await
        {
            event.unreadable = Some(error.to_string());
        }
        let failed = |record: &TroubleRecord| record.failures.iter().map(FailureView::of).collect();
        Ok(TroubleView {
            tenant: self.address.tenant.to_string(),
            kind: self.address.kind.to_string(),
            key: self.address.key.to_string(),
            phase: status.phase,
            quarantined_at: record.as_ref().and_then(|record| record.quarantined_at).map(Timestamp),
            retry_after_ms,
            failures: record.as_ref().map(failed).unwrap_or_default(),
            advice: advice(status.phase, record.as_ref()).to_owned(),
            cause,
            skipped_events: skipped,
        })
    }

    /// Shows the event, as the active code renders it.
    async fn read_event(&self, event: &mut PoisonEventView) -> Result<(), AskError> {
        let deployment = self.deployment()?;
        let range = ReadRange { from: event.first, through: event.first, batch_bytes: 1 };
        let frames = self.inner.stage.provider.read(self.id, range).next().await?.unwrap_or_default();
        let Some(frame) = frames.into_iter().next() else { return Ok(()) };
        let (address, sequence) = (Arc::clone(&self.address), event.first);
        let skipped = usize::try_from(sequence.since(frame.header().first)).unwrap_or(usize::MAX);
        let Some((index, payload)) = frame.events().nth(skipped) else { return Ok(()) };
        let named = deployment.named(frame.header().revision, index);
        (event.event_type, event.version) = named.map_or((None, None), |(name, version)| (Some(name), Some(version)));
        let (payload, frame) = (payload.to_vec(), frame.clone());
        let rendering = async move {
            let mut renderer = Renderer::new(deployment, address).await?;
            renderer.render(&frame, sequence, index, &payload).await
        };
        event.payload = Some(self.inner.look(&self.address.tenant, rendering).await?.payload);
        Ok(())
    }

    /// Tries to bring a quarantined actor back, and its poison command if it failed at one, in an instance of its own
    /// that stores nothing. If that goes well the quarantine ends. The command is not run for real: who sent it was
    /// told that nothing was stored; a timer that is still set fires.
    ///
    /// # Errors
    /// When it is not quarantined; [`AskError::Quarantined`] with the new cause when it fails again.
    pub async fn retry(&self) -> Result<(), AskError> {
        let troubles = Arc::clone(&self.inner.troubles);
        let _busy = troubles.begin_act(&self.address)?;
        let record = self.quarantined().await?;
        let command = match &record.cause.poison {
            Some(PoisonRecord::Command(command)) if command.is_whole() => Some(command.command(&self.address.tenant)),
            _ => None,
        };
        let trial = self.trial(command, None)?;
        match self.inner.look(&self.address.tenant, trial.run()).await? {
            Outcome::Passed => self.let_go("retried").await,
            Outcome::Failed(failure) => Err(self.stays(&failure).await?),
        }
    }

    /// Ends the quarantine, or a pause before a restart, without trying anything.
    ///
    /// # Errors
    /// When the actor is not in trouble, or the store refuses.
    pub async fn release(&self) -> Result<(), AskError> {
        self.deployment()?;
        let troubles = Arc::clone(&self.inner.troubles);
        let _busy = troubles.begin_act(&self.address)?;
        self.settle_acts().await?;
        if !troubles.knows(&self.address, self.id) {
            return Err(RequestError::NotQuarantined(self.address.to_string()).into());
        }
        self.let_go("released").await
    }

    /// Leaves out what the actor failed at: an event from now on in every replay, as a record in its journal says; a
    /// command by making it a dead letter. If the actor then fails at the next thing, it stays quarantined with that.
    ///
    /// # Errors
    /// When it is not quarantined, or failed at nothing that can be left out; [`AskError::Quarantined`] when it stays.
    pub async fn skip(&self, operator: &Operator) -> Result<(), AskError> {
        let troubles = Arc::clone(&self.inner.troubles);
        let _busy = troubles.begin_act(&self.address)?;
        let record = self.quarantined().await?;
        match &record.cause.poison {
            Some(PoisonRecord::Command(command)) => self.skip_command(&record, command).await,
            Some(PoisonRecord::Events { .. }) => self.skip_event(&record, operator).await,
            None => Err(self.nothing_to_skip("it failed at neither an event nor a command")),
        }
    }

    async fn skip_event(&self, record: &TroubleRecord, operator: &Operator) -> Result<(), AskError> {
        let skips = self.inner.troubles.skips(self.id);
        let is_skipped = |at: Sequence| skips.as_ref().is_some_and(|skips| skips.binary_search(&at).is_ok());
        let sequence = match record.cause.events() {
            Some((first, last)) if first == last && !is_skipped(first) => first,
            _ => match self.inner.look(&self.address.tenant, self.trial(None, None)?.run()).await? {
                // A deploy or an earlier skip has mended it.
                Outcome::Passed => return self.let_go("skipped nothing: it comes back as it is").await,
                Outcome::Failed(failure) => match CauseRecord::of(&failure).events() {
                    Some((first, last)) if first == last => first,
                    Some((first, last)) => {
                        let words = format!("it is not known at which of the events {first} to {last} it fails");
                        return Err(self.nothing_to_skip(&words));
                    }
                    None => return Err(self.stays(&failure).await?),
                },
            },
        };
        if skips.is_some_and(|skips| skips.len() >= SKIPS_MAX) {
            return Err(self.nothing_to_skip(&format!("{SKIPS_MAX} of its events are skipped already")));
        }
        let then = self.inner.look(&self.address.tenant, self.trial(None, Some(sequence))?.run()).await?;
        if let Outcome::Failed(failure) = &then {
            // Leaving this event out must bring the actor beyond it, or it would be lost for nothing.
            let next = CauseRecord::of(failure).events().map(|(first, _)| first);
            if next.is_none_or(|next| next <= sequence) {
                return Err(self.stays(failure).await?);
            }
        }
        let head = self.inner.stage.provider.head(self.id).await?;
        let Operator { who, why } = operator.clone();
        let act = ActRecord::Skip { sequence: sequence.0, head: head.sequence.0, who, why };
        self.intend(act.clone()).await?;
        settle(&self.inner, &self.address, act).await?;
        match then {
            Outcome::Passed => self.let_go(&format!("event {sequence} is skipped")).await,
            Outcome::Failed(failure) => Err(self.stays(&failure).await?),
        }
    }

    async fn skip_command(&self, record: &TroubleRecord, command: &CommandRecord) -> Result<(), AskError> {
        let (tenant, code) = (&self.address.tenant, record.code());
        let dropped = command.command(tenant);
        let message = format!("an operator dropped it: {}", record.cause.message);
        let letter = DeadLetter::to(&self.address, DeadReason::Skipped, code, message, &dropped);
        self.inner.troubles.letters.bury(letter).await;
        // What would bring it back is struck off: a timer that is set, a tell that is repeated until it was handled.
        let (changes, keys) = match (&dropped.caller, dropped.key) {
            (Caller::Timer(timer), _) => (vec![Change::Unschedule { timer: timer.clone() }], Vec::new()),
            (Caller::Actor(_), Some(key)) => {
                let head = self.inner.stage.provider.head(self.id).await?;
                let (command, sequence) = (dropped.name, head.sequence.next().0);
                (Vec::new(), vec![KeyRecord { key, command, reply: Vec::new(), sequence }])
            }
            _ => (Vec::new(), Vec::new()),
        };
        if !changes.is_empty() || !keys.is_empty() {
            let head = self.inner.stage.provider.head(self.id).await?;
            let writer = last_writer(&self.inner.stage, &self.address).await?;
            let revision = writer.unwrap_or(self.deployment()?.active_id());
            let wake_at = head.wake_at;
            let record = HostRecord { address: &self.address, revision, after: head.sequence, changes, keys, wake_at };
            record.append(&self.inner.stage).await?;
        }
        self.let_go(&format!("command {} is skipped", command.name)).await
    }

    /// The record of an actor that is quarantined; what a crash left undone is done first.
    pub(super) async fn quarantined(&self) -> Result<TroubleRecord, AskError> {
        self.deployment()?;
        self.settle_acts().await?;
        let record = self.inner.troubles.record(&self.address);
        record
            .filter(|record| record.quarantined_at.is_some())
            .ok_or_else(|| RequestError::NotQuarantined(self.address.to_string()).into())
    }

    pub(super) async fn settle_acts(&self) -> Result<(), AskError> {
        let act = self.inner.troubles.record(&self.address).and_then(|record| record.act);
        if let Some(act) = act {
            settle(&self.inner, &self.address, act).await?;
        }
        Ok(())
    }

    fn trial(&self, command: Option<crate::actor::PoisonCommand>, skip: Option<Sequence>) -> Result<Trial, AskError> {
        let (stage, address) = (Arc::clone(&self.inner.stage), Arc::clone(&self.address));
        // Guest code of a suspended tenant does not run, not even on trial.
        let code = self.inner.deployments.find_active(&self.address.tenant, &self.address.kind)?;
        Ok(Trial { stage, code, address, command, skip })
    }

    /// Writes down what is about to be done, so that a crash does not leave half of it.
    pub(super) async fn intend(&self, act: ActRecord) -> Result<(), AskError> {
        let troubles = &self.inner.troubles;
        if let Some(record) = troubles.change(&self.address, |record| record.act = Some(act)) {
            troubles.store(&self.address, &record).await?;
        }
        Ok(())
    }

    /// Ends the quarantine: the next command brings the actor back, or what it has pending does.
    pub(super) async fn let_go(&self, why: &str) -> Result<(), AskError> {
        self.inner.troubles.remove(&self.address).await?;
        tracing::info!(actor = %self.address, why, "no longer in quarantine");
        match self.inner.stage.provider.head(self.id).await {
            Ok(head) => {
                if let Some(at) = head.wake_at {
                    self.inner.waker.wake_later(&self.address, at);
                }
            }
            // Not known: looking costs an activation, not looking perhaps a timer.
            Err(_) => self.inner.waker.wake_later(&self.address, self.inner.stage.clock.now()),
        }
        Ok(())
    }

    /// The actor stays quarantined, with a newer cause: the error that says so.
    async fn stays(&self, failure: &Failure) -> Result<AskError, AskError> {
        let (troubles, cause) = (&self.inner.troubles, CauseRecord::of(failure));
        let newer = |record: &mut TroubleRecord| {
            record.cause = cause;
            record.act = None;
        };
        if let Some(record) = troubles.change(&self.address, newer) {
            troubles.store(&self.address, &record).await?;
        }
        let refusal = troubles.refusal(&self.address, self.id);
        Ok(refusal.unwrap_or(AskError::Lost))
    }

    fn nothing_to_skip(&self, reason: &str) -> AskError {
        RequestError::NothingToSkip { address: self.address.to_string(), reason: reason.to_owned() }.into()
    }
}

impl FailureView {
    fn of(failure: &super::record::FailureRecord) -> Self {
        let super::record::FailureRecord { at, waited_ms, code } = *failure;
        Self { at: Timestamp(at), code: super::record::code_of(code).to_string(), waited_ms }
    }
}

fn advice(phase: Phase, record: Option<&TroubleRecord>) -> &'static str {
    let poison = record.and_then(|record| record.cause.poison.as_ref());
    match (phase, poison) {
        (Phase::Quarantined, Some(PoisonRecord::Events { .. })) => {
            "deploy code that can apply the event, then retry; or skip the event for ever; or purge the actor"
        }
        (Phase::Quarantined, Some(PoisonRecord::Command(_))) => {
            "deploy code that does not fail at the command, then retry; or skip the command; or release the actor as it is"
        }
        (Phase::Quarantined, None) => "remove the cause that the code's page names, then retry; or purge the actor",
        (Phase::Restarting, _) => "wait: it is tried again by itself; release tries it with the next command",
        _ => "nothing: it is not in trouble",
    }
}
