//! What arrives at an actor: commands through its mailbox, orders of the host beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Pass;
use super::ask::{AskError, Reply};
use super::ledger::TellId;
use super::load::Taken;
use crate::sandbox::CommandContext;
use crate::vocab::Sequence;

/// Where the answer goes; `None` for a tell.
pub(crate) type ReplyTo = Option<oneshot::Sender<Result<Reply, AskError>>>;

/// A command where it waits. In a box, because mailboxes keep places for dozens of them, whether there are any or not, and so
/// that it is not copied from queue to queue.
pub(crate) type Mail = Box<Envelope>;

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
    /// Change over to the revision that it is assigned, at the next turn boundary.
    Swap(Ticket),
}

/// The right to change over: to have two instances for a while. Whoever gave it may take it back as long as it is not used.
#[derive(Debug)]
pub(crate) struct Ticket {
    place: Arc<Mutex<Option<Pass>>>,
    /// Dropped when the change has ended, or will not begin.
    _ended: oneshot::Sender<()>,
}

/// What the giver of a ticket keeps.
#[derive(Debug)]
pub(crate) struct Stub {
    place: Arc<Mutex<Option<Pass>>>,
    ended: oneshot::Receiver<()>,
}

impl Ticket {
    /// A ticket that comes with a place among those who change over at the same time.
    pub(crate) fn new(place: Pass) -> (Self, Stub) {
        let place = Arc::new(Mutex::new(Some(place)));
        let (ended_tx, ended) = oneshot::channel();
        (Self { place: Arc::clone(&place), _ended: ended_tx }, Stub { place, ended })
    }

    /// The place, to be kept until the change has ended; `None`: it was taken back.
    pub(super) fn begin(&self) -> Option<Pass> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Stub {
    /// Waits until the change has ended; one that has not begun by then does not begin any more.
    pub(crate) async fn ended(self, within: Duration) {
        let Self { place, mut ended } = self;
        if tokio::time::timeout(within, &mut ended).await.is_ok() {
            return;
        }
        let unused = place.lock().unwrap_or_else(PoisonError::into_inner).take();
        if unused.is_none() {
            // It has begun, and has bounds of its own.
            let _ended = ended.await;
        }
    }
}
