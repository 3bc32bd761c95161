//! Who may run guest code now. As many calls run at a time as there are permits, and tenants get them in proportion to their
//! weights (`decide::fair_share`).
//!
//! - `share`: one tenant, as callers hold it. `permit`: the right to run guest code, until it is dropped.
//! - `errand`: what the host itself does for a tenant, under its permits.
//! - `paced`: a task that runs under its tenant's permits, whatever it does.
//! - `slots`: the permits themselves. While nobody waits, taking one is a compare-and-swap on a slot that no other thread uses.
//! - `thread_slice`: how long the system lets a thread run before others, so that long calls are in nobody's way.
//! - `core`: who waits, behind a lock that is taken only when somebody does.
//!
//! # Why no permit is lost
//! A slot is taken by making a [`Permit`] and freed by dropping it; a permit that nobody receives is dropped where it is.
//!
//! # Why nobody is forgotten
//! Who waits is counted before it looks for a free slot, and who frees a slot looks at the count afterwards.

mod core;
mod errand;
mod metric;
mod paced;
mod permit;
mod share;
mod slots;
mod thread_slice;
mod waiting;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::Thread;
use std::time::{Duration, Instant};

use self::core::Core;
pub(super) use errand::{Errand, Stranded};
pub(super) use metric::describe as describe_metrics;
pub use paced::Paced;
pub use permit::Permit;
pub(super) use permit::{Gave, aside};
use share::Account;
pub use share::Share;
use slots::Slots;
pub(super) use thread_slice::{Restores as RestoresThreadSlice, shorten as shorten_thread_slice};
pub use waiting::Waiting;

use crate::decide::in_the_same_hands;
use crate::vocab::{Limits, Tenant};

/// A tenant's weight when nobody says otherwise.
const WEIGHT: u32 = 100;
/// How often the clock ticks while nobody waits: how long a guest runs before the host looks at it again.
const TICK: Duration = Duration::from_millis(10);
/// How often it ticks while somebody waits: how long a call that was too young to be asked is left alone.
const TICK_CONTENDED: Duration = Duration::from_micros(500);
/// So many ticks without anybody who waits, and the clock ticks slowly again.
const QUIET_TICKS: u32 = 20;
/// Short calls of others keep a core free of long ones for this long, nanoseconds.
const LATELY_NS: u64 = 20_000_000;
/// When a short call ended is noted this often, nanoseconds: otherwise every call would write what all threads read.
const NOTED_EVERY_NS: u64 = 1_000_000;
/// Places for the times at which short calls ended. Two tenants that share one are taken to be the same.
const LATELY_PLACES: usize = 64;
/// How often the figures of tenants are published, nanoseconds.
const PUBLISH_EVERY_NS: u64 = 500_000_000;

/// How often a busy thread lets others run while several tenants are there, nanoseconds.
const BREATHE_EVERY_NS: u64 = 100_000;

thread_local! {
    /// When this thread last let others run.
    static BREATHED_NS: Cell<u64> = const { Cell::new(0) };
}

/// The CPU time of a host's guests.
#[derive(Clone)]
pub struct Cpu {
    inner: Arc<Inner>,
}

/// What shares and permits have in common.
pub(super) struct Inner {
    slots: Slots,
    /// How many tenants wait and may run.
    waiting: AtomicUsize,
    /// How many tenants have only long calls that wait, while as many run as may.
    resting: AtomicUsize,
    /// How many long calls run.
    long: AtomicUsize,
    /// Several tenants' short calls come and go.
    is_shared: AtomicBool,
    /// When short calls ended lately, nanoseconds; tenants share these by their ids.
    lately: [AtomicU64; LATELY_PLACES],
    /// Where the newest call started, in virtual time.
    present: AtomicU64,
    core: Mutex<Core>,
    /// Calls that have begun and wait.
    begun: AtomicUsize,
    /// At most so many of them.
    begun_max: usize,
    origin: Instant,
    /// Ends the slices of all guests now.
    end_slices: Box<dyn Fn() + Send + Sync>,
    /// The clock's thread, to be woken when it ticks too slowly.
    clock: OnceLock<Thread>,
    is_alert: AtomicBool,
    published_ns: AtomicU64,
}

impl Cpu {
    /// As many permits as the limits and the machine's cores allow. `end_slices` makes every running guest call
    /// [`Permit::checkpoint`] soon.
    pub(super) fn new(limits: &Limits, end_slices: impl Fn() + Send + Sync + 'static) -> Self {
        let begun_max = usize::try_from(limits.begun_guest_calls).unwrap_or(usize::MAX);
        let inner = Inner {
            slots: Slots::new(guest_calls(limits)),
            waiting: AtomicUsize::new(0),
            resting: AtomicUsize::new(0),
            long: AtomicUsize::new(0),
            is_shared: AtomicBool::new(false),
            lately: std::array::from_fn(|_| AtomicU64::new(0)),
            present: AtomicU64::new(0),
            core: Mutex::default(),
            begun: AtomicUsize::new(0),
            begun_max,
            origin: Instant::now(),
            end_slices: Box::new(end_slices),
            clock: OnceLock::new(),
            is_alert: AtomicBool::new(false),
            published_ns: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// How many guest calls run at the same time.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.inner.slots.count()
    }

    /// A tenant's share. The same for all who ask while anybody holds it.
    #[must_use]
    pub fn share(&self, tenant: &Tenant) -> Share {
        self.inner.lock().share(&self.inner, Some(tenant))
    }

    /// The host's own share: calls that are nobody's.
    pub(super) fn host_share(&self) -> Share {
        self.inner.lock().share(&self.inner, None)
    }

    /// How many calls run now, and how many wait to begin or to go on.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        (self.inner.slots.taken(), self.inner.lock().waiting_calls())
    }

