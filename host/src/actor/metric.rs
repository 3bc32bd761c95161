//! The counters of actors: names, units and labels in one place.

use std::time::Duration;

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};

use super::Unusable;
use crate::decide::SnapshotReason;
use crate::vocab::{Code, Kind, Tenant};

const COMMANDS: &str = "greenroom_commands_total";
const TURNS: &str = "greenroom_turns_total";
const TURN_COMMANDS: &str = "greenroom_turn_commands";
const TURN_SECONDS: &str = "greenroom_turn_seconds";
const EVENTS: &str = "greenroom_events_total";
const REFUSED: &str = "greenroom_refused_commands_total";
const TRAPS: &str = "greenroom_traps_total";
const ACTIVATIONS: &str = "greenroom_activations_total";
const PASSIVATIONS: &str = "greenroom_passivations_total";
const RECOVERIES: &str = "greenroom_recoveries_total";
const RECOVERY_SECONDS: &str = "greenroom_recovery_seconds";
const RECOVERY_PERMIT_SECONDS: &str = "greenroom_recovery_permit_wait_seconds";
const REPLAYED_EVENTS: &str = "greenroom_replayed_events_total";
const REPLAY_MICROS: &str = "greenroom_replay_microseconds_total";
const RECOVERY_FAILURES: &str = "greenroom_recovery_failures_total";
const UNUSABLE_SNAPSHOTS: &str = "greenroom_unusable_snapshots_total";
const SNAPSHOT_LOAD_SECONDS: &str = "greenroom_snapshot_load_seconds";
const SNAPSHOT_LOAD_BYTES: &str = "greenroom_snapshot_load_bytes";
const RETENTION_FAILURES: &str = "greenroom_retention_failures_total";
const QUEUE_SECONDS: &str = "greenroom_queue_wait_seconds";
const SNAPSHOTS: &str = "greenroom_snapshots_total";
const SNAPSHOT_SECONDS: &str = "greenroom_snapshot_save_seconds";
const SNAPSHOT_BYTES: &str = "greenroom_snapshot_bytes";
const APPEND_SECONDS: &str = "greenroom_append_seconds";
const MAILBOX_DEPTH: &str = "greenroom_mailbox_depth";
/// Set by the runtime, described here with the rest.
pub(crate) const LIVE_ACTORS: &str = "greenroom_live_actors";

/// Gives every metric of actors its help text; call once after the recorder is installed.
pub(crate) fn describe_metrics() {
    describe_counter!(COMMANDS, "Commands handled, by tenant and kind");
    describe_counter!(TURNS, "Turns: guest calls that handled a batch of commands");
    describe_histogram!(TURN_COMMANDS, Unit::Count, "Commands per turn");
    describe_histogram!(TURN_SECONDS, Unit::Seconds, "Time inside the guest per turn");
    describe_counter!(EVENTS, "Events appended");
    describe_counter!(REFUSED, "Commands that got no reply, by the code of the reason");
    describe_counter!(TRAPS, "Guest failures while handling, by code");
    describe_counter!(ACTIVATIONS, "Actors brought on stage");
    describe_counter!(PASSIVATIONS, "Actors that left the stage");
    describe_counter!(RECOVERIES, "Recoveries, by result");
    describe_histogram!(RECOVERY_SECONDS, Unit::Seconds, "Time from the permit to the first turn");
    describe_histogram!(RECOVERY_PERMIT_SECONDS, Unit::Seconds, "Time a recovery waited for its permit");
    describe_counter!(REPLAYED_EVENTS, "Events replayed into instances");
    describe_counter!(REPLAY_MICROS, Unit::Microseconds, "Time inside guests while replaying");
    describe_counter!(RECOVERY_FAILURES, "Recoveries that failed, by the code of the reason");
    describe_counter!(UNUSABLE_SNAPSHOTS, "Snapshots that a recovery passed over, by why");
    describe_histogram!(SNAPSHOT_LOAD_SECONDS, Unit::Seconds, "Time to load a snapshot");
    describe_histogram!(
        SNAPSHOT_LOAD_BYTES,
        Unit::Bytes,
        "Bytes of a loaded snapshot, with what the host keeps beside the state"
    );
    describe_counter!(RETENTION_FAILURES, "Times that old snapshots or events could not be deleted");
    describe_histogram!(QUEUE_SECONDS, Unit::Seconds, "Time that the oldest command of a turn waited for it");
    describe_counter!(SNAPSHOTS, "Snapshots, by result and reason");
    describe_histogram!(SNAPSHOT_SECONDS, Unit::Seconds, "Time to save a snapshot");
    describe_histogram!(SNAPSHOT_BYTES, Unit::Bytes, "Bytes of a snapshot's state");
    describe_histogram!(APPEND_SECONDS, Unit::Seconds, "Time from a turn's end until it is durable");
    describe_histogram!(MAILBOX_DEPTH, Unit::Count, "Commands waiting when a turn begins");
    describe_gauge!(LIVE_ACTORS, "Live actors");
    crate::sandbox::describe_limit_hits();
}

