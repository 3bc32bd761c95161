//! What is to go wrong next.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use greenroom_host::vocab::{ActorId, Sequence};

/// How an append ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFault {
    /// It goes well.
    None,
    /// It goes well, after a while.
    Delayed(Duration),
    /// Not stored: the store cannot write now.
    Failed,
    /// Not stored: the store refuses this very append.
    Rejected,
    /// Not stored: another writer was first.
    Conflict,
    /// Stored, but the writer learns only that this is not known.
    UnknownStored,
    /// Not stored, and the writer learns only that this is not known.
    UnknownLost,
}

/// What is to go wrong next.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) appends: VecDeque<AppendFault>,
    pub(super) reads_to_fail: u32,
    pub(super) reads_are_corrupt: bool,
    pub(super) death: Option<Death>,
    pub(super) saves_to_fail: u32,
    pub(super) deletes_to_fail: u32,
    pub(super) corrupt_snapshots: Vec<(ActorId, Sequence)>,
}

/// When the store dies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Death {
    /// So many calls are still answered.
    pub(super) calls_left: u64,
    /// What becomes of the call after those.
    pub(super) last: LastCall,
}

/// What becomes of the call at which the store dies. Nobody learns it either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastCall {
    /// Nothing happens.
    Undone,
    /// It takes effect.
    Done,
}

impl LastCall {
    /// Has rounds in which the store dies at each `step`th of its calls, once before that takes effect and once after, until a
    /// round ends without: it returns false.
    ///
    /// # Errors
    /// What a round found, and that there were less than `calls_min` calls to die at.
    pub async fn at_every_call(
        step: usize,
        calls_min: u64,
        round: impl AsyncFn(u64, Self) -> Result<bool>,
    ) -> Result<()> {
        for last in [Self::Undone, Self::Done] {
            for calls in (0..).step_by(step) {
                let died = round(calls, last).await.with_context(|| format!("{calls} {last:?}"))?;
                if !died {
                    ensure!(calls >= calls_min, "only {calls} calls of the store were tried");
                    break;
                }
            }
        }
        Ok(())
    }
}

/// What the death of the store makes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is answered.
    Answered,
    /// It takes effect, and nobody learns it.
    Done,
    /// Nothing happens.
    Undone,
}

impl Plan {
    /// Takes one call into account.
    pub(super) fn fate(&mut self) -> Fate {
        let Some(death) = &mut self.death else { return Fate::Answered };
        match (death.calls_left, death.last) {
            (0, LastCall::Undone) => Fate::Undone,
            (0, LastCall::Done) => {
                death.last = LastCall::Undone;
                Fate::Done
            }
            (left, _) => {
                death.calls_left = left - 1;
                Fate::Answered
            }
        }
    }
}

/// Whether one of `count` failures is left; takes it.
pub(super) fn take_one(count: &mut u32) -> bool {
    let left = *count > 0;
    *count = count.saturating_sub(1);
    left
}
