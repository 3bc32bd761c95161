//! What is asked of an actor, and what comes back.

use bytes::Bytes;

use crate::provider::{AppendError, StoreError};
use crate::sandbox::{DeployError, GuestFailure, RevisionDiff};
use crate::vocab::{AddressError, Code, ErrorKind, Quota, Sequence};

/// What to do when the actor's mailbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFull {
    /// Refuse at once, so that the caller can shed load.
    #[default]
    Refuse,
    /// Wait for room: back-pressure reaches the caller.
    Wait,
}

/// A command for an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its name, as the component's manifest lists it.
    pub name: String,
    /// Its payload, as the actor decodes it; JSON for the SDK's defaults. Empty is allowed.
    pub payload: Bytes,
    /// A repeated command with the same key is not handled twice: it gets the first one's reply.
    pub idempotency_key: Option<String>,
    /// The client's name, which the actor may ask for; empty: unknown.
    pub client: String,
    /// Headers that the actor may ask for; names in lower case.
    pub headers: Vec<(String, String)>,
    /// What to do when the mailbox is full.
    pub on_full: OnFull,
}

impl Command {
    /// A command without key, client or headers, refused when the mailbox is full.
    pub fn new(name: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            payload: payload.into(),
            idempotency_key: None,
            client: String::new(),
            headers: Vec::new(),
            on_full: OnFull::default(),
        }
    }

    /// The same command under an idempotency key.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }
}

/// An accepted command's answer. What it tells is durable, as the host's durability mode defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The actor's bytes; JSON for the SDK's defaults.
    pub payload: Bytes,
    /// Where the actor's journal ended after the turn.
    pub sequence: Sequence,
}

