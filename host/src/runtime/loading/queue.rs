//! Who compiles when: one at a time, tenants in turns, each with a bounded number of deploys.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::decide::{Turns, Urgency};
use crate::vocab::Owner;

/// The queue in front of the compiler.
#[derive(Debug, Default)]
pub(super) struct CompileQueue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    turns: Turns<Owner, oneshot::Sender<Turn>>,
    /// Deploys of each owner that are under way or wait.
    places: BTreeMap<Owner, u32>,
    taken: u32,
    is_closed: bool,
}

/// How many deploys there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlacesMax {
    pub(super) of_one: u32,
    pub(super) of_all: u32,
}

/// A deploy's place, from before its bytes are read to its end.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Arc<CompileQueue>,
    owner: Owner,
}

/// The right to compile; dropping it passes it on.
#[derive(Debug)]
pub(super) struct Turn {
    queue: Option<Arc<CompileQueue>>,
}

impl CompileQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a deploy. Past the bound of all owners together, each may have one: nobody is locked out by others.
    ///
    /// # Errors
    /// The bound that is in the way.
    pub(super) fn enter(self: &Arc<Self>, owner: &Owner, max: PlacesMax) -> Result<Place, u32> {
        let mut state = self.lock();
        let own = state.places.get(owner).copied().unwrap_or(0);
        if own >= max.of_one {
            return Err(max.of_one);
        }
        if state.taken >= max.of_all && own > 0 {
            return Err(own);
        }
        state.places.insert(owner.clone(), own.saturating_add(1));
        state.taken = state.taken.saturating_add(1);
        Ok(Place { queue: Arc::clone(self), owner: owner.clone() })
    }

    /// Waits for the turn to compile; `None`: the host is shutting down.
    ///
    /// Who stops waiting is passed over.
    pub(super) async fn turn(self: &Arc<Self>, owner: &Owner, urgency: Urgency) -> Option<Turn> {
        let waiting = {
            let mut state = self.lock();
            if state.is_closed {
                return None;
            }
            if state.turns.take(owner) {
                return Some(Turn { queue: Some(Arc::clone(self)) });
            }
            let (turn, waiting) = oneshot::channel();
            state.turns.wait(owner.clone(), urgency, turn);
            waiting
        };
        waiting.await.ok()
    }

    /// Lets nobody compile any more.
    pub(super) fn close(&self) {
        let waiting = {
            let mut state = self.lock();
            state.is_closed = true;
            state.turns.clear()
        };
        drop(waiting);
    }

    fn pass(self: &Arc<Self>) {
        loop {
            // The lock is not held while the turn is sent: one that nobody takes comes back and is dropped.
            let Some(waiter) = self.lock().turns.pass() else { return };
            match waiter.send(Turn { queue: Some(Arc::clone(self)) }) {
                Ok(()) => return,
                Err(mut unwanted) => unwanted.queue = None,
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.taken = state.taken.saturating_sub(1);
        let left = state.places.get(&self.owner).map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            state.places.remove(&self.owner);
        } else {
            state.places.insert(self.owner.clone(), left);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.pass();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn owner(name: &str) -> Owner {
        Owner::new(name).unwrap()
    }

    fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        match std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn exactly_so_many_places_are_given_and_one_more_is_refused() {
        let queue = Arc::new(CompileQueue::default());
        let max = PlacesMax { of_one: 2, of_all: 3 };
        let first = queue.enter(&owner("a"), max).unwrap();
        let _second = queue.enter(&owner("a"), max).unwrap();
        assert_eq!(queue.enter(&owner("a"), max).unwrap_err(), 2);
        let _other = queue.enter(&owner("b"), max).unwrap();
        assert_eq!(queue.enter(&owner("b"), max).unwrap_err(), 1, "all places are taken, and it has one");
        let late = queue.enter(&owner("c"), max).unwrap();
        assert_eq!(queue.enter(&owner("c"), max).unwrap_err(), 1);
        drop((first, late));
        assert!(queue.enter(&owner("a"), max).is_ok());
    }

    #[test]
    fn a_place_that_is_left_leaves_nothing_behind() {
        let queue = Arc::new(CompileQueue::default());
        let max = PlacesMax { of_one: 1, of_all: 1 };
        for _ in 0..3 {
            drop(queue.enter(&owner("a"), max).unwrap());
        }
        assert!(queue.lock().places.is_empty() && queue.lock().taken == 0);
    }

    #[tokio::test]
    async fn the_turn_goes_to_the_next_and_past_whoever_stopped_waiting() {
        let queue = Arc::new(CompileQueue::default());
        let (a, b, c) = (owner("a"), owner("b"), owner("c"));
        let first = queue.turn(&a, Urgency::Ordinary).await.unwrap();
        let mut second = Box::pin(queue.turn(&b, Urgency::Ordinary));
        let mut third = Box::pin(queue.turn(&c, Urgency::Ordinary));
        assert!(poll(&mut second).is_none() && poll(&mut third).is_none());
        drop(second);
        drop(first);
        let third = poll(&mut third).flatten().expect("the one that still waits has the turn");
        drop(third);
        assert!(poll(&mut pin!(queue.turn(&a, Urgency::Ordinary))).flatten().is_some());
    }

    #[tokio::test]
    async fn a_turn_that_was_given_and_never_looked_at_is_passed_on() {
        let queue = Arc::new(CompileQueue::default());
        let (a, b) = (owner("a"), owner("b"));
        let first = queue.turn(&a, Urgency::Ordinary).await.unwrap();
        let mut second = Box::pin(queue.turn(&b, Urgency::Ordinary));
        assert!(poll(&mut second).is_none());
        drop(first);
        drop(second);
        assert!(poll(&mut pin!(queue.turn(&a, Urgency::Ordinary))).flatten().is_some());
    }

    #[tokio::test]
    async fn a_closed_queue_lets_nobody_wait() {
        let queue = Arc::new(CompileQueue::default());
        let a = owner("a");
        let _turn = queue.turn(&a, Urgency::Ordinary).await.unwrap();
        let mut waiting = Box::pin(queue.turn(&a, Urgency::Ordinary));
        assert!(poll(&mut waiting).is_none());
        queue.close();
        assert!(matches!(poll(&mut waiting), Some(None)));
        assert!(queue.turn(&a, Urgency::Ordinary).await.is_none());
    }
}
