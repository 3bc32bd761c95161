//! What an actor tells its supervisor when it fails, and what it is told.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::{AskError, Envelope, RecoveryError};
use crate::decide::{Sentence, SupervisionSettings};
use crate::sandbox::{Caller, GuestFailure, ReplayFailure};
use crate::vocab::{ActorId, Address, Code, Sequence, Tenant};

/// Who decides about actors that fail, remembers it over crashes, and keeps what cannot be delivered. Lives above.
pub(crate) trait Supervisor: Send + Sync + 'static {
    /// Why the actor may not be brought on stage now; `None`: it may. Without any trouble it costs one atomic load.
    fn refusal(&self, address: &Address, id: ActorId) -> Option<AskError>;

    /// Whether anything is remembered of the actor: who asks rarely needs the calls below.
    fn knows(&self, address: &Address, id: ActorId) -> bool;

    /// An actor of which something is remembered is about to be tried. Durable when the result arrives: if the host
    /// dies of the attempt, the attempt counts as a failure.
    fn begins<'a>(&'a self, address: &'a Arc<Address>) -> BoxFuture<'a, ()>;

    /// The attempt did not end the host, and the actor is back.
    fn succeeded<'a>(&'a self, address: &'a Arc<Address>, settings: &'a SupervisionSettings) -> BoxFuture<'a, ()>;

    /// Whether one more failure now would quarantine the actor.
    fn is_last_try(&self, address: &Address, settings: &SupervisionSettings) -> bool;

    /// The actor failed by its own fault. Durable when the result arrives, if the store can write: the sentence is the
    /// same whether or not the host crashes afterwards. `None`: the tenant has too many actors in trouble to remember
    /// another one.
    fn failed<'a>(
        &'a self,
        address: &'a Arc<Address>,
        failure: Failure,
        settings: &'a SupervisionSettings,
    ) -> BoxFuture<'a, Option<Sentence>>;

    /// The actor could not be brought back, and not by its own fault: the pause before the next try, milliseconds.
    /// Never leads to quarantine; not remembered over a crash. `None`: too many wait to remember another one.
    fn outage(&self, address: &Arc<Address>, error: &RecoveryError, settings: &SupervisionSettings) -> Option<u64>;

    /// The events that an operator decided to skip, ascending; `None`: none.
    fn skips(&self, id: ActorId) -> Option<Arc<[Sequence]>>;

    /// Keeps what cannot be delivered, within bounds. When the result arrives it is durable, or it was refused, counted
    /// and logged.
    fn bury(&self, letter: DeadLetter) -> BoxFuture<'_, ()>;
}

/// How an actor failed by its own fault.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The stable code of the cause.
    pub(crate) code: Code,
    /// What happened, in words.
    pub(crate) message: String,
    /// The revision that failed; 0: none ran.
    pub(crate) revision: u32,
    /// The last event that was folded in when a command failed; zero when it is not known.
    pub(crate) sequence: Sequence,
    /// What it failed at, as far as that is known.
    pub(crate) poison: Option<Poison>,
}

/// What an actor failed at.
#[derive(Debug, Clone)]
pub(crate) enum Poison {
    /// A command that was alone in its turn.
    Command(PoisonCommand),
    /// An event in its journal, or one of several where it is not known which.
    Events {
        /// The first.
        first: Sequence,
        /// The last.
        last: Sequence,
    },
}

/// A command at which an actor failed.
#[derive(Debug, Clone)]
pub(crate) struct PoisonCommand {
    /// Its name.
    pub(crate) name: String,
    /// Its payload.
    pub(crate) payload: Bytes,
    /// Its idempotency key.
    pub(crate) key: Option<String>,
    /// Who sent it.
    pub(crate) caller: Caller,
}

impl PoisonCommand {
    pub(crate) fn of(envelope: &Envelope) -> Self {
        Self {
            name: envelope.name.clone(),
            payload: envelope.payload.clone(),
            key: envelope.key.clone(),
            caller: envelope.context.caller.clone(),
        }
    }
}

/// Why a command became a dead letter. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeadReason {
    /// The receiver of a tell refused it, has no such command, or its code failed at it again and again.
    TellRefused,
    /// The receiver of a tell could not be reached for too long, because it is quarantined.
    TellStuck,
    /// The actor's code failed at a timer's command.
    TimerFailed,
    /// The revision that runs has no such command any more.
    TimerUnknown,
    /// An operator dropped it.
    Skipped,
    /// A client's command that the actor rejected; kept only if the settings ask for it.
    Rejected,
    /// A client's command at which the actor's code failed; kept only if the settings ask for it.
    Failed,
}

