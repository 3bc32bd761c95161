//! The metrics of deploys and their compilations.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_histogram, histogram};

use crate::sandbox::CompileCost;
use crate::vocab::{Code, Owner};

const CPU: &str = "greenroom_compile_cpu_milliseconds_total";
const DURATION: &str = "greenroom_compile_duration_seconds";
const WAIT: &str = "greenroom_compile_wait_seconds";
const REFUSALS: &str = "greenroom_deploy_refusals_total";
const KNOWN: &str = "greenroom_known_refusals_total";

/// Says what the metrics mean.
pub(crate) fn describe() {
    describe_counter!(CPU, "CPU time of the compiler, by the tenant that deployed");
    describe_histogram!(DURATION, metrics::Unit::Seconds, "Wall time of compiling one component");
    describe_histogram!(WAIT, metrics::Unit::Seconds, "How long a deploy waited for its turn to compile");
    describe_counter!(REFUSALS, "Components that were refused, by code");
    describe_counter!(KNOWN, "Components that were refused because they are known to fail, without another try");
}

/// Something was compiled, or tried.
pub(super) fn compiled(owner: &Owner, cost: CompileCost) {
    let ms = u64::try_from(cost.cpu.as_millis()).unwrap_or(u64::MAX);
    counter!(CPU, "tenant" => owner.to_string()).increment(ms);
    histogram!(DURATION).record(cost.wall.as_secs_f64());
}

/// A deploy has waited so long for its turn.
pub(super) fn waited(time: Duration) {
    histogram!(WAIT).record(time.as_secs_f64());
}

/// A component was refused.
pub(super) fn refused(code: Code) {
    counter!(REFUSALS, "code" => code.to_string()).increment(1);
}

/// A component that is known to fail was refused.
pub(super) fn known() {
    counter!(KNOWN).increment(1);
}
