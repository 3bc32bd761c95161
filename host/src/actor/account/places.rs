//! How many actors of a tenant are live.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The places on stage of one tenant; first come, first served.
#[derive(Debug, Default)]
pub(crate) struct Places {
    state: Mutex<State>,
    /// Somebody left, or there may be more.
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    taken: u64,
    waiting: u64,
    /// `None`: as many as the host has.
    max: Option<u64>,
}

impl State {
    fn has_room(&self) -> bool {
        self.max.is_none_or(|max| self.taken < max)
    }
}

/// A place that is taken; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.taken = state.taken.saturating_sub(1);
        drop(state);
        self.0.freed.notify_one();
    }
}

/// Somebody who waits for a place, until it is dropped.
struct Waiting<'a>(&'a Places);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting = state.waiting.saturating_sub(1);
    }
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there may be from now on; those who are there already stay.
    pub(crate) fn set_max(&self, max: Option<u64>) {
        self.lock().max = max;
        self.freed.notify_waiters();
    }

    /// How many there may be.
    pub(crate) fn max(&self) -> Option<u64> {
        self.lock().max
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// Takes a place if there is one and nobody waits for it.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.lock();
        (state.waiting == 0).then(|| self.take_from(&mut state)).flatten()
    }

    /// Waits for a place. Who gives up waiting is passed over.
    pub(crate) async fn take(self: &Arc<Self>) -> Place {
        self.lock().waiting += 1;
        let _waiting = Waiting(self);
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // From here on no notice is missed.
            freed.as_mut().enable();
            let taken = self.take_from(&mut self.lock());
            if let Some(place) = taken {
                return place;
            }
            freed.await;
        }
    }

    fn take_from(self: &Arc<Self>, state: &mut State) -> Option<Place> {
        let has_room = state.has_room();
        if has_room {
            state.taken = state.taken.saturating_add(1);
        }
        has_room.then(|| Place(Arc::clone(self)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn exactly_as_many_as_there_may_be_and_then_whoever_waited_first() {
        let places = Arc::new(Places::default());
        places.set_max(Some(2));
        let first = places.try_take().unwrap();
        let _second = places.try_take().unwrap();
        assert!(places.try_take().is_none());
        assert!(timeout(SOON, places.take()).await.is_err(), "who gave up waits no more");
        let waiting = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take().await }
        });
        tokio::time::sleep(SOON).await;
        drop(first);
        assert!(places.try_take().is_none(), "the place is for whoever waits");
        let _third = waiting.await.unwrap();
        assert_eq!(places.taken(), 2);
    }

    #[tokio::test]
    async fn a_higher_bound_lets_in_all_who_fit() {
        let places = Arc::new(Places::default());
        places.set_max(Some(1));
        let _first = places.try_take().unwrap();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let places = Arc::clone(&places);
                tokio::spawn(async move { places.take().await })
            })
            .collect();
        tokio::time::sleep(SOON).await;
        places.set_max(Some(3));
        for task in waiting {
            std::mem::forget(task.await.unwrap());
        }
        assert!(places.try_take().is_none());
        places.set_max(None);
        assert!(places.try_take().is_some());
    }
}
