//! One turn: a batch of commands into the guest, one frame out, answers held at the gate.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::account::OverQuota;
use super::ask::{AskError, Reply, RequestError};
use super::backlog::Backlog;
use super::bounds::{given_back_if_lost, size_of_frame};
use super::gate::{Answer, Output};
use super::ledger::{self, Change, KeyRecord, Tell, TellId, Timer};
use super::live::Live;
use super::mail::{Envelope, Mail};
use crate::frame::{EventColumns, Frame, FrameParts};
use crate::provider::Append;
use crate::sandbox::{
    Caller, CommandColumns, CommandContext, Effect, GuestFailure, Moment, Outcome, Permit, Verdict, limit_hit,
};
use crate::vocab::{Limit, Sequence, Timestamp};

/// Timers that are queued together: every turn handles one, so more would only be copied and looked through.
const TIMERS_QUEUED_MAX: usize = 64;

/// The commands of one turn, in order, and their columns.
#[derive(Default)]
struct Batch {
    envelopes: Vec<Mail>,
    columns: CommandColumns,
}

/// A turn that failed in the guest: its commands, untouched, and why.
pub(super) struct FailedTurn {
    pub(super) envelopes: Vec<Mail>,
    pub(super) failure: GuestFailure,
}

/// A command that was alone in its turn, and at which the guest failed.
pub(super) struct FailedCommand {
    pub(super) envelope: Mail,
    pub(super) failure: GuestFailure,
    /// The last event that was folded in.
    pub(super) sequence: Sequence,
    /// The revision that failed.
    pub(super) revision: u32,
}

/// What a turn asked the host for, beside its frame.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wishes {
    pub(super) snapshot: bool,
    pub(super) passivation: bool,
    /// How many commands its code handled; zero: all were answered without it.
    pub(super) commands: usize,
}

impl Live {
    /// Runs one turn over the front of the backlog, under the permit that is held. On failure nothing of it was stored and
    /// the instance is dead.
    pub(super) fn turn(&mut self, backlog: &mut Backlog) -> Result<Wishes, FailedTurn> {
        let now = self.stage.clock.now();
        let closed = self.code.account().journal.is_open(|| now).err();
        self.is_closed = closed.is_some();
        if closed.is_none() {
            self.queue_due_timers(backlog, now);
        }
        let batch = self.gather(backlog, closed);
        if batch.envelopes.is_empty() {
            self.store_changes(backlog);
            return Ok(Wishes::default());
        }
        let contexts: Vec<CommandContext> = batch.envelopes.iter().map(|envelope| envelope.context.clone()).collect();
        let moment = Moment { time: now, sequence: self.head };
        let began = Instant::now();
        if let Some(oldest) = batch.envelopes.first() {
            self.code.metrics().queue_seconds.record(began.duration_since(oldest.since).as_secs_f64());
        }
        let mut instance = self.instance.with(self.permit.take());
        let handled = instance.handle(moment, &batch.columns, contexts);
        self.permit = instance.finish();
        let parked = self.permit.as_ref().map_or(Duration::ZERO, Permit::parked);
        self.observe(batch.envelopes.len(), began.elapsed().saturating_sub(parked), backlog);
        match handled {
            Ok(outcome) => self.conclude(batch.envelopes, outcome, now, backlog),
            Err(failure) => Err(FailedTurn { envelopes: batch.envelopes, failure }),
        }
    }

    /// Stores changes of the ledger that no command caused: timers that cannot be handled, delivered tells.
    pub(super) fn store_changes(&mut self, backlog: &mut Backlog) {
        let changes = std::mem::take(&mut backlog.changes);
        if changes.is_empty() {
            return;
        }
        let now = self.stage.clock.now();
        let none = EventColumns::default();
        match self.encode(&none, changes, Vec::new(), now) {
            Ok(Some(frame)) => {
                let journal = &self.code.account().journal;
                journal.must_take(self.id, frame.header().first, size_of_frame(&frame), now);
                self.commit(frame, &none, Output::default());
            }
            Ok(None) => {}
            Err(failure) => tracing::error!(actor = %self.address, %failure, "changes of the ledger cannot be stored"),
        }
    }

