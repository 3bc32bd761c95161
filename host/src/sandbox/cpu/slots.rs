//! The permits: as many slots as guest calls may run at a time.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Nobody's.
const FREE: u32 = 0;

thread_local! {
    /// The slot that this thread took last. Threads that each come back to their own do not get in each other's way.
    static LAST: Cell<usize> = const { Cell::new(0) };
}

/// As many slots as calls may run.
pub(super) struct Slots {
    slots: Box<[Slot]>,
}

/// One permit, on cache lines of its own.
#[repr(align(128))]
pub(super) struct Slot {
    /// The id of the tenant whose call runs.
    holder: AtomicU32,
    /// The call is asked to give way at its next checkpoint.
    asked: AtomicBool,
    /// Since when it runs.
    granted_ns: AtomicU64,
    /// Until when its time is charged.
    charged_ns: AtomicU64,
}

/// A call that runs, as others see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) slot: usize,
    pub(super) holder: u32,
    pub(super) asked: bool,
    pub(super) granted_ns: u64,
    pub(super) charged_ns: u64,
}

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        let slot = |_| Slot {
            holder: AtomicU32::new(FREE),
            asked: AtomicBool::new(false),
            granted_ns: AtomicU64::new(0),
            charged_ns: AtomicU64::new(0),
        };
        Self { slots: (0..count.max(1)).map(slot).collect() }
    }

    pub(super) fn count(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn taken(&self) -> usize {
        self.slots.iter().filter(|slot| slot.holder.load(Ordering::SeqCst) != FREE).count()
    }

    /// Takes a free slot for a tenant.
    pub(super) fn take(&self, holder: u32) -> Option<usize> {
        let last = LAST.get().checked_rem(self.slots.len()).unwrap_or(0);
        let from_last = self.slots.iter().enumerate().cycle().skip(last).take(self.slots.len());
        for (at, slot) in from_last {
            if slot.holder.load(Ordering::Relaxed) == FREE
                && slot.holder.compare_exchange(FREE, holder, Ordering::SeqCst, Ordering::Relaxed).is_ok()
            {
                LAST.set(at);
                return Some(at);
            }
        }
        None
    }

    /// A call starts to run in a slot that was taken.
    pub(super) fn started(&self, at: usize, now_ns: u64) {
        if let Some(slot) = self.slots.get(at) {
            slot.asked.store(false, Ordering::Relaxed);
            slot.charged_ns.store(now_ns, Ordering::Relaxed);
            slot.granted_ns.store(now_ns, Ordering::Release);
        }
    }

    /// The time of the call in a slot is charged up to now.
    pub(super) fn charged(&self, at: usize, now_ns: u64) {
        if let Some(slot) = self.slots.get(at) {
            slot.charged_ns.store(now_ns, Ordering::Relaxed);
        }
    }

    /// Another tenant's call takes over a slot that is taken.
    pub(super) fn pass_on(&self, at: usize, holder: u32) {
        if let Some(slot) = self.slots.get(at) {
            slot.asked.store(false, Ordering::Relaxed);
            slot.holder.store(holder, Ordering::SeqCst);
        }
    }

    pub(super) fn free(&self, at: usize) {
        if let Some(slot) = self.slots.get(at) {
            slot.holder.store(FREE, Ordering::SeqCst);
        }
    }

    pub(super) fn ask(&self, at: usize) {
        if let Some(slot) = self.slots.get(at) {
            slot.asked.store(true, Ordering::Release);
        }
    }

    pub(super) fn unask(&self, at: usize) {
        if let Some(slot) = self.slots.get(at) {
            slot.asked.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn is_asked(&self, at: usize) -> bool {
        self.slots.get(at).is_some_and(|slot| slot.asked.load(Ordering::Acquire))
    }

    /// The calls that run. One that just ends or begins may be seen half; what is decided from it is checked again.
    pub(super) fn held(&self) -> impl Iterator<Item = Held> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| {
            let holder = slot.holder.load(Ordering::SeqCst);
            (holder != FREE).then(|| Held {
                slot: at,
                holder,
                asked: slot.asked.load(Ordering::Relaxed),
                granted_ns: slot.granted_ns.load(Ordering::Acquire),
                charged_ns: slot.charged_ns.load(Ordering::Relaxed),
            })
        })
    }
}