    /// Makes the clock's thread known.
    pub(super) fn ticks_on(&self, thread: Thread) {
        let _once = self.inner.clock.set(thread);
    }

    pub(super) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.inner)
    }
}

impl std::fmt::Debug for Cpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cpu").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

/// How many guest calls may run at the same time under these limits on this machine.
#[must_use]
pub fn guest_calls(limits: &Limits) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.min(usize::try_from(limits.guest_calls).unwrap_or(usize::MAX)).max(1)
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds since this began.
    fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// A permit at once, if one is free and nobody is there before.
    fn take_free(&self, account: &Arc<Account>) -> Option<Permit> {
        if self.waiting.load(Ordering::SeqCst) > 0 || account.is_throttled() || self.has_enough(account) {
            return None;
        }
        let slot = self.slots.take(account.id())?;
        account.arrives();
        Some(Permit::begin(Arc::clone(account), slot))
    }

    /// Gives free permits to those who wait, and to those who rest if that may be over.
    fn serve(&self, ends_a_rest: bool) {
        let grants = {
            let mut core = self.lock();
            if ends_a_rest {
                core.rouse();
            }
            core.grants(self)
        };
        waiting::deliver(grants);
    }

    fn place_of(id: u32) -> usize {
        usize::try_from(id).unwrap_or(0).checked_rem(LATELY_PLACES).unwrap_or(0)
    }

    /// A short call of a tenant has ended.
    fn note_short(&self, id: u32, now_ns: u64) {
        if let Some(noted) = self.lately.get(Self::place_of(id))
            && now_ns.saturating_sub(noted.load(Ordering::Relaxed)) >= NOTED_EVERY_NS
        {
            noted.store(now_ns, Ordering::Relaxed);
        }
    }

    /// The places of tenants whose short calls ended lately.
    fn used_lately(&self, now_ns: u64) -> impl Iterator<Item = usize> {
        let is_recent = move |noted: &AtomicU64| {
            let at = noted.load(Ordering::Relaxed);
            at > 0 && now_ns.saturating_sub(at) < LATELY_NS
        };
        self.lately.iter().enumerate().filter(move |(_, noted)| is_recent(noted)).map(|(place, _)| place)
    }

    /// How many long calls may run, seen from a tenant: short calls of others keep a core free.
    fn long_max(&self, id: u32) -> usize {
        in_the_same_hands(self.slots.count(), self.others_come_and_go(id))
    }

    /// Whether short calls of others than this tenant ended lately.
    fn others_come_and_go(&self, id: u32) -> bool {
        let own = Self::place_of(id);
        self.used_lately(self.now_ns()).any(|place| place != own)
    }

    /// Whether a tenant holds as many permits as it may.
    fn has_enough(&self, account: &Account) -> bool {
        self.is_shared.load(Ordering::Relaxed) && account.held() >= in_the_same_hands(self.slots.count(), true)
    }

    /// A thread that runs one task after the other, while several tenants are there: lets other threads run that the system
    /// has put on its core, of the host or of its clients, before the system would.
    fn breathe(&self) {
        if self.is_shared.load(Ordering::Relaxed) {
            let since = BREATHED_NS.get();
            if self.now_ns().saturating_sub(since) >= BREATHE_EVERY_NS {
                std::thread::yield_now();
                BREATHED_NS.set(self.now_ns());
            }
        }
    }

    /// Looks whether several tenants' short calls come and go.
    fn look_who_comes(&self, now_ns: u64) {
        let several = self.used_lately(now_ns).nth(1).is_some();
        self.is_shared.store(several, Ordering::Relaxed);
    }

    /// Whether one more long call of a tenant may run.
    fn may_go_on(&self, id: u32) -> bool {
        self.long.load(Ordering::SeqCst) < self.long_max(id)
    }

    /// Whether a long call of a tenant that runs is one more than may.
    fn is_one_too_many(&self, id: u32) -> bool {
        self.long.load(Ordering::SeqCst) > self.long_max(id)
    }

    /// Makes the clock tick fast while somebody waits.
    fn alert(&self) {
        if !self.is_alert.load(Ordering::Relaxed)
            && !self.is_alert.swap(true, Ordering::AcqRel)
            && let Some(clock) = self.clock.get()
        {
            clock.unpark();
        }
    }

    /// One tick of the clock, before the slices end: looks after those who wait. Returns how long to sleep then.
    pub(super) fn tick(&self, quiet_ticks: &mut u32) -> Duration {
        let now = self.now_ns();
        self.look_who_comes(now);
        let grants = {
            let mut core = self.lock();
            core.end_throttles(now);
            core.rouse();
            core.ask_again(self, now);
            core.grants(self)
        };
        waiting::deliver(grants);
        if now.saturating_sub(self.published_ns.load(Ordering::Relaxed)) >= PUBLISH_EVERY_NS {
            self.published_ns.store(now, Ordering::Relaxed);
            self.publish();
        }
        if self.waiting.load(Ordering::SeqCst) > 0 || self.resting.load(Ordering::SeqCst) > 0 {
            *quiet_ticks = 0;
        } else {
            *quiet_ticks = quiet_ticks.saturating_add(1);
        }
        if *quiet_ticks >= QUIET_TICKS {
            self.is_alert.store(false, Ordering::Release);
        }
        if self.is_alert.load(Ordering::Acquire) { TICK_CONTENDED } else { TICK }
    }

    fn publish(&self) {
        let (accounts, waiting) = {
            let mut core = self.lock();
            (core.accounts(), core.waiting_calls())
        };
        metric::calls(self.slots.taken(), waiting);
        accounts.iter().for_each(|account| account.publish());
    }
}

#[cfg(test)]
mod tests;