    /// Timers that are due become commands, some at a time; while one waits in the backlog, none is queued.
    fn queue_due_timers(&self, backlog: &mut Backlog, now: Timestamp) {
        if self.ledger.timer_count() == 0 || backlog.mail.iter().any(|envelope| is_timer(envelope)) {
            return;
        }
        for (timer, Timer { name, payload, .. }) in self.ledger.due_timers(now, TIMERS_QUEUED_MAX) {
            let context = CommandContext { caller: Caller::Timer(timer), headers: Vec::new() };
            backlog.mail.push_back(Box::new(Envelope {
                name,
                payload: payload.into(),
                key: None,
                context,
                reply_to: None,
                since: Instant::now(),
                taken: None,
            }));
        }
    }

    /// Takes commands from the backlog; answers those that need no handling.
    fn gather(&mut self, backlog: &mut Backlog, closed: Option<OverQuota>) -> Batch {
        let mut batch = Batch::default();
        let mut keys = HashSet::new();
        let alone = backlog.alone > 0;
        let commands_max = if alone { 1 } else { backlog.turn_size.commands() };
        let bytes_max = usize::try_from(self.limits.turn_bytes).unwrap_or(usize::MAX);
        loop {
            if batch.envelopes.len() >= commands_max || batch.columns.payloads.data.len() > bytes_max {
                if !backlog.mail.is_empty() {
                    self.note_full(batch.envelopes.len(), batch.columns.payloads.data.len());
                }
                break;
            }
            let Some(envelope) = backlog.mail.pop_front() else { break };
            // A timer begins a turn, so that a command handled before it can still cancel it.
            let is_repeated = envelope.key.as_ref().is_some_and(|key| keys.contains(key));
            if is_repeated || (is_timer(&envelope) && !batch.envelopes.is_empty()) {
                backlog.mail.push_front(envelope);
                break;
            }
            backlog.alone = backlog.alone.saturating_sub(1);
            if let Some((index, envelope)) = self.needs_handling(envelope, backlog, closed) {
                keys.extend(envelope.key.clone());
                batch.columns.names.push(index);
                batch.columns.payloads.push(&envelope.payload);
                batch.envelopes.push(envelope);
            }
        }
        batch
    }

    /// Whether a timer that was queued is still set as it was then.
    fn is_cancelled(&self, envelope: &Envelope) -> bool {
        let Caller::Timer(name) = &envelope.context.caller else { return false };
        self.ledger.timer(name).is_none_or(|set| {
            set.at > self.stage.clock.now().0 || set.name != envelope.name || set.payload != envelope.payload
        })
    }

    /// Answers a command that this revision does not have, or that was handled before under its key; forgets the
    /// command of a timer that was cancelled or replaced since it was queued.
    fn needs_handling(
        &mut self,
        envelope: Mail,
        backlog: &mut Backlog,
        closed: Option<OverQuota>,
    ) -> Option<(u16, Mail)> {
        if self.is_cancelled(&envelope) {
            return None;
        }
        let Some(index) = self.revision.command(&envelope.name) else {
            let known = self.revision.command_names();
            let kind = self.address.kind.to_string();
            let unknown = RequestError::UnknownCommand { kind, command: envelope.name.clone(), known };
            self.code.metrics().refused(unknown.code());
            if is_timer(&envelope) {
                backlog.dead_timers.push((envelope, unknown));
            } else {
                envelope.answer(Err(unknown.into()));
            }
            return None;
        };
        let Some(record) = envelope.key.as_ref().and_then(|key| self.ledger.key(key)) else {
            return match closed {
                // A timer waits until its tenant may store something again.
                Some(_) if is_timer(&envelope) => None,
                Some(over) if !self.revision.is_read_only(index) => {
                    self.refuse_over_quota(*envelope, over);
                    None
                }
                _ => Some((index, envelope)),
            };
        };
        let what = if record.command == envelope.name {
            Ok(Reply { payload: Bytes::from(record.reply.clone()), sequence: Sequence(record.sequence) })
        } else {
            let used_for = format!("it was used for the command {}", record.command);
            Err(RequestError::InvalidIdempotencyKey(used_for).into())
        };
        let taken = envelope.taken;
        let answers = envelope.reply_to.map(|to| Answer { to, what, taken }).into_iter().collect();
        self.gate.pass(Output { answers, tells: Vec::new() });
        None
    }

