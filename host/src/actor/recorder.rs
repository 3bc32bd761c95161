//! Recent commands of a kind, kept in memory so that a rehearsal can have them handled again. Bounded three times: commands
//! and bytes of a kind, bytes of the host. Nothing here waits for anybody, and a busy turn pays one atomic load.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::load::{Meter, Taken};
use super::mail::{Envelope, Mail};
use crate::decide::{RecordingSettings, kept_of_turn};
use crate::sandbox::{CommandContext, Outcome};
use crate::vocab::{Address, Sequence, Timestamp};

/// A payload over this is not kept: a few of them would be all that is kept.
const PAYLOAD_BYTES_MAX: usize = /* 16 KiB */ 16 * 1_024;
/// Bytes of a command beside its texts, roughly.
const COMMAND_BYTES: usize = 256;

/// A command that was handled, whatever the actor said to it.
pub(crate) struct Recorded {
    pub(crate) address: Arc<Address>,
    /// The last event before it.
    pub(crate) before: Sequence,
    /// Its turn's time.
    pub(crate) time: Timestamp,
    pub(crate) name: String,
    pub(crate) payload: Bytes,
    pub(crate) context: CommandContext,
    bytes: usize,
    /// Its part of what all kinds keep together.
    _taken: Taken,
}

/// The recent commands of one kind.
pub(crate) struct Recorder {
    commands_max: usize,
    bytes_max: usize,
    all: Arc<Meter>,
    window: AtomicU64,
    ring: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    commands: VecDeque<Arc<Recorded>>,
    bytes: usize,
}

impl Recorder {
    /// Keeps what the settings say, as long as all kinds together keep no more than `all` holds.
    pub(crate) fn new(settings: &RecordingSettings, all: Arc<Meter>) -> Self {
        let size = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        let (commands_max, bytes_max) = (size(settings.commands), size(settings.bytes));
        Self { commands_max, bytes_max, all, window: AtomicU64::new(0), ring: Mutex::default() }
    }

    /// Takes note of a turn that was handled, before its answers leave. `head`: the last event before it.
    pub(crate) fn record(
        &self,
        address: &Arc<Address>,
        (head, now): (Sequence, Timestamp),
        envelopes: &[Mail],
        outcome: &Outcome,
    ) {
        if self.commands_max == 0 {
            return;
        }
        let window = self.window.load(Ordering::Relaxed);
        let (kept, next) = kept_of_turn(window, now, envelopes.len());
        if kept == 0 {
            return;
        }
        // Two turns at once may keep a few more: the bounds below hold in any case.
        self.window.store(next, Ordering::Relaxed);
        let mut before = head;
        let mut ring = self.lock();
        for (envelope, appended) in envelopes.iter().zip(&outcome.appended).take(kept) {
            self.keep(&mut ring, address, (before, now), envelope);
            before = before.plus(u64::from(*appended));
        }
    }

    fn keep(
        &self,
        ring: &mut Ring,
        address: &Arc<Address>,
        (before, time): (Sequence, Timestamp),
        envelope: &Envelope,
    ) {
        let headers = envelope.context.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len().saturating_add(value.len())).sum();
        let texts = envelope.name.len().saturating_add(headers).saturating_add(envelope.payload.len());
        let bytes = texts.saturating_add(COMMAND_BYTES);
        if envelope.payload.len() > PAYLOAD_BYTES_MAX || bytes > self.bytes_max {
            return;
        }
        while ring.commands.len() >= self.commands_max || ring.bytes.saturating_add(bytes) > self.bytes_max {
            let Some(oldest) = ring.commands.pop_front() else { break };
            ring.bytes = ring.bytes.saturating_sub(oldest.bytes);
        }
        let Some(taken) = self.all.try_take(bytes) else { return };
        ring.bytes = ring.bytes.saturating_add(bytes);
        ring.commands.push_back(Arc::new(Recorded {
            address: Arc::clone(address),
            before,
            time,
            name: envelope.name.clone(),
            // A copy: the bytes may be a part of a much larger buffer, which would stay with them.
            payload: Bytes::copy_from_slice(&envelope.payload),
            context: envelope.context.clone(),
            bytes,
            _taken: taken,
        }));
    }

    /// What is kept, the oldest first.
    pub(crate) fn commands(&self) -> Vec<Arc<Recorded>> {
        self.lock().commands.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Caller;
    use std::time::Instant;

    fn envelope(name: &str, payload: usize) -> Mail {
        let context = CommandContext { caller: Caller::Client(String::new()), headers: Vec::new() };
        let payload = Bytes::from(vec![b'x'; payload]);
        let name = name.to_owned();
        Box::new(Envelope { name, payload, key: None, context, reply_to: None, since: Instant::now(), taken: None })
    }

    fn address() -> Arc<Address> {
        Arc::new(Address::new("t", "k", "a").unwrap())
    }

    fn record(recorder: &Recorder, second: u64, names: &[&str], payload: usize, appended: &[u32]) {
        let envelopes: Vec<Mail> = names.iter().map(|name| envelope(name, payload)).collect();
        let outcome = Outcome { appended: appended.to_vec(), ..Outcome::default() };
        recorder.record(&address(), (Sequence(10), Timestamp(second * 1_000)), &envelopes, &outcome);
    }

    fn names(recorder: &Recorder) -> Vec<String> {
        recorder.commands().iter().map(|command| command.name.clone()).collect()
    }

    #[test]
    fn every_command_is_kept_with_the_event_before_it_and_the_oldest_are_forgotten() {
        let recorder = Recorder::new(&RecordingSettings { commands: 3, bytes: 10_000 }, Meter::of_bytes(10_000));
        record(&recorder, 1, &["a", "b", "c"], 1, &[2, 0, 1]);
        let before: Vec<u64> = recorder.commands().iter().map(|command| command.before.0).collect();
        assert_eq!(before, [10, 12, 12]);
        record(&recorder, 2, &["d"], 1, &[0]);
        assert_eq!(names(&recorder), ["b", "c", "d"]);
    }

    #[test]
    fn bytes_of_a_kind_and_of_all_kinds_are_bounded_and_given_back() {
        let all = Meter::of_bytes(3 * 1_300);
        let settings = RecordingSettings { commands: 100, bytes: 2 * 1_300 };
        let (one, other) = (Recorder::new(&settings, Arc::clone(&all)), Recorder::new(&settings, Arc::clone(&all)));
        for second in 1..6 {
            record(&one, second, &["a"], 1_000, &[0]);
            record(&other, second, &["a"], 1_000, &[0]);
        }
        assert_eq!((one.commands().len(), other.commands().len()), (2, 1));
        record(&one, 7, &["large"], PAYLOAD_BYTES_MAX + 1, &[0]);
        assert_eq!(names(&one), ["a", "a"], "what is too large is left out");
        drop(one);
        record(&other, 8, &["b"], 1_000, &[0]);
        assert_eq!(names(&other), ["a", "b"]);
        drop(other);
        assert!(all.has_room() && all.count() == 0);
    }

    #[test]
    fn nothing_is_kept_where_it_is_switched_off() {
        let recorder = Recorder::new(&RecordingSettings { commands: 0, bytes: 10_000 }, Meter::of_bytes(10_000));
        record(&recorder, 1, &["a"], 1, &[1]);
        assert!(recorder.commands().is_empty());
    }
}
