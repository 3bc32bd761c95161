//! Why a component is refused, and how guest code fails. Neither is ever the host's fault.

use crate::vocab::{Code, Digest, Limit, Quota, Sequence};

/// Why a component may not be deployed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// Not a component: text, a core module, truncated or damaged bytes.
    #[error("this is not a WebAssembly component: {reason}")]
    NotAComponent {
        /// What was found instead.
        reason: String,
    },
    /// The custom section `greenroom:contract` is missing or names a version that this host does not serve.
    #[error("contract version {found:?} is not served by this host; it serves {served}")]
    ContractVersion {
        /// The version found; `None` when the section is missing.
        found: Option<String>,
        /// The versions served.
        served: &'static str,
    },
    /// It imports what actors may not have.
    #[error("actors may not import {import}")]
    ForbiddenImport {
        /// The import's full name.
        import: String,
    },
    /// It lacks a function of the contract, or has it with another type.
    #[error("the component does not export {export} as the contract defines it")]
    MissingExport {
        /// The export.
        export: String,
    },
    /// Over a bound on size or structure.
    #[error("the component has {found} {what}, the limit is {limit}")]
    TooLarge {
        /// What is too many or too large.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// The bound.
        limit: u64,
    },
    /// Its manifest contradicts itself.
    #[error("the component's manifest is not usable: {reason}")]
    InvalidManifest {
        /// What is wrong.
        reason: String,
    },
    /// `describe` failed.
    #[error("the component failed to describe itself: {0}")]
    Describe(#[source] GuestFailure),
    /// The compiler refused it.
    #[error("the component {digest} could not be compiled: {reason}")]
    Compile {
        /// Which bytes.
        digest: Digest,
        /// What the compiler said.
        reason: String,
    },
    /// It uses a part of WebAssembly that is switched off.
    #[error("the component uses {features}, which actors may not use")]
    ForbiddenFeature {
        /// The names of the features, joined by commas.
        features: String,
    },
    /// Compiling it took too much CPU time.
    #[error("compiling the component {digest} takes more than {limit_ms} ms (limits.compile_ms)")]
    CompileOutOfTime {
        /// Which bytes.
        digest: Digest,
        /// The bound.
        limit_ms: u64,
    },
    /// Compiling it took too much memory.
    #[error(
        "compiling the component {digest} takes more than {limit_bytes} bytes of memory (limits.compile_memory_bytes)"
    )]
    CompileOutOfMemory {
        /// Which bytes.
        digest: Digest,
        /// The bound.
        limit_bytes: u64,
    },
    /// The compiler crashed.
    #[error("the compiler crashed over the component {digest}: {reason}")]
    CompilerCrashed {
        /// Which bytes.
        digest: Digest,
        /// Its last words.
        reason: String,
    },
    /// The compiler could not be run to its end; that says nothing about the component.
    #[error("the compiler could not be run to its end: {reason}")]
    CompilerUnavailable {
        /// What was in the way.
        reason: String,
    },
    /// The host is shutting down.
    #[error("the host is shutting down; nothing was stored")]
    HostEnds,
    /// An earlier attempt failed, and that was written down.
    #[error("{reason} (known from an earlier attempt)")]
    Remembered {
        /// The code of the earlier refusal.
        code: Code,
        /// What it said.
        reason: String,
    },
}

/// How long a refusal is worth remembering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lasting {
    /// The same bytes may be accepted a moment later.
    Not,
    /// It depends on time or memory: the same bytes may be accepted by another machine, or another day.
    Awhile,
    /// The same bytes are refused for as long as the host and its limits are the same.
    Always,
}

