//! Wakes passive actors whose timer is due or whose tells are undelivered.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::directory::Directory;
use super::{AskError, RequestError};
use crate::vocab::{Address, Clock, Timestamp};

/// With nothing due, the waker still looks this often: the wall clock may have been set.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// An actor that could not be brought on stage is tried again after this long, milliseconds.
const RETRY_AFTER_MS: u64 = 5_000;

/// An actor that is just leaving is woken after this long, milliseconds.
const LEAVING_MS: u64 = 20;

/// Passive actors by the time they must be awake.
#[derive(Default)]
pub(super) struct Waker {
    due: Mutex<Due>,
    changed: Notify,
}

/// One entry per actor: one that leaves again and again with another time does not leave a trail.
#[derive(Default)]
struct Due {
    by_time: BTreeSet<(Timestamp, Arc<Address>)>,
    times: HashMap<Arc<Address>, Timestamp>,
}

impl Due {
    fn set(&mut self, address: &Arc<Address>, at: Timestamp) {
        if let Some(before) = self.times.insert(Arc::clone(address), at) {
            self.by_time.remove(&(before, Arc::clone(address)));
        }
        self.by_time.insert((at, Arc::clone(address)));
    }

    fn first(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    fn pop_first(&mut self) -> Option<Arc<Address>> {
        let (_, address) = self.by_time.pop_first()?;
        self.times.remove(&address);
        Some(address)
    }
}

impl Waker {
    /// Remembers to wake an actor. What was said of it before is forgotten: whoever leaves last knows best.
    pub(super) fn wake_later(&self, address: &Arc<Address>, at: Timestamp) {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).set(address, at);
        self.changed.notify_one();
    }

    /// Wakes actors for as long as the directory lives.
    pub(super) async fn run(self: Arc<Self>, directory: Weak<Directory>, clock: Arc<dyn Clock>) {
        loop {
            let now = clock.now();
            for address in self.take_due(now) {
                let Some(directory) = directory.upgrade() else { return };
                if !directory.is_open() {
                    continue;
                }
                match directory.bring_on(&address, address.id()) {
                    Ok(handle) if !handle.mailbox.is_closed() => {}
                    // Its next activation must find what is due.
                    Ok(_leaving) => self.wake_later(&address, Timestamp(now.0.saturating_add(LEAVING_MS))),
                    // Deleted with its tenant: there is nobody to wake.
                    Err(AskError::Request(RequestError::UnknownTenant(_))) => {}
                    // Whoever ends the quarantine wakes it.
                    Err(AskError::Quarantined { .. }) => {}
                    Err(AskError::Restarting { after_ms, .. }) => {
                        self.wake_later(&address, Timestamp(now.0.saturating_add(after_ms.max(1))));
                    }
                    Err(_) => self.wake_later(&address, Timestamp(now.0.saturating_add(RETRY_AFTER_MS))),
                }
            }
            if directory.strong_count() == 0 {
                return;
            }
            let _timed_out = tokio::time::timeout(self.pause(now), self.changed.notified()).await;
        }
    }

    fn take_due(&self, now: Timestamp) -> Vec<Arc<Address>> {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        while due.first().is_some_and(|at| at <= now) {
            taken.extend(due.pop_first());
        }
        taken
    }

    fn pause(&self, now: Timestamp) -> Duration {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let next = due.first().map(|at| Duration::from_millis(at.since_ms(now).max(1)));
        next.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_due_is_taken_earliest_first() {
        let waker = Waker::default();
        let of = |key: &str| Arc::new(Address::new("default", "k", key).expect("an address"));
        waker.wake_later(&of("late"), Timestamp(30));
        waker.wake_later(&of("second"), Timestamp(20));
        waker.wake_later(&of("first"), Timestamp(10));
        let taken: Vec<_> = waker.take_due(Timestamp(20)).iter().map(|a| a.key.to_string()).collect();
        assert_eq!(taken, ["first", "second"]);
        assert_eq!(waker.pause(Timestamp(25)), Duration::from_millis(5));
    }

    #[test]
    fn an_actor_is_remembered_once_with_the_newest_time() {
        let waker = Waker::default();
        let address = Arc::new(Address::new("default", "k", "a").expect("an address"));
        for at in [30, 10, 20] {
            waker.wake_later(&address, Timestamp(at));
        }
        assert!(waker.take_due(Timestamp(19)).is_empty());
        assert_eq!(waker.take_due(Timestamp(99)).len(), 1);
        assert!(waker.due.lock().expect("sound").times.is_empty());
    }
}