/// The counters of one kind, looked up once.
pub(crate) struct KindMetrics {
    tenant: String,
    kind: String,
    pub(crate) commands: Counter,
    pub(crate) turns: Counter,
    pub(crate) turn_commands: Histogram,
    pub(crate) turn_seconds: Histogram,
    pub(crate) events: Counter,
    pub(crate) activations: Counter,
    pub(crate) passivations: Counter,
    pub(crate) recovery_seconds: Histogram,
    pub(crate) permit_seconds: Histogram,
    pub(crate) replayed_events: Counter,
    pub(crate) replay_micros: Counter,
    pub(crate) retention_failures: Counter,
    pub(crate) queue_seconds: Histogram,
    snapshot_load_seconds: Histogram,
    snapshot_load_bytes: Histogram,
    pub(crate) snapshot_seconds: Histogram,
    pub(crate) snapshot_bytes: Histogram,
    pub(crate) append_seconds: Histogram,
    pub(crate) mailbox_depth: Histogram,
}

impl std::fmt::Debug for KindMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KindMetrics({}/{})", self.tenant, self.kind)
    }
}

impl KindMetrics {
    pub(crate) fn new(tenant: &Tenant, kind: &Kind) -> Self {
        let (tenant, kind) = (tenant.to_string(), kind.to_string());
        macro_rules! of_kind {
            ($make:ident, $name:expr) => {
                $make!($name, "tenant" => tenant.clone(), "kind" => kind.clone())
            };
        }
        Self {
            commands: of_kind!(counter, COMMANDS),
            turns: of_kind!(counter, TURNS),
            turn_commands: of_kind!(histogram, TURN_COMMANDS),
            turn_seconds: of_kind!(histogram, TURN_SECONDS),
            events: of_kind!(counter, EVENTS),
            activations: of_kind!(counter, ACTIVATIONS),
            passivations: of_kind!(counter, PASSIVATIONS),
            recovery_seconds: of_kind!(histogram, RECOVERY_SECONDS),
            permit_seconds: of_kind!(histogram, RECOVERY_PERMIT_SECONDS),
            replayed_events: of_kind!(counter, REPLAYED_EVENTS),
            replay_micros: of_kind!(counter, REPLAY_MICROS),
            retention_failures: of_kind!(counter, RETENTION_FAILURES),
            queue_seconds: of_kind!(histogram, QUEUE_SECONDS),
            snapshot_load_seconds: of_kind!(histogram, SNAPSHOT_LOAD_SECONDS),
            snapshot_load_bytes: of_kind!(histogram, SNAPSHOT_LOAD_BYTES),
            snapshot_seconds: of_kind!(histogram, SNAPSHOT_SECONDS),
            snapshot_bytes: of_kind!(histogram, SNAPSHOT_BYTES),
            append_seconds: of_kind!(histogram, APPEND_SECONDS),
            mailbox_depth: of_kind!(histogram, MAILBOX_DEPTH),
            tenant,
            kind,
        }
    }

    /// Counters of the same kind that nobody sees: for replays that only look.
    pub(crate) fn unseen(tenant: &Tenant, kind: &Kind) -> Self {
        Self {
            tenant: tenant.to_string(),
            kind: kind.to_string(),
            commands: Counter::noop(),
            turns: Counter::noop(),
            turn_commands: Histogram::noop(),
            turn_seconds: Histogram::noop(),
            events: Counter::noop(),
            activations: Counter::noop(),
            passivations: Counter::noop(),
            recovery_seconds: Histogram::noop(),
            permit_seconds: Histogram::noop(),
            replayed_events: Counter::noop(),
            replay_micros: Counter::noop(),
            retention_failures: Counter::noop(),
            queue_seconds: Histogram::noop(),
            snapshot_load_seconds: Histogram::noop(),
            snapshot_load_bytes: Histogram::noop(),
            snapshot_seconds: Histogram::noop(),
            snapshot_bytes: Histogram::noop(),
            append_seconds: Histogram::noop(),
            mailbox_depth: Histogram::noop(),
        }
    }

    /// A command got no reply.
    pub(crate) fn refused(&self, code: Code) {
        self.labelled(REFUSED, "code", code.to_string()).increment(1);
    }

    /// A guest failed while handling.
    pub(crate) fn trapped(&self, code: Code) {
        self.labelled(TRAPS, "code", code.to_string()).increment(1);
    }

    /// A recovery ended.
    pub(crate) fn recovered(&self, result: &'static str) {
        self.labelled(RECOVERIES, "result", result.to_owned()).increment(1);
    }

    /// A recovery failed.
    pub(crate) fn recovery_failed(&self, code: Code) {
        self.labelled(RECOVERY_FAILURES, "code", code.to_string()).increment(1);
    }

    /// A recovery passed a snapshot over.
    pub(crate) fn unusable_snapshot(&self, why: Unusable) {
        self.labelled(UNUSABLE_SNAPSHOTS, "why", why.label().to_owned()).increment(1);
    }

    /// A snapshot was loaded.
    pub(crate) fn snapshot_loaded(&self, took: Duration, bytes: usize) {
        self.snapshot_load_seconds.record(took.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        self.snapshot_load_bytes.record(bytes as f64);
    }

    /// A snapshot was saved or failed.
    pub(crate) fn snapshot(&self, result: &'static str, reason: SnapshotReason) {
        let (tenant, kind) = (self.tenant.clone(), self.kind.clone());
        counter!(SNAPSHOTS, "tenant" => tenant, "kind" => kind, "result" => result, "reason" => reason.label())
            .increment(1);
    }

    fn labelled(&self, name: &'static str, label: &'static str, value: String) -> Counter {
        counter!(name, "tenant" => self.tenant.clone(), "kind" => self.kind.clone(), label => value)
    }
}
