//! What of one tenant is in the host's memory on its way: commands that have no answer yet, appends that are not stored yet.
//!
//! Both are counted while they are held, so that a tenant cannot fill the memory through ten thousand mailboxes, each of which
//! has room, and cannot put ever more in front of other tenants' appends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

use crate::vocab::{Limits, Tenant};

/// Bits of a meter that hold bytes; those above hold the count.
const BYTES_BITS: u32 = 40;
const BYTES_MAX: u64 = (1 << BYTES_BITS) - 1;
const COUNT_MAX: u64 = (1 << (u64::BITS - BYTES_BITS)) - 1;

/// The loads of all tenants; cloning shares them.
#[derive(Clone)]
pub(crate) struct Loads {
    of: Arc<Mutex<BTreeMap<Tenant, Weak<Load>>>>,
    limits: Arc<Limits>,
}

/// What of one tenant is on its way.
pub(crate) struct Load {
    /// Commands of clients, from their arrival to their answer.
    pub(crate) commands: Arc<Meter>,
    /// Frames and snapshots handed to the store, until it answers.
    pub(crate) appends: Arc<Meter>,
}

/// A count and its bytes, with bounds.
pub(crate) struct Meter {
    taken: AtomicU64,
    count_max: u64,
    bytes_max: u64,
    /// How many wait for room; who frees some looks at it afterwards.
    waiting: AtomicUsize,
    freed: Notify,
}

/// A part of a meter, until it is dropped.
pub(crate) struct Taken {
    meter: Arc<Meter>,
    bytes: u64,
}

impl Loads {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { of: Arc::default(), limits: Arc::new(limits.clone()) }
    }

    /// How many commands of a tenant that has used up its CPU time may wait.
    pub(crate) fn throttled_commands_max(&self) -> u64 {
        u64::from(self.limits.throttled_commands)
    }

    /// The load of a tenant; the same for all who ask while anybody holds it.
    pub(crate) fn of(&self, tenant: &Tenant) -> Arc<Load> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = of.get(tenant).and_then(Weak::upgrade) {
            return load;
        }
        of.retain(|_, load| load.strong_count() > 0);
        let limits = &self.limits;
        let load = Arc::new(Load {
            commands: Meter::new(u64::from(limits.tenant_commands), limits.tenant_command_bytes),
            appends: Meter::new(COUNT_MAX, limits.tenant_append_bytes),
        });
        of.insert(tenant.clone(), Arc::downgrade(&load));
        load
    }
}

impl Meter {
    fn new(count_max: u64, bytes_max: u64) -> Arc<Self> {
        let (count_max, bytes_max) = (count_max.min(COUNT_MAX), bytes_max.min(BYTES_MAX));
        let (taken, waiting) = (AtomicU64::new(0), AtomicUsize::new(0));
        Arc::new(Self { taken, count_max, bytes_max, waiting, freed: Notify::new() })
    }

    /// One that bounds bytes only.
    pub(crate) fn of_bytes(bytes_max: u64) -> Arc<Self> {
        Self::new(COUNT_MAX, bytes_max)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.taken.load(Ordering::SeqCst) >> BYTES_BITS
    }

