//! Tells between actors: delivered until handled, at least once; the receiver drops repetitions by their key.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::directory::Directory;
use super::trouble::Troubles;
use super::{AskError, OnFull, Reply};
use crate::actor::{DeadLetter, DeadReason, Envelope, Order, Supervisor as _, Tell, TellId};
use crate::sandbox::{Caller, CommandContext};
use crate::vocab::{ActorId, Address, ErrorKind, Key, Kind};

/// The first pause after a failed delivery; it doubles up to the longest.
const RETRY_FIRST: Duration = Duration::from_millis(50);
/// The longest pause between two tries.
const RETRY_LONGEST: Duration = Duration::from_secs(30);
/// A receiver whose code fails at a tell gets it this many times, then the tell is a dead letter. Fewer than the failures
/// that quarantine an actor by default: one poison tell does not take its receiver down.
const GUEST_TRIES_MAX: u32 = 3;
/// Keys of tells begin with this; callers' keys cannot hold it.
const KEY_PREFIX: char = '\0';

/// Carries tells. One delivery runs per tell, however often the sender asks.
pub(super) struct Couriers {
    runtime: tokio::runtime::Handle,
    under_way: Arc<Mutex<HashSet<(ActorId, TellId)>>>,
    troubles: Arc<Troubles>,
}

/// What a try came to.
enum Try {
    Done,
    Again,
    GuestFailed(AskError),
    /// The receiver is quarantined.
    Stuck(AskError),
    GiveUp(AskError),
    HostCloses,
}

impl Couriers {
    pub(super) fn new(runtime: tokio::runtime::Handle, troubles: Arc<Troubles>) -> Self {
        Self { runtime, under_way: Arc::default(), troubles }
    }

    /// Delivers a tell in the background, then orders the sender to strike it off.
    pub(super) fn deliver(&self, directory: Weak<Directory>, from: &Arc<Address>, id: TellId, tell: Tell) {
        let name = (from.id(), id);
        if !self.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(name) {
            return;
        }
        let (from, under_way, troubles) = (Arc::clone(from), Arc::clone(&self.under_way), Arc::clone(&self.troubles));
        self.runtime.spawn(async move {
            let settled = carry(&directory, &troubles, &from, id, &tell).await;
            under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            if settled && let Some(sender) = directory.upgrade().and_then(|directory| directory.find(from.id())) {
                // A sender that has left finds the tell in its journal and sends it again; the receiver drops it.
                let _left = sender.orders.send(Order::Delivered(id)).await;
            }
        });
    }
}

/// Tries until the tell is handled or given up; false when the host closes first.
async fn carry(directory: &Weak<Directory>, troubles: &Troubles, from: &Arc<Address>, id: TellId, tell: &Tell) -> bool {
    let mut pause = RETRY_FIRST;
    let (mut guest_tries, mut stuck_tries): (u32, u32) = (0, 0);
    loop {
        let Some(strong) = directory.upgrade() else { return false };
        let outcome = attempt(&strong, from, id, tell).await;
        drop(strong);
        match outcome {
            Try::Done => return true,
            Try::HostCloses => return false,
            Try::GiveUp(error) => {
                give_up(troubles, from, tell, DeadReason::TellRefused, &error).await;
                return true;
            }
            Try::GuestFailed(error) => {
                guest_tries = guest_tries.saturating_add(1);
                if guest_tries >= GUEST_TRIES_MAX {
                    give_up(troubles, from, tell, DeadReason::TellRefused, &error).await;
                    return true;
                }
            }
            Try::Stuck(error) => {
                stuck_tries = stuck_tries.saturating_add(1);
                if stuck_tries >= troubles.letters.settings.tell_tries {
                    give_up(troubles, from, tell, DeadReason::TellStuck, &error).await;
                    return true;
                }
            }
            Try::Again => {}
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(RETRY_LONGEST);
    }
}

async fn attempt(directory: &Arc<Directory>, from: &Arc<Address>, id: TellId, tell: &Tell) -> Try {
    let (Ok(kind), Ok(key)) = (Kind::new(tell.kind.clone()), Key::new(tell.key.clone())) else {
        return Try::Done; // the sandbox checks addresses before they are journaled
    };
    let to = Arc::new(Address { tenant: from.tenant.clone(), kind, key });
    let (reply_to, answer) = oneshot::channel();
    let envelope = Box::new(Envelope {
        name: tell.name.clone(),
        payload: Bytes::from(tell.payload.clone()),
        key: Some(format!("{KEY_PREFIX}{}.{}.{}", from.id(), id.sequence, id.index)),
        context: CommandContext { caller: Caller::Actor(Arc::clone(from)), headers: Vec::new() },
        reply_to: Some(reply_to),
        since: Instant::now(),
        // What is told is bounded where it comes from, and must not wait behind clients.
        taken: None,
    });
    let to_id = to.id();
    come_to(match directory.send(&to, to_id, None, (envelope, OnFull::Wait)).await {
        Ok(()) => answer.await.unwrap_or(Err(AskError::Lost)),
        Err(error) => Err(error),
    })
}

/// What the receiver's answer means for the tell.
fn come_to(result: Result<Reply, AskError>) -> Try {
    match result {
        Ok(_) => Try::Done,
        Err(AskError::ShuttingDown) => Try::HostCloses,
        // A receiver that cannot be brought back has not seen the tell: that is not the tell's fault, and a roll-back
        // or a repair of its code ends it.
        Err(AskError::Recovery { .. } | AskError::Restarting { .. }) => Try::Again,
        Err(error @ AskError::Quarantined { .. }) => Try::Stuck(error),
        Err(error) => match error.kind() {
            ErrorKind::Request | ErrorKind::NotFound | ErrorKind::TooLarge | ErrorKind::Rejected => Try::GiveUp(error),
            ErrorKind::Guest => Try::GuestFailed(error),
            _ => Try::Again,
        },
    }
}

/// The letter first, then the sender strikes the tell off: a crash in between leaves both.
async fn give_up(troubles: &Troubles, from: &Address, tell: &Tell, reason: DeadReason, error: &AskError) {
    let letter = DeadLetter {
        tenant: from.tenant.clone(),
        reason,
        code: error.code(),
        message: error.to_string(),
        kind: tell.kind.clone(),
        key: tell.key.clone(),
        command: tell.name.clone(),
        payload: Bytes::from(tell.payload.clone()),
        from: format!("actor {}/{}", from.kind, from.key),
    };
    troubles.bury(letter).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::GuestFailure;
    use crate::vocab::Code;

    #[test]
    fn a_tell_is_given_up_for_what_it_did_and_not_for_a_receiver_that_cannot_come_back() {
        let failure = GuestFailure::OutOfTime { limit_ms: 1 };
        assert!(matches!(come_to(Err(AskError::Guest(failure.clone()))), Try::GuestFailed(_)));
        for code in [failure.code(), Code::StartFailed, Code::UnknownEventType, Code::StoreCorrupt] {
            let reason = "it does not start".to_owned();
            assert!(matches!(come_to(Err(AskError::Recovery { reason, code })), Try::Again), "{code}");
        }
        assert!(matches!(come_to(Err(AskError::Rejected(Bytes::new()))), Try::GiveUp(_)));
        assert!(matches!(come_to(Err(AskError::ShuttingDown)), Try::HostCloses));
    }
}
