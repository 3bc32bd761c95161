//! What guests say: to the host's log, at a bounded rate, with the actor's address.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::said::plain;
use super::{LogAccount, limit_hit};
use crate::vocab::{Address, Limit, Limits};

/// How loud a line is; as in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// The two streams that standard libraries print to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Printed {
    Stdout,
    Stderr,
}

/// The log of one instance.
#[derive(Debug)]
pub(super) struct GuestLog {
    address: Arc<Address>,
    silent: bool,
    message_bytes_max: usize,
    bytes_per_second: u64,
    /// What all of its tenant's instances log together, and how much that may be in a second.
    of_tenant: Option<Arc<LogAccount>>,
    tenant_bytes_per_second: u64,
    /// The second that is being counted, and what was logged in it.
    window: Option<(Instant, u64)>,
    dropped_bytes: u64,
    /// Whether a message of this call was cut, and whether lines were dropped for their rate.
    was_cut: bool,
    was_flooded: bool,
    was_flooded_by_all: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// What was said at error level, or printed to stderr, in this call: the reason of a trap that may follow.
    last_error: String,
    last_printed: String,
}

impl GuestLog {
    pub(super) fn new(
        address: Arc<Address>,
        silent: bool,
        limits: &Limits,
        of_tenant: Option<Arc<LogAccount>>,
    ) -> Self {
        Self {
            address,
            silent,
            message_bytes_max: usize::try_from(limits.guest_log_message_bytes).unwrap_or(usize::MAX),
            bytes_per_second: limits.guest_log_bytes_per_second,
            of_tenant,
            tenant_bytes_per_second: limits.tenant_log_bytes_per_second,
            window: None,
            dropped_bytes: 0,
            was_cut: false,
            was_flooded: false,
            was_flooded_by_all: false,
            stdout: Vec::new(),
            stderr: Vec::new(),
            last_error: String::new(),
            last_printed: String::new(),
        }
    }

    /// Whose log it is.
    pub(super) fn address(&self) -> Arc<Address> {
        Arc::clone(&self.address)
    }

    /// Forgets the last words of earlier calls.
    pub(super) fn enter(&mut self) {
        self.last_error.clear();
        self.last_printed.clear();
    }

    /// Writes out lines that were printed without an end, and counts what was dropped.
    pub(super) fn leave(&mut self) {
        self.end_line(Printed::Stdout);
        self.end_line(Printed::Stderr);
        let cut = (std::mem::take(&mut self.was_cut), Limit::GuestLogMessageBytes);
        let flooded = (std::mem::take(&mut self.was_flooded), Limit::GuestLogBytesPerSecond);
        let by_all = (std::mem::take(&mut self.was_flooded_by_all), Limit::TenantLogBytesPerSecond);
        for (_, limit) in [cut, flooded, by_all].into_iter().filter(|(was_hit, _)| *was_hit) {
            limit_hit(&self.address.tenant, limit);
        }
        let dropped = std::mem::take(&mut self.dropped_bytes);
        if dropped > 0 {
            let (tenant, kind) = (self.address.tenant.to_string(), self.address.kind.to_string());
            metrics::counter!("greenroom_guest_log_dropped_bytes_total", "tenant" => tenant, "kind" => kind)
                .increment(dropped);
        }
    }

    /// The reason that the guest gave in this call, if it gave one.
    pub(super) fn last_words(&self) -> Option<&str> {
        [&self.last_error, &self.last_printed].into_iter().find(|words| !words.is_empty()).map(String::as_str)
    }

    pub(super) fn write(&mut self, level: Level, message: &str) {
        let kept = message.get(..message.floor_char_boundary(self.message_bytes_max)).unwrap_or_default();
        self.cut_bytes(message.len().saturating_sub(kept.len()));
        if level == Level::Error {
            self.last_error = plain(kept);
        }
        self.emit(level, kept);
    }