    /// Takes one of these bytes, if that stays within the bounds. One alone is always let in: what bounds it is elsewhere.
    pub(crate) fn try_take(self: &Arc<Self>, bytes: usize) -> Option<Taken> {
        let bytes = u64::try_from(bytes).unwrap_or(BYTES_MAX);
        let taken = |now| with_one_more(now, bytes, self.count_max, self.bytes_max);
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken).ok()?;
        Some(Taken { meter: Arc::clone(self), bytes })
    }

    /// The same, waiting for room. Cancel-safe.
    pub(crate) async fn take(self: &Arc<Self>, bytes: usize) -> Taken {
        self.wait_for(|| self.try_take(bytes)).await
    }

    /// Takes one of these bytes, whatever there is.
    pub(crate) fn add(self: &Arc<Self>, bytes: usize) -> Taken {
        let bytes = u64::try_from(bytes).unwrap_or(BYTES_MAX);
        let added = |now| with_one_more(now, bytes, COUNT_MAX, BYTES_MAX);
        match self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, added) {
            Ok(_) => Taken { meter: Arc::clone(self), bytes },
            // So much is never in memory; then this one is not counted.
            Err(_) => Taken { meter: Self::new(COUNT_MAX, BYTES_MAX), bytes: 0 },
        }
    }

    /// Whether there is room for anything more.
    pub(crate) fn has_room(&self) -> bool {
        self.taken.load(Ordering::SeqCst) & BYTES_MAX < self.bytes_max
    }

    /// Waits until there is room for anything more. Cancel-safe.
    pub(crate) async fn room(&self) {
        self.wait_for(|| self.has_room().then_some(())).await;
    }

    async fn wait_for<T>(&self, look: impl Fn() -> Option<T>) -> T {
        if let Some(found) = look() {
            return found;
        }
        let _counted = Waits::begin(&self.waiting);
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // Before the look: what is freed from now on is heard of.
            freed.as_mut().enable();
            if let Some(found) = look() {
                return found;
            }
            freed.await;
        }
    }
}

/// Somebody waits for room, until it is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The meter with one more of these bytes; `None`: over a bound.
fn with_one_more(now: u64, bytes: u64, count_max: u64, bytes_max: u64) -> Option<u64> {
    let (count, held) = (now >> BYTES_BITS, now & BYTES_MAX);
    let (count, sum) = (count.checked_add(1)?, held.checked_add(bytes)?);
    let fits = count <= count_max && (held == 0 || sum <= bytes_max) && sum <= BYTES_MAX;
    fits.then_some(count << BYTES_BITS | sum)
}

impl Drop for Taken {
    fn drop(&mut self) {
        let one = 1 << BYTES_BITS;
        self.meter.taken.fetch_sub(one | self.bytes, Ordering::SeqCst);
        if self.meter.waiting.load(Ordering::SeqCst) > 0 {
            self.meter.freed.notify_waiters();
        }
    }
}

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Taken").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn exactly_as_many_as_the_bound_and_not_one_more() {
        let meter = Meter::new(2, 100);
        let held = (meter.try_take(0), meter.try_take(0));
        assert!(held.0.is_some() && held.1.is_some() && meter.try_take(0).is_none());
        assert_eq!(meter.count(), 2);
        drop(held);
        assert!(meter.try_take(0).is_some());
        assert_eq!(meter.taken.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn exactly_as_many_bytes_as_the_bound_and_not_one_more() {
        let meter = Meter::new(10, 100);
        let held = (meter.try_take(40), meter.try_take(60));
        assert!(held.0.is_some() && held.1.is_some() && !meter.has_room() && meter.try_take(1).is_none());
        drop(held);
        // One that is larger than the bound would wait for ever.
        let large = meter.try_take(1_000);
        assert!(large.is_some() && meter.try_take(1).is_none());
        drop(large);
        assert!(meter.has_room());
    }

    #[test]
    fn who_waits_for_room_gets_it() {
        let meter = Meter::new(1, 100);
        let held = meter.try_take(100);
        let (mut takes, mut room) = (Box::pin(meter.take(1)), Box::pin(meter.room()));
        assert!((&mut takes).now_or_never().is_none() && (&mut room).now_or_never().is_none());
        drop(held);
        assert!(takes.now_or_never().is_some() && room.now_or_never().is_some());
    }

    #[test]
    fn what_is_added_beyond_the_bound_is_counted() {
        let meter = Meter::new(10, 100);
        let held = (meter.add(90), meter.add(90));
        assert!(!meter.has_room());
        drop(held.0);
        assert!(meter.has_room());
        drop(held.1);
        assert_eq!(meter.taken.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn the_load_of_a_tenant_is_one() {
        let loads = Loads::new(&Limits { tenant_commands: 1, ..Limits::default() });
        let tenant = Tenant::new("a").unwrap();
        let load = loads.of(&tenant);
        let held = load.commands.try_take(0);
        assert!(held.is_some() && loads.of(&tenant).commands.try_take(0).is_none());
        assert!(loads.of(&Tenant::new("b").unwrap()).commands.try_take(0).is_some());
    }
}
