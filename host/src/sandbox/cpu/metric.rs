//! The metrics of guests' CPU time.

use std::time::Duration;

use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::vocab::Tenant;

const USED: &str = "greenroom_guest_cpu_microseconds_total";
const WAITED: &str = "greenroom_guest_cpu_wait_seconds";
const GAVE_WAY: &str = "greenroom_guest_calls_stopped_total";
const CALLS: &str = "greenroom_guest_calls";
const THROTTLED: &str = "greenroom_guest_cpu_throttled_total";

/// Gives these metrics their help text; call once after the recorder is installed.
pub(crate) fn describe() {
    describe_counter!(USED, Unit::Microseconds, "CPU time in which a tenant's calls held a permit");
    describe_histogram!(WAITED, Unit::Seconds, "How long calls that could not begin at once waited for CPU, by tenant");
    describe_counter!(GAVE_WAY, "Times that a call under way gave way to another, by tenant");
    describe_gauge!(CALLS, "Guest calls, by whether they are running or waiting for CPU");
    describe_counter!(THROTTLED, "Times that a tenant used up its quota cpu_ms_per_second");
}

/// How many calls run and wait.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn calls(running: usize, waiting: usize) {
    gauge!(CALLS, "state" => "running").set(running as f64);
    gauge!(CALLS, "state" => "waiting").set(waiting as f64);
}

/// The figures of one tenant, looked up once.
pub(super) struct Figures {
    used: Counter,
    waited: Histogram,
    gave_way: Counter,
    throttled: Counter,
}

impl Figures {
    /// `None`: the host's own.
    pub(super) fn new(tenant: Option<&Tenant>) -> Self {
        let tenant = tenant.map_or_else(|| "-".to_owned(), ToString::to_string);
        Self {
            used: counter!(USED, "tenant" => tenant.clone()),
            waited: histogram!(WAITED, "tenant" => tenant.clone()),
            gave_way: counter!(GAVE_WAY, "tenant" => tenant.clone()),
            throttled: counter!(THROTTLED, "tenant" => tenant),
        }
    }

    pub(super) fn used(&self, nanos: u64) {
        self.used.absolute(nanos / 1_000);
    }

    pub(super) fn waited(&self, time: Duration) {
        self.waited.record(time.as_secs_f64());
    }

    pub(super) fn gave_way(&self) {
        self.gave_way.increment(1);
    }

    pub(super) fn throttled(&self) {
        self.throttled.increment(1);
    }
}
