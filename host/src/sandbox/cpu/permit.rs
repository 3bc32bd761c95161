//! The right to run guest code.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};

use super::core::Stopping;
use super::paced;
use super::share::Account;
use super::thread_slice;
use super::waiting::{Waiter, deliver};
use crate::decide::LONG_NS;

/// The right to run guest code of a tenant, on any thread, until it is dropped. What is done under it is charged to the tenant.
#[must_use]
pub struct Permit {
    account: Arc<Account>,
    slot: usize,
    granted_ns: u64,
    charged_ns: u64,
    /// What was charged so far.
    ran_ns: u64,
    /// How long it was given up in between.
    parked: Duration,
    /// It was given up, and not taken back in time.
    is_spent: bool,
    /// It is counted among the long ones.
    is_long: bool,
}

/// What became of a permit at the end of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Gave {
    /// Nobody needed it.
    Kept,
    /// Somebody else ran in between.
    Way,
    /// It was not given back in time.
    Up,
}

impl Permit {
    /// A slot was taken for this: a call may run from now on.
    pub(super) fn begin(account: Arc<Account>, slot: usize) -> Self {
        account.starts();
        account.takes_permit();
        let now = account.cpu().now_ns();
        account.cpu().slots.started(slot, now);
        Self {
            account,
            slot,
            granted_ns: now,
            charged_ns: now,
            ran_ns: 0,
            parked: Duration::ZERO,
            is_spent: false,
            is_long: false,
        }
    }

    /// A permit for a call that was stopped before: it is a long one.
    pub(super) fn going_on(mut self) -> Self {
        self.becomes_long();
        self
    }

