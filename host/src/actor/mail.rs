//! What arrives at an actor: commands through its mailbox, orders of the host beside it.

use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::ask::{AskError, Reply};
use super::ledger::TellId;
use super::load::Taken;
use crate::sandbox::CommandContext;
use crate::vocab::Sequence;

/// Where the answer goes; `None` for a tell.
pub(crate) type ReplyTo = Option<oneshot::Sender<Result<Reply, AskError>>>;

/// A command on its way to an actor.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// The command's name.
    pub(crate) name: String,
    /// Its payload.
    pub(crate) payload: Bytes,
    /// A repetition under the same key is answered, not handled.
    pub(crate) key: Option<String>,
    /// Who sent it, and with which headers.
    pub(crate) context: CommandContext,
    /// Where the answer goes.
    pub(crate) reply_to: ReplyTo,
    /// Since when it waits.
    pub(crate) since: Instant,
    /// Its part of what its tenant may have waiting; `None` for what the host itself sends.
    pub(crate) taken: Option<Taken>,
}

impl Envelope {
    /// Answers and forgets the command; an asker that left is no error.
    pub(crate) fn answer(self, result: Result<Reply, AskError>) {
        if let Some(reply_to) = self.reply_to {
            let _left = reply_to.send(result);
        }
    }
}

/// What the host asks of a live actor, beside its commands.
#[derive(Debug)]
pub(crate) enum Order {
    /// Take a snapshot after the current turn; answers its number when it is durable.
    Snapshot(oneshot::Sender<Result<Sequence, AskError>>),
    /// Take no more mail, finish what is queued, leave the stage.
    Passivate,
    /// A tell was handled by its receiver (or given up).
    Delivered(TellId),
}