    /// Takes printed bytes, and logs every line that they complete.
    pub(super) fn print(&mut self, to: Printed, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = self.message_bytes_max.saturating_sub(self.line(to).len());
            let kept = piece.get(..piece.len().min(room)).unwrap_or_default();
            self.cut_bytes(piece.len().saturating_sub(kept.len()));
            self.line(to).extend_from_slice(kept);
            if piece.ends_with(b"\n") {
                self.end_line(to);
            }
        }
    }

    fn line(&mut self, of: Printed) -> &mut Vec<u8> {
        match of {
            Printed::Stdout => &mut self.stdout,
            Printed::Stderr => &mut self.stderr,
        }
    }

    fn end_line(&mut self, of: Printed) {
        let line = std::mem::take(self.line(of));
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        if of == Printed::Stderr && self.last_printed.len().saturating_add(text.len()) < self.message_bytes_max {
            let gap = if self.last_printed.is_empty() { "" } else { " " };
            self.last_printed.push_str(gap);
            self.last_printed.push_str(&plain(text));
        }
        let level = if of == Printed::Stderr { Level::Warn } else { Level::Info };
        self.emit(level, text);
    }

    /// Logs a line; one that is over the rate costs no more than this look at it.
    fn emit(&mut self, level: Level, message: &str) {
        if self.silent {
            return;
        }
        if !self.admits(count(message.len())) {
            self.was_flooded = true;
            self.drop_bytes(message.len());
            return;
        }
        if self.of_tenant.as_ref().is_some_and(|all| !all.admits(message.len(), self.tenant_bytes_per_second)) {
            self.was_flooded_by_all = true;
            self.drop_bytes(message.len());
            return;
        }
        let message = plain(message);
        let Address { tenant, kind, key } = &*self.address;
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(target: "greenroom::guest", tracing::Level::$level, %tenant, %kind, %key, "{message}")
            };
        }
        match level {
            Level::Trace => event!(TRACE),
            Level::Debug => event!(DEBUG),
            Level::Info => event!(INFO),
            Level::Warn => event!(WARN),
            Level::Error => event!(ERROR),
        }
    }

    fn cut_bytes(&mut self, bytes: usize) {
        self.was_cut |= bytes > 0;
        self.drop_bytes(bytes);
    }

    fn drop_bytes(&mut self, bytes: usize) {
        self.dropped_bytes = self.dropped_bytes.saturating_add(count(bytes));
    }

    fn admits(&mut self, bytes: u64) -> bool {
        let (since, used) = match self.window {
            Some((since, used)) if since.elapsed() < Duration::from_secs(1) => (since, used),
            _ => (Instant::now(), 0),
        };
        let wanted = used.saturating_add(bytes);
        let admitted = wanted <= self.bytes_per_second;
        self.window = Some((since, if admitted { wanted } else { used }));
        admitted
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> GuestLog {
        let address = Address::new("default", "counter", "c-1").unwrap();
        let limits = Limits { guest_log_bytes_per_second: 100, guest_log_message_bytes: 10, ..Limits::default() };
        GuestLog::new(Arc::new(address), false, &limits, None)
    }

    #[test]
    fn a_long_message_is_cut_between_characters_and_the_rest_is_counted() {
        let mut log = log();
        log.write(Level::Error, "123456789ä");
        assert_eq!((log.last_words(), log.dropped_bytes), (Some("123456789"), 2));
    }

    #[test]
    fn bytes_over_the_rate_are_dropped_and_counted() {
        let mut log = log();
        (0..15).for_each(|_| log.write(Level::Info, "1234567890"));
        assert_eq!(log.dropped_bytes, 50);
    }

    #[test]
    fn the_instances_of_a_tenant_share_its_rate_also_one_after_the_other() {
        let all = Arc::new(LogAccount::default());
        let limits = Limits { tenant_log_bytes_per_second: 25, ..Limits::default() };
        let log = |key| {
            let address = Address::new("default", "counter", key).unwrap();
            GuestLog::new(Arc::new(address), false, &limits, Some(Arc::clone(&all)))
        };
        for (key, dropped) in [("a", 0), ("b", 0), ("a", 10)] {
            let mut log = log(key);
            log.write(Level::Info, "1234567890");
            assert_eq!(log.dropped_bytes, dropped, "{key}");
        }
    }

    #[test]
    fn a_printed_line_without_end_is_bounded() {
        let mut log = log();
        (0..1_000).for_each(|_| log.print(Printed::Stdout, b"endless"));
        assert_eq!((log.stdout.len(), log.dropped_bytes), (10, 6_990));
    }

    #[test]
    fn the_last_words_are_those_of_this_call_and_cannot_steer_a_terminal() {
        let mut log = log();
        log.print(Printed::Stderr, b"a\x1b[2Jb\nc");
        log.leave();
        assert_eq!(log.last_words(), Some("a [2Jb c"));
        log.write(Level::Error, "worse");
        assert_eq!(log.last_words(), Some("worse"));
        log.enter();
        assert_eq!(log.last_words(), None);
    }
}
