//! What goes into a guest and what comes out of it, as plain data.

use std::sync::Arc;

use super::{LogAccount, MemoryAccount};
use crate::frame::{Column, EventColumns};
use crate::vocab::{Address, Limits, Sequence, Timestamp};

/// How an instance is made.
#[derive(Debug, Clone)]
pub struct InstanceOptions {
    /// Whose instance: names its log lines and seeds its random numbers.
    pub address: Arc<Address>,
    /// Its log lines are dropped: for replays that only look (state at an earlier sequence, rehearsal).
    pub silent: bool,
    /// The bounds that hold for it; `None`: the engine's own. Never more memory and tables than the engine's.
    pub limits: Option<Arc<Limits>>,
    /// What its memory counts towards, beside its own limit; `None`: nothing.
    pub memory: Option<Arc<MemoryAccount>>,
    /// What its log lines count towards, beside its own limit; `None`: nothing.
    pub log: Option<Arc<LogAccount>>,
}

impl InstanceOptions {
    /// An instance of this actor that is heard, under the engine's own bounds.
    #[must_use]
    pub const fn of(address: Arc<Address>) -> Self {
        Self { address, silent: false, limits: None, memory: None, log: None }
    }
}

/// What the guest may know of when it runs: WASI clocks show `time`, WASI random is seeded by actor and `sequence`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// The turn's time, or the recorded time on replay.
    pub time: Timestamp,
    /// The number of the last event before this call.
    pub sequence: Sequence,
}

/// Commands in arrival order; `names[i]` is an index into the manifest's commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandColumns {
    /// One command index per command.
    pub names: Vec<u16>,
    /// One payload per command.
    pub payloads: Column,
}

/// Who sent a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A client, by name; empty if it has none.
    Client(String),
    /// Another actor.
    Actor(Arc<Address>),
    /// A timer of this actor, by name.
    Timer(String),
}

/// Facts about one command, fetched by the guest only when it needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandContext {
    /// Who sent it.
    pub caller: Caller,
    /// Header names (lower case) and values that came with it.
    pub headers: Vec<(String, String)>,
}

/// What the guest said to one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The reply is an answer.
    Accepted,
    /// The reply is the actor's reason to refuse.
    Rejected,
    /// The reply is a message: the payload could not be decoded.
    Malformed,
}

/// What the guest asked for, released only after the turn is durable. `command` is the index in the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send a command to another actor of the same tenant (checked by the caller).
    Tell {
        /// Which command of the batch asked.
        command: u32,
        /// Who gets it.
        to: Address,
        /// The command's name.
        name: String,
        /// The command's payload.
        payload: Vec<u8>,
    },
    /// Set or replace a timer.
    Schedule {
        /// Which command of the batch asked.
        command: u32,
        /// The timer's name.
        timer: String,
        /// When it fires.
        at: Timestamp,
        /// The command's name.
        name: String,
        /// The command's payload.
        payload: Vec<u8>,
    },
    /// Remove a timer.
    Cancel {
        /// Which command of the batch asked.
        command: u32,
        /// The timer's name.
        timer: String,
    },
}

/// What one turn did; checked: all columns agree with each other, with the batch and with the limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many of `events` each command appended, in order.
    pub appended: Vec<u32>,
    /// All events of the turn.
    pub events: EventColumns,
    /// One per command.
    pub verdicts: Vec<Verdict>,
    /// One per command.
    pub replies: Column,
    /// What the guest asked for, in order.
    pub effects: Vec<Effect>,
    /// It asked for a snapshot.
    pub wants_snapshot: bool,
    /// It asked to be passivated.
    pub wants_passivation: bool,
}

/// What the guest captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestSnapshot {
    /// The layout's version.
    pub state_version: u32,
    /// The bytes; opaque to the host.
    pub state: Vec<u8>,
}

/// How `start` went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// Ready for replay.
    Ready,
    /// It does not read this snapshot's layout: make a new instance and replay from the first event.
    UnknownStateVersion,
}
