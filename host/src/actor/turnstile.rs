//! Places that tenants queue for: first come, first served within a tenant, and tenants take turns.
//!
//! # Why a tenant cannot keep others out
//! A tenant that has no place may have one beyond the bound, up to a second bound: those who hold all places may hold them
//! for long, and a place that becomes free goes to the next tenant, not to the one that waited with the most.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::vocab::Tenant;

/// A bounded number of places; cloning shares them.
#[derive(Clone)]
pub(crate) struct Turnstile {
    state: Arc<Mutex<State>>,
}

struct State {
    /// How many there are.
    places: usize,
    /// How many there are with those for tenants that have none.
    with_extra: usize,
    taken: usize,
    /// How many each tenant has; none with zero.
    held: BTreeMap<Tenant, usize>,
    /// Who waits, by tenant; no queue is empty.
    queues: BTreeMap<Tenant, VecDeque<oneshot::Sender<Pass>>>,
    /// The tenants that wait, in the order of their turns.
    turns: VecDeque<Tenant>,
}

/// One place, until it is dropped.
pub(crate) struct Pass {
    of: Tenant,
    /// `None`: given back already.
    state: Option<Turnstile>,
}

/// A place in the queue; resolves to a [`Pass`]. Dropping it gives it up.
pub(crate) struct Queueing {
    granted: oneshot::Receiver<Pass>,
    turnstile: Turnstile,
    of: Tenant,
}

impl Turnstile {
    /// So many places, and so many more for tenants that have none, one each.
    pub(crate) fn new(places: u32, extra: u32) -> Self {
        let count = |places| usize::try_from(places).unwrap_or(usize::MAX);
        let (places, extra) = (count(places), count(extra));
        let state = State {
            places,
            with_extra: places.saturating_add(extra),
            taken: 0,
            held: BTreeMap::new(),
            queues: BTreeMap::new(),
            turns: VecDeque::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place at once, if there is one and nobody waits for it.
    pub(crate) fn try_enter(&self, tenant: &Tenant) -> Option<Pass> {
        let mut state = self.lock();
        let may = state.may_have(tenant) && !state.queues.contains_key(tenant);
        // Beyond the bound others may wait, and this one must not.
        let is_extra = state.taken >= state.places;
        (may && (state.queues.is_empty() || is_extra)).then(|| state.take(self, tenant))
    }

    /// Whether anybody waits for a place.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.lock().queues.is_empty()
    }

    /// Queues for a place, from now on.
    pub(crate) fn enter(&self, tenant: &Tenant) -> Queueing {
        let (waiter, granted) = oneshot::channel();
        {
            let mut state = self.lock();
            let queue = state.queues.entry(tenant.clone()).or_default();
            queue.push_back(waiter);
            if queue.len() == 1 {
                state.turns.push_back(tenant.clone());
            }
        }
        self.serve();
        Queueing { granted, turnstile: self.clone(), of: tenant.clone() }
    }

    /// Gives free places to those who wait.
    fn serve(&self) {
        loop {
            // Sent when the lock is free: one that nobody receives takes it to come back.
            let Some((waiter, place)) = self.lock().next(self) else { return };
            drop(waiter.send(place));
        }
    }
}

impl State {
    /// Whether there is a place for this tenant.
    fn may_have(&self, tenant: &Tenant) -> bool {
        self.taken < self.places || (self.taken < self.with_extra && !self.held.contains_key(tenant))
    }

    fn take(&mut self, turnstile: &Turnstile, tenant: &Tenant) -> Pass {
        self.taken = self.taken.saturating_add(1);
        *self.held.entry(tenant.clone()).or_default() += 1;
        Pass { of: tenant.clone(), state: Some(turnstile.clone()) }
    }

