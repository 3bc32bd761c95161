//! Waiting for a permit: as a task, or with a thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::oneshot;

use super::paced::{self, Waits};
use super::permit::{Permit, aside};
use super::share::Account;

/// Who waits.
pub(super) enum Waiter {
    /// A task that holds no thread.
    Task(oneshot::Sender<Permit>),
    /// A thread.
    Thread(SyncSender<Permit>),
}

impl Waiter {
    /// Whether it still waits, as far as that can be seen.
    pub(super) fn is_there(&self) -> bool {
        match self {
            Self::Task(task) => !task.is_closed(),
            Self::Thread(_) => true,
        }
    }
}

/// A permit on its way to one who waited. Sent when the lock is free: who is gone drops it, and that takes the lock.
pub(super) struct Grant {
    pub(super) waiter: Waiter,
    pub(super) permit: Permit,
}

pub(super) fn deliver(grants: Vec<Grant>) {
    for Grant { waiter, permit } in grants {
        // Dropped where nobody receives it: then it is somebody else's.
        match waiter {
            Waiter::Task(task) => drop(task.send(permit)),
            Waiter::Thread(thread) => drop(thread.try_send(permit)),
        }
    }
}

/// A place in a tenant's queue; resolves to a permit. Dropping it gives the place up.
#[must_use]
pub struct Waiting {
    account: Arc<Account>,
    granted: oneshot::Receiver<Permit>,
    since: Instant,
    /// Of the task that waits, if it is one that is run under permits.
    waits: Option<Waits>,
}

impl Waiting {
    pub(super) fn new(account: Arc<Account>) -> Self {
        let granted = queue(&account);
        let waits = paced::waits(&account);
        Self { account, granted, since: Instant::now(), waits }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(waits) = &self.waits {
            waits.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("tenant", &self.account.tenant()).finish_non_exhaustive()
    }
}

fn queue(account: &Arc<Account>) -> oneshot::Receiver<Permit> {
    let (waiter, granted) = oneshot::channel();
    account.cpu().join(account, Waiter::Task(waiter));
    granted
}

impl Future for Waiting {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit> {
        loop {
            match Pin::new(&mut self.granted).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(mut permit)) => {
                    self.account.figures.waited(self.since.elapsed());
                    // The time until this task was run again was not the guest's.
                    permit.restart();
                    return Poll::Ready(permit);
                }
                // The queue never drops who waits; if it did, nothing would be lost but the place.
                Poll::Ready(Err(_)) => self.granted = queue(&self.account),
            }
        }
    }
}

/// Waits with the thread.
pub(super) fn wait_blocking(account: &Arc<Account>) -> Permit {
    let since = Instant::now();
    loop {
        let (waiter, granted): (_, Receiver<Permit>) = sync_channel(1);
        let received = aside(|| {
            account.cpu().join(account, Waiter::Thread(waiter));
            granted.recv()
        });
        if let Ok(mut permit) = received {
            account.figures.waited(since.elapsed());
            permit.restart();
            return permit;
        }
    }
}