/// How guest code failed. The instance is unusable afterwards; the host drops it and recovers the actor.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum GuestFailure {
    /// It trapped; with the guest's panic message where it left one.
    #[error("the actor's code trapped: {message}")]
    Trapped {
        /// The trap, and the panic message if there was one.
        message: String,
    },
    /// It ran longer than allowed.
    #[error("the actor's code ran longer than {limit_ms} ms")]
    OutOfTime {
        /// The bound.
        limit_ms: u64,
    },
    /// It asked for more memory (or table elements, or handles) than allowed, and then trapped.
    #[error("the actor's code asked for more than {limit_bytes} bytes of memory")]
    OutOfMemory {
        /// The bound.
        limit_bytes: u64,
    },
    /// It returned columns that contradict themselves or the batch.
    #[error("the actor's code returned an outcome that contradicts itself: {reason}")]
    InvalidOutcome {
        /// The contradiction.
        reason: String,
    },
    /// It passed a bound on what it may return or ask for.
    #[error("the actor's code returned {found} {what}, the limit is {limit}")]
    Limit {
        /// Which limit.
        name: Limit,
        /// What was too much.
        what: &'static str,
        /// How much there was.
        found: u64,
        /// The bound.
        limit: u64,
    },
    /// It would take its tenant past a quota: it is not its own fault alone, and may succeed later.
    #[error("the actor's tenant may have {limit} as its quota {quota}; this would be more")]
    Quota {
        /// Which quota.
        quota: Quota,
        /// Its value.
        limit: u64,
    },
    /// All guests of the host together would use more memory than they may: it is nobody's fault alone, and may succeed
    /// once others have left.
    #[error(
        "the guests of this host may use {limit_bytes} bytes of memory together (limits.guests_memory_bytes); this would be more"
    )]
    HostMemory {
        /// The bound.
        limit_bytes: u64,
    },
    /// `start` or `capture` returned an error.
    #[error("the actor's code refused to {call}: {reason}")]
    Refused {
        /// `start` or `capture`.
        call: &'static str,
        /// What it said.
        reason: String,
    },
    /// No instance could be made: the pool is exhausted.
    #[error("no room for another live actor; lower the load or raise `limits.live_actors`")]
    NoRoom,
}

impl GuestFailure {
    /// The stable code of this failure.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Trapped { .. } => Code::GuestTrapped,
            Self::OutOfTime { .. } => Code::GuestOutOfTime,
            Self::OutOfMemory { .. } => Code::GuestOutOfMemory,
            Self::InvalidOutcome { .. } => Code::InvalidOutcome,
            Self::Limit { .. } => Code::GuestLimit,
            Self::Quota { quota, .. } => quota.code(),
            Self::HostMemory { .. } => Code::HostMemory,
            Self::Refused { call, .. } if matches!(call.as_bytes(), b"capture") => Code::SnapshotFailed,
            Self::Refused { .. } => Code::StartFailed,
            Self::NoRoom => Code::MailboxFull,
        }
    }
}

impl DeployError {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NotAComponent { .. } => Code::NotAComponent,
            Self::ContractVersion { .. } => Code::ContractVersion,
            Self::ForbiddenImport { .. } => Code::ForbiddenImport,
            Self::MissingExport { .. } => Code::MissingExport,
            Self::TooLarge { .. } => Code::ComponentTooLarge,
            Self::InvalidManifest { .. } | Self::Describe(_) => Code::InvalidManifest,
            Self::Compile { .. } => Code::CompileFailed,
            Self::ForbiddenFeature { .. } => Code::ForbiddenFeature,
            Self::CompileOutOfTime { .. } => Code::CompileOutOfTime,
            Self::CompileOutOfMemory { .. } => Code::CompileOutOfMemory,
            Self::CompilerCrashed { .. } => Code::CompilerCrashed,
            Self::CompilerUnavailable { .. } => Code::CompilerUnavailable,
            Self::HostEnds => Code::ShuttingDown,
            Self::Remembered { code, .. } => *code,
        }
    }

    /// How long it is worth remembering.
    #[must_use]
    pub const fn lasting(&self) -> Lasting {
        match self {
            Self::CompilerUnavailable { .. }
            | Self::HostEnds
            | Self::Remembered { .. }
            | Self::Describe(GuestFailure::NoRoom | GuestFailure::HostMemory { .. } | GuestFailure::Quota { .. }) => {
                Lasting::Not
            }
            Self::CompileOutOfTime { .. }
            | Self::CompileOutOfMemory { .. }
            | Self::CompilerCrashed { .. }
            | Self::Describe(GuestFailure::OutOfTime { .. }) => Lasting::Awhile,
            _ => Lasting::Always,
        }
    }
}

/// Why a batch of events could not be replayed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayFailure {
    /// The guest named the event that it could not apply.
    #[error("event {sequence} could not be applied: {reason}")]
    Event {
        /// Its number.
        sequence: Sequence,
        /// What the guest said.
        reason: String,
    },
    /// The guest failed without naming an event.
    #[error("replaying {first} to {last} failed: {failure}")]
    Guest {
        /// The first number of the batch.
        first: Sequence,
        /// The last number of the batch.
        last: Sequence,
        /// What happened.
        failure: GuestFailure,
    },
}
