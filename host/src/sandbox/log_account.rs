//! What the guests of one tenant, and the host about them, may put into the log together.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The bytes that are logged for one tenant in a second; shared by all its instances, whenever they begin.
#[derive(Debug, Default)]
pub struct LogAccount {
    /// The second that is being counted, and what was logged in it.
    window: Mutex<Option<(Instant, u64)>>,
}

impl LogAccount {
    /// Takes the bytes of a line; false: they would be more than so many in this second.
    #[must_use]
    pub fn admits(&self, bytes: usize, bytes_per_second: u64) -> bool {
        self.admits_at(bytes, bytes_per_second, Instant::now())
    }

    fn admits_at(&self, bytes: usize, bytes_per_second: u64, now: Instant) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, used) = window
            .filter(|(since, _)| now.saturating_duration_since(*since) < Duration::from_secs(1))
            .unwrap_or((now, 0));
        let wanted = used.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let admitted = wanted <= bytes_per_second;
        *window = Some((since, if admitted { wanted } else { used }));
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_as_many_bytes_of_a_tenant_are_logged_in_a_second() {
        let account = LogAccount::default();
        let now = Instant::now();
        let admits = |bytes, after_ms| account.admits_at(bytes, 100, now + Duration::from_millis(after_ms));
        assert!(admits(60, 0) && admits(40, 500) && !admits(1, 999));
        assert!(admits(100, 1_000) && !admits(1, 1_001), "the next second begins anew");
    }
}
