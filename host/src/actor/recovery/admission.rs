//! A recovery's waits for CPU. They are other tenants' time, or its own tenant's; the recovery's limit does not count them.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Pacer;
use crate::sandbox::{Permit, Share};

/// The limit is looked at in steps of this at least.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How long a recovery waited for CPU.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    waits: Mutex<Waits>,
    /// Who makes it rest before it asks; `None`: nobody.
    pacer: Option<Arc<Pacer>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Waits {
    done: Duration,
    since: Option<Instant>,
}

impl Admission {
    /// The same for work in the background, which rests in between. Its rests are waits.
    pub(crate) fn paced(pacer: Arc<Pacer>) -> Self {
        Self { pacer: Some(pacer), ..Self::default() }
    }

    /// A fresh one for the same kind of work.
    pub(super) fn another(&self) -> Self {
        Self { pacer: self.pacer.clone(), ..Self::default() }
    }

    /// Waits for a permit.
    pub(crate) async fn enter(&self, share: &Share) -> Permit {
        if self.pacer.is_none()
            && let Some(permit) = share.try_enter()
        {
            return permit;
        }
        self.waits(|waits| waits.since = Some(Instant::now()));
        let permit = match &self.pacer {
            None => share.wait().await,
            Some(pacer) => {
                pacer.rest().await;
                let permit = share.enter().await;
                pacer.resume();
                permit
            }
        };
        self.waits(|waits| {
            waits.done = waits.done.saturating_add(waits.since.take().map_or(Duration::ZERO, |since| since.elapsed()));
        });
        permit
    }

    /// Does something within a time that stands still while a permit is waited for; `None`: it took longer.
    pub(crate) async fn limited<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let began = Instant::now();
        let mut work = pin!(work);
        loop {
            // While it waits the end moves away with the time: looking again in steps is enough.
            let until = (began + limit + self.waited()).max(Instant::now() + LOOK_AGAIN);
            tokio::select! {
                biased;
                done = work.as_mut() => return Some(done),
                () = sleep_until(until) => {
                    if began + limit + self.waited() <= Instant::now() {
                        return None;
                    }
                }
            }
        }
    }

    /// For how long it has waited.
    pub(crate) fn waited(&self) -> Duration {
        let mut waited = Duration::ZERO;
        self.waits(|waits| {
            waited = waits.done.saturating_add(waits.since.map_or(Duration::ZERO, |since| since.elapsed()));
        });
        waited
    }

    fn waits(&self, change: impl FnOnce(&mut Waits)) {
        change(&mut self.waits.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_in_which_it_waits_for_cpu_does_not_count() {
        let (limit, wait) = (Duration::from_millis(500), Duration::from_millis(700));
        let admission = Admission::default();
        let waits = async {
            admission.waits(|waits| waits.since = Some(Instant::now()));
            tokio::time::sleep(wait).await;
            admission.waits(|waits| *waits = Waits { done: wait, since: None });
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(admission.limited(limit, waits).await, Some(()));
        let works = tokio::time::sleep(Duration::from_secs(60));
        assert_eq!(Admission::default().limited(Duration::from_millis(10), works).await, None);
    }
}
