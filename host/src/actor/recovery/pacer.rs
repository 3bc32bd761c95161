//! Keeps work in the background at its share of the time: it rests before calls into guests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, sleep};

use crate::decide::Pace;

/// Everything between two rests is work, reading the store included; waiting for CPU is not.
#[derive(Debug)]
pub(crate) struct Pacer {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    /// Since when it works.
    since: Instant,
}

impl Pacer {
    /// Work that begins now, at this share of the time of one core.
    pub(crate) fn new(share: f64) -> Self {
        Self { state: Mutex::new(State { pace: Pace::new(share), since: Instant::now() }) }
    }

    /// Rests if that is due. Cancel-safe: who is cancelled has rested.
    pub(crate) async fn rest(&self) {
        let rest = {
            let mut state = self.lock();
            let worked = state.since.elapsed();
            state.pace.worked(worked);
            state.since = Instant::now();
            state.pace.rest()
        };
        if let Some(rest) = rest {
            sleep(rest).await;
        }
        self.resume();
    }

    /// Work goes on now: what was since the last rest was waiting.
    pub(crate) fn resume(&self) {
        self.lock().since = Instant::now();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn work_is_followed_by_rest_and_waiting_is_not() {
        let pacer = Pacer::new(0.25);
        let began = Instant::now();
        sleep(Duration::from_millis(20)).await;
        pacer.rest().await;
        let rested = began.elapsed();
        assert!(rested >= Duration::from_millis(79), "{rested:?}");
        sleep(Duration::from_millis(300)).await;
        pacer.resume();
        let began = Instant::now();
        pacer.rest().await;
        assert!(began.elapsed() < Duration::from_millis(300), "what was before is not paid for");
    }
}