    /// Turns a checked outcome into a frame and answers.
    fn conclude(
        &mut self,
        envelopes: Vec<Mail>,
        mut outcome: Outcome,
        now: Timestamp,
        backlog: &mut Backlog,
    ) -> Result<Wishes, FailedTurn> {
        let (snapshot, passivation) = (outcome.wants_snapshot, outcome.wants_passivation);
        let wishes = Wishes { snapshot, passivation, commands: envelopes.len() };
        let mut changes = backlog.changes.clone();
        changes.extend(envelopes.iter().filter_map(|envelope| fired(envelope)));
        let acting = match self.take_effects(&mut outcome, &mut changes) {
            Ok(acting) => acting,
            Err(failure) => return Err(FailedTurn { envelopes, failure }),
        };
        let stores = !outcome.events.is_empty() || !changes.is_empty();
        let count = outcome.events.len().max(usize::from(stores));
        let end = self.head.plus(u64::try_from(count).unwrap_or(u64::MAX));
        let replies = Replies::new(&mut outcome, end);
        let keys = key_records(&envelopes, &outcome, &replies, &acting);
        let events = std::mem::take(&mut outcome.events);
        let size = outcome.verdicts.len();
        let tells = tells_of(self.head.next(), &changes);
        let frame = self.encode(&events, changes, keys, now);
        let frame = match frame.and_then(|frame| self.within_quota(frame, now)) {
            Ok(frame) => frame,
            Err(failure) => return Err(FailedTurn { envelopes, failure }),
        };
        backlog.changes.clear();
        self.code.recorder().record(&self.address, (self.head, now), &envelopes, &outcome);
        let answers = self.answers(envelopes, &outcome.verdicts, &replies);
        let output = Output { answers, tells };
        match frame {
            Some(frame) => self.commit(frame, &events, output),
            None => self.gate.pass(output),
        }
        self.code.metrics().commands.increment(u64::try_from(size).unwrap_or(0));
        Ok(wishes)
    }

    /// Moves the outcome's effects into `changes`; returns which commands had any.
    fn take_effects(&self, outcome: &mut Outcome, changes: &mut Vec<Change>) -> Result<HashSet<u32>, GuestFailure> {
        let mut acting = HashSet::new();
        let (mut asked, mut asked_bytes): (usize, u64) = (0, 0);
        for (index, effect) in std::mem::take(&mut outcome.effects).into_iter().enumerate() {
            let (command, change) = self.change_of(index, effect)?;
            acting.insert(command);
            asked = asked.saturating_add(usize::from(matches!(change, Change::Tell { .. } | Change::Schedule { .. })));
            asked_bytes = asked_bytes.saturating_add(change.pending_bytes());
            changes.push(change);
        }
        let pending = self.ledger.timer_count().saturating_add(self.ledger.outbox_len()).saturating_add(asked);
        let limit = self.limits.pending_effects;
        if asked > 0 && pending > usize::try_from(limit).unwrap_or(usize::MAX) {
            let found = u64::try_from(pending).unwrap_or(u64::MAX);
            return Err(self.passed(Limit::PendingEffects, "pending timers and tells", found));
        }
        let found = self.ledger.pending_bytes().saturating_add(asked_bytes);
        let limit = u64::from(self.limits.pending_effect_bytes);
        if asked > 0 && found > limit {
            return Err(self.passed(Limit::PendingEffectBytes, "bytes of pending timers and tells", found));
        }
        Ok(acting)
    }

