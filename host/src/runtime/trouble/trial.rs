//! An attempt to bring a quarantined actor back that leaves no trace: in an instance of its own, nothing is stored.

use std::sync::Arc;

use crate::actor::{AskError, Code as _, Failure, Fault, Poison, PoisonCommand, Recovery, RecoveryError, Stage};
use crate::frame::Column;
use crate::runtime::deployment::Deployment;
use crate::sandbox::{CommandColumns, CommandContext, GuestFailure, Moment};
use crate::vocab::{Address, Limits, Sequence};

/// What is tried.
pub(super) struct Trial {
    pub(super) stage: Arc<Stage>,
    pub(super) code: Arc<Deployment>,
    pub(super) address: Arc<Address>,
    /// A command that is handled after the recovery; what it does is thrown away.
    pub(super) command: Option<PoisonCommand>,
    /// An event that is left out, beside those that are left out in any case.
    pub(super) skip: Option<Sequence>,
}

/// How it went.
pub(super) enum Outcome {
    /// The actor would come back.
    Passed,
    /// It failed, by its own fault.
    Failed(Box<Failure>),
}

impl Trial {
    /// # Errors
    /// What was in the way that is not the actor's fault.
    pub(super) async fn run(self) -> Result<Outcome, AskError> {
        let limits = self.code.limits();
        let recovery = self.recovery(&limits);
        let mut recovered = match Box::pin(recovery.run()).await {
            Ok(recovered) => recovered,
            Err(error) => return self.judged(recovery.pinpointed(error).await).await,
        };
        let revision = recovered.revision.number;
        let moment = Moment { time: self.stage.clock.now(), sequence: recovered.sequence };
        let failed = |failure: GuestFailure, poison| match failure.fault() {
            Fault::Elsewhere => Err(AskError::Guest(failure)),
            Fault::OfTheActor => {
                let (code, message, sequence) = (failure.code(), failure.to_string(), recovered.sequence);
                Ok(Outcome::Failed(Box::new(Failure { code, message, revision, sequence, poison })))
            }
        };
        let permit = recovered.instance.share().enter().await;
        if let Err(failure) = recovered.instance.with(Some(permit)).recovered(moment) {
            return failed(failure, None);
        }
        let Some(command) = &self.command else { return Ok(Outcome::Passed) };
        // A revision without the command answers it with an error: it cannot fail at it any more.
        let Some(index) = recovered.revision.command(&command.name) else { return Ok(Outcome::Passed) };
        let mut payloads = Column::default();
        payloads.push(&command.payload);
        let columns = CommandColumns { names: vec![index], payloads };
        let context = CommandContext { caller: command.caller.clone(), headers: Vec::new() };
        let permit = recovered.instance.share().enter().await;
        match recovered.instance.with(Some(permit)).handle(moment, &columns, vec![context]) {
            Ok(_) => Ok(Outcome::Passed),
            Err(failure) => failed(failure, Some(Poison::Command(command.clone()))),
        }
    }

    fn recovery<'a>(&'a self, limits: &'a Arc<Limits>) -> Recovery<'a> {
        let all = Recovery::silent(&self.stage, self.code.as_ref(), &self.address, limits);
        Recovery { skip: self.skip, ..all }
    }

    async fn judged(&self, error: RecoveryError) -> Result<Outcome, AskError> {
        match error.fault() {
            Fault::Elsewhere => Err(error.into()),
            Fault::OfTheActor => {
                let revision = self.code.assigned_number(&self.address).unwrap_or_default();
                Ok(Outcome::Failed(Box::new(error.as_failure(revision))))
            }
        }
    }
}
