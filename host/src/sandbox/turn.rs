//! What the guest asks for during one `handle`, buffered until the turn is durable.

use super::failure::Refusal;
use super::said::said;
use super::{CommandContext, Effect, GuestFailure};
use crate::vocab::{Limit, Limits};

/// Bytes of a timer's name.
const TIMER_NAME_BYTES_MAX: usize = 256;
/// Bytes of a command's name; as in a manifest.
const COMMAND_NAME_BYTES_MAX: usize = 64;

/// One turn, seen from the host functions.
#[derive(Debug, Default)]
pub(super) struct Turn {
    contexts: Vec<CommandContext>,
    /// Asked for so far, in order.
    pub(super) effects: Vec<Effect>,
    /// Bytes of names and payloads in `effects`.
    pub(super) effect_bytes: usize,
    /// Asked for a snapshot.
    pub(super) wants_snapshot: bool,
    /// Asked to be passivated.
    pub(super) wants_passivation: bool,
}

impl Turn {
    pub(super) fn new(contexts: Vec<CommandContext>) -> Self {
        Self { contexts, ..Self::default() }
    }

    /// The context of a command of the batch.
    pub(super) fn context(&self, command: u32) -> Result<&CommandContext, Refusal> {
        let index = usize::try_from(command).unwrap_or(usize::MAX);
        self.contexts
            .get(index)
            .ok_or_else(|| invalid(format!("it asked about command {command} of a batch of {}", self.contexts.len())))
    }

    /// Checks an effect against the bounds and buffers it.
    pub(super) fn ask(&mut self, effect: Effect, limits: &Limits) -> Result<(), Refusal> {
        let (command, timer, name, payload) = parts(&effect);
        self.context(command)?;
        bound("effects in one turn", self.effects.len().saturating_add(1), Limit::TurnEffects, limits)?;
        bound("bytes in a command's payload", payload.len(), Limit::CommandBytes, limits)?;
        if timer.len() > TIMER_NAME_BYTES_MAX || name.len() > COMMAND_NAME_BYTES_MAX {
            return Err(invalid("the name of a timer or a command is too long".to_owned()));
        }
        let bytes = timer.len().saturating_add(name.len()).saturating_add(payload.len());
        self.effect_bytes = self.effect_bytes.saturating_add(bytes);
        bound("bytes of effects in one turn", self.effect_bytes, Limit::FrameBytes, limits)?;
        self.effects.push(effect);
        Ok(())
    }
}

/// Which command asked, the timer's name, the command's name and its payload.
fn parts(effect: &Effect) -> (u32, &str, &str, &[u8]) {
    match effect {
        Effect::Tell { command, name, payload, .. } => (*command, "", name, payload),
        Effect::Schedule { command, timer, name, payload, .. } => (*command, timer, name, payload),
        Effect::Cancel { command, timer } => (*command, timer, "", &[]),
    }
}

/// A contradiction that ends the turn.
pub(super) fn invalid(reason: impl Into<String>) -> Refusal {
    Refusal(GuestFailure::InvalidOutcome { reason: said(&reason.into()) })
}

/// Refuses what is over a bound.
pub(super) fn bound(what: &'static str, found: usize, name: Limit, limits: &Limits) -> Result<(), Refusal> {
    let found = u64::try_from(found).unwrap_or(u64::MAX);
    let limit = limits.get(name);
    if found > limit {
        return Err(Refusal(GuestFailure::Limit { name, what, found, limit }));
    }
    Ok(())
}