impl DeadReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::TellRefused,
        Self::TellStuck,
        Self::TimerFailed,
        Self::TimerUnknown,
        Self::Skipped,
        Self::Rejected,
        Self::Failed,
    ];

    /// The reason as text: in answers, as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::TellRefused => "tell-refused",
            Self::TellStuck => "tell-stuck",
            Self::TimerFailed => "timer-failed",
            Self::TimerUnknown => "timer-unknown",
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// A command that nobody will handle.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetter {
    /// Whose list it goes to.
    pub(crate) tenant: Tenant,
    /// Why it is dead.
    pub(crate) reason: DeadReason,
    /// The code of what was in the way.
    pub(crate) code: Code,
    /// The same in words.
    pub(crate) message: String,
    /// The receiver's kind.
    pub(crate) kind: String,
    /// The receiver's key.
    pub(crate) key: String,
    /// The command's name.
    pub(crate) command: String,
    /// Its payload.
    pub(crate) payload: Bytes,
    /// Who sent it, in words.
    pub(crate) from: String,
}

impl DeadLetter {
    /// A command for the actor at `to`.
    pub(crate) fn to(to: &Address, reason: DeadReason, code: Code, message: String, command: &PoisonCommand) -> Self {
        Self {
            tenant: to.tenant.clone(),
            reason,
            code,
            message,
            kind: to.kind.to_string(),
            key: to.key.to_string(),
            command: command.name.clone(),
            payload: command.payload.clone(),
            from: in_words(&command.caller),
        }
    }
}

/// Who sent a command, in words.
pub(crate) fn in_words(caller: &Caller) -> String {
    match caller {
        Caller::Client(name) if name.is_empty() => "client".to_owned(),
        Caller::Client(name) => format!("client {name}"),
        Caller::Actor(address) => format!("actor {}/{}", address.kind, address.key),
        Caller::Timer(name) => format!("timer {name}"),
    }
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The actor's code or journal: again and again, it ends in quarantine.
    OfTheActor,
    /// The store, the machine, the deployment: it will pass, or concerns everybody.
    Elsewhere,
}

impl GuestFailure {
    /// Whose fault it is.
    pub(crate) const fn fault(&self) -> Fault {
        match self {
            Self::NoRoom | Self::Quota { .. } | Self::HostMemory { .. } => Fault::Elsewhere,
            _ => Fault::OfTheActor,
        }
    }
}

impl RecoveryError {
    /// Whose fault it is. A store that does not answer, code that cannot be loaded and a recovery that takes too long
    /// are never the actor's.
    pub(crate) const fn fault(&self) -> Fault {
        match self {
            Self::Code(_)
            | Self::Loading(_)
            | Self::OutOfTime { .. }
            | Self::SwapOutOfTime { .. }
            | Self::OverQuota(_) => Fault::Elsewhere,
            Self::Store(error) => match error {
                crate::provider::StoreError::Corrupt { .. } | crate::provider::StoreError::Gap { .. } => {
                    Fault::OfTheActor
                }
                _ => Fault::Elsewhere,
            },
            Self::Start(failure) | Self::Replay(ReplayFailure::Guest { failure, .. }) => failure.fault(),
            Self::UnknownEventType { .. }
            | Self::UnknownRevision { .. }
            | Self::Replay(_)
            | Self::Ledger { .. }
            | Self::NoBase { .. }
            | Self::Gap { .. } => Fault::OfTheActor,
        }
    }

    /// The events at which it failed; `None`: it failed elsewhere.
    pub(crate) const fn events(&self) -> Option<(Sequence, Sequence)> {
        match self {
            Self::UnknownEventType { sequence, .. } | Self::Replay(ReplayFailure::Event { sequence, .. }) => {
                Some((*sequence, *sequence))
            }
            Self::Replay(ReplayFailure::Guest { first, last, .. }) => Some((*first, *last)),
            _ => None,
        }
    }

    /// The same for the supervisor. `revision`: which one failed; 0: none ran.
    pub(crate) fn as_failure(&self, revision: u32) -> Failure {
        Failure {
            code: self.code(),
            message: self.to_string(),
            revision,
            sequence: Sequence::ZERO,
            poison: self.events().map(|(first, last)| Poison::Events { first, last }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::StoreError;

    #[test]
    fn a_store_or_a_machine_is_never_the_actors_fault() {
        let io = StoreError::Io { operation: "read", place: "p".to_owned(), reason: "r".to_owned() };
        for error in [
            RecoveryError::Store(io),
            RecoveryError::Store(StoreError::Closed),
            RecoveryError::Store(StoreError::Poisoned { cause: "c".to_owned() }),
            RecoveryError::Start(GuestFailure::NoRoom),
            RecoveryError::Loading("l".to_owned()),
            RecoveryError::OutOfTime { limit_ms: 1, done: 0, total: 1 },
        ] {
            assert_eq!(error.fault(), Fault::Elsewhere, "{error}");
        }
        let corrupt = StoreError::Corrupt { place: "p".to_owned(), reason: "r".to_owned() };
        let trapped = GuestFailure::Trapped { message: "m".to_owned() };
        for error in [
            RecoveryError::Store(corrupt),
            RecoveryError::Start(trapped),
            RecoveryError::Gap { expected: Sequence(1), found: None },
        ] {
            assert_eq!(error.fault(), Fault::OfTheActor, "{error}");
        }
    }

    #[test]
    fn every_reason_reads_as_its_label() {
        for reason in DeadReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.label());
        }
    }
}