/// Why a command got no reply.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The actor refused. This is an answer: the payload is its reason, encoded like a reply.
    #[error("the actor rejected the command: {}", String::from_utf8_lossy(.0))]
    Rejected(Bytes),
    /// The actor could not decode the payload; its message.
    #[error("the actor could not decode the payload: {0}")]
    Malformed(String),
    /// The request itself is at fault.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The mailbox is full; the command was not taken.
    #[error("the mailbox of {0} is full; send fewer commands at a time, or wait and repeat")]
    MailboxFull(String),
    /// The host is shutting down; the command was not handled.
    #[error("the host is shutting down; nothing was stored")]
    ShuttingDown,
    /// Guest code failed while handling this command; nothing was stored.
    #[error("{0}; nothing was stored")]
    Guest(GuestFailure),
    /// The actor could not be brought up; nothing was stored.
    #[error("the actor could not be recovered: {reason}")]
    Recovery {
        /// What is in the way; names the sequence number where there is one.
        reason: String,
        /// The stable code of the reason.
        code: Code,
    },
    /// The actor is quarantined: it failed again and again. Nothing of it runs until an operator says so.
    #[error(
        "{address} is quarantined: {reason}; nothing was stored. An operator can look (`greenroom inspect KIND/KEY`), then retry, skip, release or purge"
    )]
    Quarantined {
        /// Whose.
        address: String,
        /// Code and words of the cause.
        reason: String,
    },
    /// The actor failed and is tried again after a pause.
    #[error("{address} failed and is tried again in {after_ms} ms: {reason}; nothing was stored")]
    Restarting {
        /// Whose.
        address: String,
        /// Code and words of the cause.
        reason: String,
        /// How long the pause still lasts, milliseconds.
        after_ms: u64,
    },
    /// The snapshot that was asked for could not be taken; the actor goes on from its events.
    #[error("no snapshot was taken: {0}")]
    Snapshot(String),
    /// The component could not show what it stores.
    #[error("the component could not render it as JSON: {0}")]
    Render(String),
    /// The activation ended without an answer (a forced shutdown, a bug): the command may or may not be stored.
    #[error("the activation ended without an answer; the command may or may not be stored")]
    Lost,
    /// The host could not be set up.
    #[error("{reason}")]
    Setup {
        /// What is in the way, and what to change.
        reason: String,
        /// The stable code of the reason.
        code: Code,
    },
    /// The store did not acknowledge the turn.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A request that cannot be served as it is.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The address is not allowed.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No such tenant.
    #[error("there is no tenant {0}")]
    UnknownTenant(String),
    /// The tenant is suspended.
    #[error("tenant {0} is suspended; its data can be read, nothing of it runs")]
    TenantSuspended(String),
    /// The tenant has as much of something as it may have.
    #[error("tenant {tenant} may have {limit} as its quota {quota}; this would be more")]
    OverQuota {
        /// Whose quota.
        tenant: String,
        /// Which quota.
        quota: Quota,
        /// Its value.
        limit: u64,
    },
    /// As many of the tenant's commands wait as may.
    #[error("too many commands of tenant {0} wait; send fewer at a time, or wait and repeat")]
    TenantBusy(String),
    /// No such kind.
    #[error("tenant {tenant} has no kind {kind}; deploy it first")]
    UnknownKind {
        /// Whose kind.
        tenant: String,
        /// The kind.
        kind: String,
    },
    /// No such command.
    #[error("kind {kind} has no command {command}; it has {known}")]
    UnknownCommand {
        /// The kind.
        kind: String,
        /// What was asked.
        command: String,
        /// The commands it has, joined by commas.
        known: String,
    },
    /// The payload is over the limit.
    #[error("the payload has {bytes} bytes, the limit is {limit}")]
    PayloadTooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// The idempotency key is not usable.
    #[error("the idempotency key is not usable: {0}")]
    InvalidIdempotencyKey(String),
    /// This actor never stored an event.
    #[error("{0} has never stored an event")]
    UnknownActor(String),
    /// The journal does not hold this number.
    #[error("sequence {asked} is not in the journal, which holds {first} to {last}")]
    SequenceOutOfRange {
        /// What was asked.
        asked: Sequence,
        /// The lowest number that can be reconstructed.
        first: Sequence,
        /// The highest.
        last: Sequence,
    },
    /// The actor is not in trouble.
    #[error("{0} is not quarantined")]
    NotQuarantined(String),
    /// There is nothing that could be left out.
    #[error(
        "{address} cannot skip what it failed at: {reason}; deploy code that can cope with it and retry, or purge the actor"
    )]
    NothingToSkip {
        /// Whose.
        address: String,
        /// Why not.
        reason: String,
    },
    /// Another act on the same actor has not ended.
    #[error("an operator's act on {0} is under way; wait for its end")]
    ActUnderWay(String),
    /// What was asked of a rehearsal cannot be done.
    #[error("{0}")]
    Rehearsal(String),
    /// The tenant has a rehearsal under way.
    #[error("a rehearsal of tenant {0} is under way; wait for its end, or end it")]
    RehearsalUnderWay(String),
    /// Others have as many rehearsals under way as may be.
    #[error("{limit} rehearsals are under way, and there may be no more now (limits.rehearsals)")]
    RehearsalsFull {
        /// How many there may be.
        limit: u32,
    },
    /// What a rehearsal compares with is no longer what actors run.
    #[error("another revision of {kind} became active during the rehearsal; rehearse again")]
    RehearsalOvertaken {
        /// The kind.
        kind: String,
    },
    /// The component was refused.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The revision is needed.
    #[error("revision {revision} cannot be removed: {why}")]
    RevisionInUse {
        /// Its number.
        revision: u32,
        /// Who or what needs it.
        why: String,
    },
    /// Too many deploys are under way.
    #[error("{owner} has {limit} deploys under way, and may have no more now (limits.tenant_deploys, limits.deploys)")]
    DeploysFull {
        /// Whose deploys.
        owner: String,
        /// How many it has.
        limit: u32,
    },
    /// The tenant has used its compile seconds.
    #[error(
        "tenant {tenant} may use {limit_s} seconds of the compiler per hour (quota compile_seconds) and has used them"
    )]
    CompileSeconds {
        /// Whose quota.
        tenant: String,
        /// Its value.
        limit_s: u64,
        /// When another deploy is taken.
        retry_after_s: u64,
    },
    /// Another rollout has not ended.
    #[error(
        "revision {revision} of {kind} is being rolled out to some of its actors; activate it for all or go back first, or deploy without activating"
    )]
    RolloutUnderWay {
        /// The kind.
        kind: String,
        /// The candidate's number.
        revision: u32,
    },
    /// There is no rollout that this could be done to.
    #[error("{kind} has nothing to {what}")]
    NoRollout {
        /// The kind.
        kind: String,
        /// What was to be done.
        what: String,
    },
    /// No such revision.
    #[error("{kind} has no revision {revision}")]
    UnknownRevision {
        /// The kind.
        kind: String,
        /// What was asked for.
        revision: u32,
    },
    /// Something is wrong with whom a revision is to be activated for.
    #[error("{0}")]
    InvalidActivation(String),
    /// The new revision cannot read what is stored.
    #[error(
        "the new revision cannot read events that journals of this kind hold: {missing}; keep their types and versions \
         in its manifest, with an upcaster where they are no longer appended"
    )]
    IncompatibleRevision {
        /// The event types, `name v1`, each with an actor and a number, joined by commas.
        missing: String,
        /// All that differs.
        diff: Box<RevisionDiff>,
    },
}