    fn change_of(&self, index: usize, effect: Effect) -> Result<(u32, Change), GuestFailure> {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Ok(match effect {
            Effect::Tell { command, to, name, payload } => {
                if to.tenant != self.address.tenant {
                    let reason = format!("it told {to}, an actor of another tenant");
                    return Err(GuestFailure::InvalidOutcome { reason });
                }
                let tell = Tell { kind: to.kind.into(), key: to.key.into(), name, payload };
                (command, Change::Tell { index, tell })
            }
            Effect::Schedule { command, timer, at, name, payload } => {
                (command, Change::Schedule { timer, entry: Timer { at: at.0, name, payload } })
            }
            Effect::Cancel { command, timer } => (command, Change::Unschedule { timer }),
        })
    }

    fn answers(&self, envelopes: Vec<Mail>, verdicts: &[Verdict], replies: &Replies) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(envelopes.len());
        for (at, (envelope, verdict)) in envelopes.into_iter().zip(verdicts).enumerate() {
            if envelope.reply_to.is_none() && *verdict == Verdict::Accepted {
                continue;
            }
            let what = replies.answer(at, *verdict);
            if let Err(error) = &what {
                self.code.metrics().refused(error.code());
            }
            let taken = envelope.taken;
            answers.extend(envelope.reply_to.map(|to| Answer { to, what, taken }));
        }
        answers
    }

    /// The frame of a turn, and the ledger moved past it; `None` when there is nothing to store.
    ///
    /// # Errors
    /// When it cannot be encoded. The ledger ran ahead then: the activation must be dropped.
    fn encode(
        &mut self,
        events: &EventColumns,
        changes: Vec<Change>,
        keys: Vec<KeyRecord>,
        now: Timestamp,
    ) -> Result<Option<Frame>, GuestFailure> {
        if events.is_empty() && changes.is_empty() {
            return Ok(None);
        }
        let unstorable = |reason: String| GuestFailure::InvalidOutcome { reason };
        let effect_bytes = ledger::encode_changes(&changes).map_err(|error| unstorable(error.to_string()))?;
        let key_bytes = ledger::encode_keys(&keys).map_err(|error| unstorable(error.to_string()))?;
        self.ledger.apply_changes(self.head.next(), changes);
        if let Some(limit) = self.ledger.apply_keys(keys, &self.limits) {
            limit_hit(&self.address.tenant, limit);
        }
        let host_event;
        let events = if events.is_empty() {
            host_event = EventColumns::host_event();
            &host_event
        } else {
            events
        };
        let parts = FrameParts {
            actor: self.id,
            first: self.head.next(),
            time: now,
            wake_at: self.ledger.wake_at(),
            revision: self.revision.id,
            events,
            effects: &effect_bytes,
            keys: &key_bytes,
        };
        Frame::encode(&parts).map(Some).map_err(|error| unstorable(error.to_string()))
    }

    /// Hands a frame to the store and moves this actor's view of its journal past it.
    fn commit(&mut self, frame: Frame, events: &EventColumns, output: Output) {
        let before = self.head;
        let last = frame.header().last();
        let taken = self.load.appends.add(frame.bytes().len());
        self.revision.appended.mark(&events.types);
        let append = Append { address: Arc::clone(&self.address), expected: self.head, frame };
        let bytes = size_of_frame(&append.frame);
        let appending = given_back_if_lost(self.stage.provider.append(append), self.code.account(), bytes);
        self.gate.hold(appending, taken, output);
        self.head = last;
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        let bytes = u64::try_from(events.payloads.data.len()).unwrap_or(u64::MAX);
        self.since.events = self.since.events.saturating_add(last.since(before));
        self.since.bytes = self.since.bytes.saturating_add(bytes);
        self.since.key_event |=
            !self.key_types.is_empty() && events.types.iter().any(|index| self.key_types.contains(index));
        self.code.metrics().events.increment(count);
    }

    fn observe(&mut self, commands: usize, elapsed: Duration, backlog: &mut Backlog) {
        let nanos = elapsed.as_secs_f64() * 1e9;
        backlog.turn_size.observe(commands, nanos);
        self.busy_ns += nanos;
        let metrics = self.code.metrics();
        metrics.turns.increment(1);
        metrics.turn_seconds.record(elapsed.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        metrics.turn_commands.record(commands as f64);
    }
}