    fn give_back(&mut self, tenant: &Tenant) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(held) = self.held.get_mut(tenant) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held.remove(tenant);
            }
        }
    }

    /// The next tenant's first waiter for which there is a place; that tenant's next turn comes after the others'.
    fn next(&mut self, turnstile: &Turnstile) -> Option<(oneshot::Sender<Pass>, Pass)> {
        let at = self.turns.iter().position(|tenant| self.may_have(tenant))?;
        let tenant = self.turns.remove(at)?;
        let queue = self.queues.get_mut(&tenant)?;
        let waiter = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&tenant);
        } else {
            self.turns.push_back(tenant.clone());
        }
        waiter.map(|waiter| (waiter, self.take(turnstile, &tenant)))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(turnstile) = self.state.take() {
            turnstile.lock().give_back(&self.of);
            turnstile.serve();
        }
    }
}

impl Queueing {
    /// The place, if there is one by now.
    pub(crate) fn now(&mut self) -> Option<Pass> {
        self.granted.try_recv().ok()
    }
}

impl Future for Queueing {
    type Output = Pass;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Pass> {
        loop {
            match Pin::new(&mut self.granted).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(place)) => return Poll::Ready(place),
                // The queue never drops who waits; if it did, nothing would be lost but the place in it.
                Poll::Ready(Err(_)) => {
                    let again = self.turnstile.enter(&self.of);
                    self.granted = again.granted;
                }
            }
        }
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass").field("of", &self.of).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Turnstile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        f.debug_struct("Turnstile").field("taken", &state.taken).field("places", &state.places).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn tenant(name: &str) -> Tenant {
        Tenant::new(name).unwrap()
    }

    #[test]
    fn within_a_tenant_the_first_who_came_is_served_first() {
        let turnstile = Turnstile::new(1, 0);
        let a = tenant("a");
        let held = turnstile.try_enter(&a);
        let (mut first, mut second) = (turnstile.enter(&a), turnstile.enter(&a));
        assert!(turnstile.try_enter(&a).is_none());
        drop(held);
        assert!((&mut second).now_or_never().is_none());
        drop((&mut first).now_or_never().unwrap());
        assert!(second.now_or_never().is_some());
    }

    #[test]
    fn a_tenant_with_many_lets_one_with_few_in_between() {
        let turnstile = Turnstile::new(1, 0);
        let (many, few) = (tenant("many"), tenant("few"));
        let held = turnstile.try_enter(&many);
        let mut crowd: VecDeque<Queueing> = (0..100).map(|_| turnstile.enter(&many)).collect();
        let guest = turnstile.enter(&few);
        drop(held);
        // The first turn is the crowd's, the second is not.
        let first = crowd.pop_front().unwrap().now_or_never();
        assert!(first.is_some());
        drop(first);
        assert!(guest.now_or_never().is_some());
    }

    #[test]
    fn who_has_none_gets_one_although_all_are_taken() {
        let turnstile = Turnstile::new(2, 1);
        let all: Vec<Pass> = (0..2).filter_map(|_| turnstile.try_enter(&tenant("a"))).collect();
        assert_eq!(all.len(), 2);
        let waits = turnstile.enter(&tenant("a"));
        assert!(waits.now_or_never().is_none(), "who has some waits");
        let extra = turnstile.try_enter(&tenant("b"));
        assert!(extra.is_some() && turnstile.try_enter(&tenant("b")).is_none());
        assert!(turnstile.try_enter(&tenant("c")).is_none(), "there was one extra place");
        let c = turnstile.enter(&tenant("c"));
        drop(extra);
        assert!(c.now_or_never().is_some());
    }

    #[test]
    fn who_leaves_gives_the_place_up_before_and_after_it_was_given() {
        let turnstile = Turnstile::new(1, 0);
        let a = tenant("a");
        let held = turnstile.try_enter(&a);
        let (before, after, stays) = (turnstile.enter(&a), turnstile.enter(&a), turnstile.enter(&a));
        drop(before);
        drop(held);
        drop(after);
        drop(stays.now_or_never().unwrap());
        assert!(turnstile.try_enter(&a).is_some());
        let state = turnstile.lock();
        assert!((state.taken, state.held.len(), state.queues.len(), state.turns.len()) == (0, 0, 0, 0));
    }
}