impl RequestError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Address(error) => error.code(),
            Self::UnknownTenant(_) => Code::UnknownTenant,
            Self::TenantSuspended(_) => Code::TenantSuspended,
            Self::OverQuota { quota, .. } => quota.code(),
            Self::TenantBusy(_) => Code::TenantBusy,
            Self::UnknownKind { .. } => Code::UnknownKind,
            Self::UnknownCommand { .. } => Code::UnknownCommand,
            Self::PayloadTooLarge { .. } => Code::PayloadTooLarge,
            Self::InvalidIdempotencyKey(_) => Code::InvalidIdempotencyKey,
            Self::UnknownActor(_) => Code::UnknownActor,
            Self::SequenceOutOfRange { .. } => Code::SequenceOutOfRange,
            Self::NotQuarantined(_) => Code::NotQuarantined,
            Self::NothingToSkip { .. } => Code::NothingToSkip,
            Self::ActUnderWay(_) => Code::ActUnderWay,
            Self::Rehearsal(_) => Code::InvalidRequest,
            Self::RehearsalUnderWay(_) => Code::RehearsalUnderWay,
            Self::RehearsalsFull { .. } => Code::RehearsalsFull,
            Self::RehearsalOvertaken { .. } => Code::RehearsalOvertaken,
            Self::Deploy(error) => error.code(),
            Self::IncompatibleRevision { .. } => Code::IncompatibleRevision,
            Self::RolloutUnderWay { .. } => Code::RolloutUnderWay,
            Self::NoRollout { .. } => Code::NoRollout,
            Self::UnknownRevision { .. } => Code::UnknownRevision,
            Self::InvalidActivation(_) => Code::InvalidRequest,
            Self::RevisionInUse { .. } => Code::RevisionInUse,
            Self::DeploysFull { .. } => Code::DeploysFull,
            Self::CompileSeconds { .. } => Code::CompileQuota,
        }
    }

    /// After how many seconds the same request may be let in, where that is known.
    #[must_use]
    pub const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::CompileSeconds { retry_after_s, .. } => Some(*retry_after_s),
            _ => None,
        }
    }
}

impl AskError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Rejected(_) => Code::Rejected,
            Self::Malformed(_) => Code::MalformedPayload,
            Self::Request(error) => error.code(),
            Self::MailboxFull(_) => Code::MailboxFull,
            Self::ShuttingDown => Code::ShuttingDown,
            Self::Guest(failure) => failure.code(),
            Self::Recovery { code, .. } | Self::Setup { code, .. } => *code,
            Self::Quarantined { .. } => Code::Quarantined,
            Self::Restarting { .. } => Code::Restarting,
            Self::Snapshot(_) => Code::SnapshotFailed,
            Self::Render(_) => Code::InvalidOutcome,
            Self::Lost => Code::OutcomeUnknown,
            Self::Append(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// After how many seconds the same request may be let in, where that is known.
    #[must_use]
    pub const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Request(error) => error.retry_after_s(),
            Self::Restarting { after_ms, .. } => {
                let seconds = after_ms.div_ceil(1_000);
                Some(if seconds == 0 { 1 } else { seconds })
            }
            _ => None,
        }
    }

    /// What the caller should do.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.code().kind()
    }
}