/// The replies of a turn, sharing one buffer.
struct Replies {
    data: Bytes,
    ends: Vec<u32>,
    sequence: Sequence,
}

impl Replies {
    fn new(outcome: &mut Outcome, sequence: Sequence) -> Self {
        let column = std::mem::take(&mut outcome.replies);
        Self { data: Bytes::from(column.data), ends: column.ends, sequence }
    }

    /// The bytes of one reply. The sandbox has checked the column; an unsound end yields an empty reply.
    fn get(&self, at: usize) -> Bytes {
        let bound = |at: usize| self.ends.get(at).and_then(|end| usize::try_from(*end).ok());
        let start = at.checked_sub(1).map_or(Some(0), bound);
        match (start, bound(at)) {
            (Some(start), Some(end)) if start <= end && end <= self.data.len() => self.data.slice(start..end),
            _ => Bytes::new(),
        }
    }

    fn answer(&self, at: usize, verdict: Verdict) -> Result<Reply, AskError> {
        let bytes = self.get(at);
        match verdict {
            Verdict::Accepted => Ok(Reply { payload: bytes, sequence: self.sequence }),
            Verdict::Rejected => Err(AskError::Rejected(bytes)),
            Verdict::Malformed => Err(AskError::Malformed(String::from_utf8_lossy(&bytes).into_owned())),
        }
    }
}

/// Which commands are remembered: accepted, under a key, and with something that a repetition would do again.
fn key_records(envelopes: &[Mail], outcome: &Outcome, replies: &Replies, acting: &HashSet<u32>) -> Vec<KeyRecord> {
    let mut records = Vec::new();
    for (at, (envelope, appended)) in envelopes.iter().zip(&outcome.appended).enumerate() {
        let Some(key) = &envelope.key else { continue };
        let accepted = outcome.verdicts.get(at) == Some(&Verdict::Accepted);
        let acts = *appended > 0 || u32::try_from(at).is_ok_and(|at| acting.contains(&at));
        if accepted && acts {
            let (key, command) = (key.clone(), envelope.name.clone());
            records.push(KeyRecord { key, command, reply: replies.get(at).to_vec(), sequence: replies.sequence.0 });
        }
    }
    records
}

const fn is_timer(envelope: &Envelope) -> bool {
    matches!(envelope.context.caller, Caller::Timer(_))
}

/// The change that strikes off the timer that sent this command, if one did.
pub(super) fn fired(envelope: &Envelope) -> Option<Change> {
    match &envelope.context.caller {
        Caller::Timer(timer) => Some(Change::Unschedule { timer: timer.clone() }),
        Caller::Client(_) | Caller::Actor(_) => None,
    }
}

fn tells_of(first: Sequence, changes: &[Change]) -> Vec<(TellId, Tell)> {
    let told = |change: &Change| match change {
        Change::Tell { index, tell } => Some((TellId { sequence: first.0, index: *index }, tell.clone())),
        Change::Schedule { .. }
        | Change::Unschedule { .. }
        | Change::Delivered { .. }
        | Change::Skip { .. }
        | Change::Purge { .. } => None,
    };
    changes.iter().filter_map(told).collect()
}
