//! A task that runs under its tenant's permits, whatever it does: so a tenant with thousands of tasks that are ready takes
//! its share of the threads, and a task of another tenant does not wait behind all of them.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use super::share::Account;
use super::{Permit, Share, Waiting};

thread_local! {
    /// The task that this thread runs now.
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// A paced task while it runs.
struct Running {
    account: Arc<Account>,
    /// Its permit, unless it is used for a guest call, or there was none.
    permit: Option<Permit>,
    waits: Waits,
}

/// How many permits a task waits for by itself.
pub(super) type Waits = Arc<AtomicUsize>;

fn with_task<R>(of: &Arc<Account>, act: impl FnOnce(&mut Running) -> R) -> Option<R> {
    RUNNING.with_borrow_mut(|running| {
        let task = running.as_mut().filter(|task| Arc::ptr_eq(&task.account, of))?;
        Some(act(task))
    })
}

/// The permit of the task that runs on this thread, if it is of this account and not in use.
pub(super) fn take_held(of: &Arc<Account>) -> Option<Permit> {
    with_task(of, |task| task.permit.take()).flatten()
}

/// Gives a permit back to the task that runs on this thread, if it is of this account and without one; whether it was.
pub(super) fn give_back(of: &Arc<Account>, permit: impl FnOnce() -> Permit) -> bool {
    let given = with_task(of, |task| {
        let lacks_one = task.permit.is_none();
        if lacks_one {
            task.permit = Some(permit());
        }
        lacks_one
    });
    given.unwrap_or(false)
}

/// Counts that the task that runs on this thread waits for a permit by itself.
pub(super) fn waits(of: &Arc<Account>) -> Option<Waits> {
    with_task(of, |task| {
        task.waits.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&task.waits)
    })
}

/// Gives the thread's permit back however the task leaves it.
struct Holding;

impl Holding {
    fn begin(running: Running) -> Self {
        RUNNING.set(Some(running));
        Self
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        // Out of the cell first: dropping a permit looks at the cell.
        let ended = RUNNING.take();
        drop(ended);
    }
}

/// A task of a tenant. Each time it is woken it waits for a permit, as cheaply as can be, and runs under it.
#[must_use]
pub struct Paced<F> {
    share: Share,
    waiting: Option<Waiting>,
    waits: Waits,
    task: Pin<Box<F>>,
}

impl<F> Paced<F> {
    pub(super) fn new(share: Share, task: F) -> Self {
        Self { share, waiting: None, waits: Waits::default(), task: Box::pin(task) }
    }

    /// The permit to run under. The tasks of a tenant without CPU time run without one: their guest calls wait by
    /// themselves, and what is on its way to clients is not held up. A task that waits by itself may have been given what it
    /// waits for, and must not wait for a second one.
    fn permit(&mut self, context: &mut Context<'_>) -> Poll<Option<Permit>> {
        if self.share.is_throttled() || self.waits.load(Ordering::Relaxed) > 0 {
            self.waiting = None;
            return Poll::Ready(None);
        }
        if self.waiting.is_none() {
            if let Some(permit) = self.share.try_enter() {
                return Poll::Ready(Some(permit));
            }
            self.waiting = Some(self.share.wait());
        }
        let Some(waiting) = &mut self.waiting else { return Poll::Ready(None) };
        let permit = ready!(Pin::new(waiting).poll(context));
        self.waiting = None;
        Poll::Ready(Some(permit))
    }
}

impl<F: Future> Future for Paced<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let permit = ready!(self.permit(context));
        let (account, waits) = (self.share.account(), Arc::clone(&self.waits));
        let holding = Holding::begin(Running { account, permit, waits });
        let polled = self.task.as_mut().poll(context);
        drop(holding);
        self.share.breathe();
        polled
    }
}

impl<F> std::fmt::Debug for Paced<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Paced").field("share", &self.share).finish_non_exhaustive()
    }
}
