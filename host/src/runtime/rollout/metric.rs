//! The counters of rollouts: names, units and labels in one place.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::vocab::{Address, Code, Kind, Tenant};

const SWAPS: &str = "greenroom_swaps_total";
const SWAP_PAUSE_SECONDS: &str = "greenroom_swap_pause_seconds";
const HELD: &str = "greenroom_held_actors";
const REFUSALS: &str = "greenroom_revision_refusals_total";
const ROLLOUTS: &str = "greenroom_rollouts_total";

/// Gives every metric of rollouts its help text.
pub(in crate::runtime) fn describe() {
    describe_counter!(SWAPS, "Live actors that were to change over to another revision, by result");
    describe_histogram!(
        SWAP_PAUSE_SECONDS,
        Unit::Seconds,
        "Time in which a live actor that changed over handled nothing"
    );
    describe_gauge!(HELD, "Actors that stay on another revision than they are assigned, because that failed");
    describe_counter!(REFUSALS, "Times that an assigned revision failed at an actor, by the code of the reason");
    describe_counter!(ROLLOUTS, "Rollouts that ended, by result");
}

/// A live actor changed over.
pub(super) fn moved(address: &Address, paused: Duration) {
    let (tenant, kind) = labels(&address.tenant, &address.kind);
    histogram!(SWAP_PAUSE_SECONDS, "tenant" => tenant, "kind" => kind).record(paused.as_secs_f64());
    swapped(address, "moved");
}

/// A live actor was to change over, with this result.
pub(super) fn swapped(address: &Address, result: &'static str) {
    let (tenant, kind) = labels(&address.tenant, &address.kind);
    counter!(SWAPS, "tenant" => tenant, "kind" => kind, "result" => result).increment(1);
}

/// A revision failed at an actor that it was to take over.
pub(super) fn refused(address: &Address, code: Code) {
    let (tenant, kind) = labels(&address.tenant, &address.kind);
    counter!(REFUSALS, "tenant" => tenant, "kind" => kind, "code" => code.to_string()).increment(1);
}

/// So many actors of a kind are held.
pub(super) fn held(tenant: &Tenant, kind: &Kind, actors: usize) {
    let (tenant, kind) = labels(tenant, kind);
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    gauge!(HELD, "tenant" => tenant, "kind" => kind).set(actors as f64);
}

/// A rollout ended.
pub(super) fn ended(tenant: &Tenant, kind: &Kind, result: &'static str) {
    let (tenant, kind) = labels(tenant, kind);
    counter!(ROLLOUTS, "tenant" => tenant, "kind" => kind, "result" => result).increment(1);
}

fn labels(tenant: &Tenant, kind: &Kind) -> (String, String) {
    (tenant.to_string(), kind.to_string())
}
