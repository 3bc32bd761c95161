//! Time that a guest spends in the host: the deadline is not looked at there, and code without a loop or a call of its
//! own reaches no other place where it is.

use std::time::{Duration, Instant};

use super::GuestFailure;
use super::failure::Refusal;

/// What one host call counts beside the bytes that it brings.
const CALL_BYTES: u64 = 512;
/// After so many bytes the clock is read: some hundred microseconds of copying.
const LOOK_EVERY_BYTES: u64 = /* 1 MiB */ 1_024 * 1_024;

/// What the host did for a guest during one call of it.
#[derive(Debug, Default)]
pub(super) struct HostTime {
    bytes: u64,
    /// When the clock was first read; calls that ask little of the host never read it.
    since: Option<Instant>,
}

impl HostTime {
    /// Counts a host call that brought this many bytes, and ends the guest's call if it has been asking for too long.
    pub(super) fn spend(&mut self, bytes: usize, limit_ms: u64) -> Result<(), Refusal> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(CALL_BYTES);
        if self.bytes < LOOK_EVERY_BYTES {
            return Ok(());
        }
        self.bytes = 0;
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() < Duration::from_millis(limit_ms) {
            return Ok(());
        }
        Err(Refusal(GuestFailure::OutOfTime { limit_ms }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_little_never_reads_a_clock_and_asking_for_long_ends() {
        let mut time = HostTime::default();
        (0..1_000).for_each(|_| assert!(time.spend(10, 0).is_ok()));
        assert!(time.since.is_none());
        assert!(time.spend(2_000_000, 50).is_ok());
        std::thread::sleep(Duration::from_millis(60));
        let refusal = time.spend(2_000_000, 50).unwrap_err();
        assert!(matches!(refusal.0, GuestFailure::OutOfTime { limit_ms: 50 }));
    }
}