    fn becomes_long(&mut self) {
        if !std::mem::replace(&mut self.is_long, true) {
            self.account.cpu().long.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// For how long the call was stopped so that others could run.
    #[must_use]
    pub const fn parked(&self) -> Duration {
        self.parked
    }

    /// Whether it still is the right to run: it is not if it was given up and not given back in time.
    pub(in crate::sandbox) const fn is_held(&self) -> bool {
        !self.is_spent
    }

    /// Begins now, without charging what was before.
    pub(super) fn restart(&mut self) {
        let now = self.account.cpu().now_ns();
        (self.granted_ns, self.charged_ns) = (now, now);
        self.account.cpu().slots.started(self.slot, now);
    }

    /// What was used since it was charged last, nanoseconds.
    pub(super) fn uncharged_ns(&self) -> u64 {
        self.account.cpu().now_ns().saturating_sub(self.charged_ns)
    }

    /// Charges what was used; returns the CPU time under this permit so far, nanoseconds.
    pub(in crate::sandbox) fn checkpoint(&mut self) -> u64 {
        let now = self.account.cpu().now_ns();
        let used = now.saturating_sub(self.charged_ns);
        self.account.charge(used);
        self.charged_ns = now;
        self.account.cpu().slots.charged(self.slot, now);
        self.ran_ns = self.ran_ns.saturating_add(used);
        self.ran_ns
    }

    /// For how long it has run since it was last let in, as of the last checkpoint.
    pub(in crate::sandbox) const fn since_granted_ns(&self) -> u64 {
        self.charged_ns.saturating_sub(self.granted_ns)
    }

    /// At the end of a slice, after a checkpoint: lets whoever comes first run, and waits, at most `wait_max`, until this call
    /// may go on. Holds the thread meanwhile.
    pub(in crate::sandbox) fn give_way(&mut self, wait_max: Duration) -> Gave {
        if self.ran_ns >= LONG_NS {
            thread_slice::lengthen();
            self.becomes_long();
        }
        let cpu = self.account.cpu();
        let is_one_too_many = self.is_long && cpu.is_one_too_many(self.account.id());
        let waits = |count: &AtomicUsize| count.load(Ordering::SeqCst) > 0;
        let nobody = !waits(&cpu.waiting) && !waits(&cpu.resting) && !cpu.slots.is_asked(self.slot);
        if nobody && !is_one_too_many && !self.account.is_throttled() {
            if self.is_long && cpu.others_come_and_go(self.account.id()) {
                self.lets_threads_run();
            }
            // The slice that begins is like a call of its own: who comes later starts there.
            self.account.starts();
            return Gave::Kept;
        }
        let (waiter, granted) = sync_channel(1);
        let call =
            Stopping { slot: self.slot, ran_ns: self.since_granted_ns(), is_long: self.is_long, is_one_too_many };
        let Some(grants) = cpu.step_aside(&self.account, &call, Waiter::Thread(waiter)) else {
            self.lets_threads_run();
            return Gave::Kept;
        };
        (self.is_spent, self.is_long) = (true, false);
        self.account.gives_permit();
        self.account.figures.gave_way();
        let since = Instant::now();
        // Only when the worker is given to another thread: who runs next may be a task that would wait behind this one.
        let taken_back = aside(|| {
            deliver(grants);
            granted.recv_timeout(wait_max)
        });
        self.parked = self.parked.saturating_add(since.elapsed());
        self.account.cpu().resumed();
        self.take_back(taken_back, &granted)
    }

    /// The host's own threads, and other tenants' calls, may have been put on this thread's core: they need not wait until
    /// the system takes it away. What they use is not the guest's time.
    fn lets_threads_run(&mut self) {
        std::thread::yield_now();
        let now = self.account.cpu().now_ns();
        self.granted_ns = self.granted_ns.saturating_add(now.saturating_sub(self.charged_ns));
        self.charged_ns = now;
        self.account.cpu().slots.charged(self.slot, now);
    }

    fn take_back(&mut self, granted: Result<Self, RecvTimeoutError>, late: &Receiver<Self>) -> Gave {
        // It may have come at the very end of the wait.
        let Ok(mut other) = granted.or_else(|_| late.try_recv()) else { return Gave::Up };
        // Its slot is ours now, and it frees nothing.
        self.slot = other.slot;
        self.is_spent = std::mem::replace(&mut other.is_spent, true);
        self.is_long = std::mem::replace(&mut other.is_long, false);
        self.restart();
        Gave::Way
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_spent {
            return;
        }
        self.checkpoint();
        let cpu = self.account.cpu();
        if self.is_long {
            cpu.long.fetch_sub(1, Ordering::SeqCst);
        } else {
            cpu.note_short(self.account.id(), self.charged_ns);
        }
        // A task's call has ended, and the task goes on under its permit.
        let again = || Self {
            account: Arc::clone(&self.account),
            slot: self.slot,
            granted_ns: self.charged_ns,
            charged_ns: self.charged_ns,
            ran_ns: 0,
            parked: Duration::ZERO,
            is_spent: false,
            is_long: false,
        };
        if paced::give_back(&self.account, again) {
            return;
        }
        cpu.slots.free(self.slot);
        self.account.gives_permit();
        let ends_a_rest = cpu.resting.load(Ordering::SeqCst) > 0;
        if ends_a_rest || cpu.waiting.load(Ordering::SeqCst) > 0 {
            cpu.serve(ends_a_rest);
        }
    }
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit")
            .field("tenant", &self.account.tenant())
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

/// Does something that holds the thread; a multi-threaded tokio worker's other tasks go on elsewhere.
pub(in crate::sandbox) fn aside<R>(work: impl FnOnce() -> R) -> R {
    let multi_threaded = Handle::try_current().is_ok_and(|h| h.runtime_flavor() == RuntimeFlavor::MultiThread);
    if !multi_threaded {
        return work();
    }
    // A thread that takes the worker over may be started here, and inherits this one's slice.
    let was_long = thread_slice::restore();
    tokio::task::block_in_place(|| {
        // What waits for its turn must not be put ahead of others when that comes.
        if was_long {
            thread_slice::lengthen();
        }
        work()
    })
}
