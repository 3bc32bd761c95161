//! The figures of actors in trouble.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::actor::DeadReason;
use crate::vocab::{Address, Code, Tenant};

const FAILURES: &str = "greenroom_actor_failures_total";
const BACKOFFS: &str = "greenroom_actor_backoffs_total";
const QUARANTINES: &str = "greenroom_quarantines_total";
const QUARANTINED: &str = "greenroom_quarantined_actors";
const TURNED_AWAY: &str = "greenroom_turned_away_total";
const UNREMEMBERED: &str = "greenroom_failures_not_remembered_total";
const DEAD_LETTERS: &str = "greenroom_dead_letters_total";
const FORGOTTEN: &str = "greenroom_dead_letters_forgotten_total";

/// Gives every metric of trouble its help text.
pub(in crate::runtime) fn describe() {
    describe_counter!(FAILURES, "Failures of actors by their own fault, by code");
    describe_counter!(BACKOFFS, "Pauses before an actor is tried again, by cause: failure or outage");
    describe_counter!(QUARANTINES, "Actors put into quarantine, by the code of the cause");
    describe_gauge!(QUARANTINED, "Quarantined actors");
    describe_counter!(TURNED_AWAY, "Calls refused because their actor is quarantined or waits for its restart");
    describe_counter!(
        UNREMEMBERED,
        "Failures that are not remembered, because the tenant has too many actors in trouble"
    );
    describe_counter!(DEAD_LETTERS, "Commands that nobody will handle, by reason and whether they are kept");
    describe_counter!(FORGOTTEN, "Dead letters that were deleted to make room for newer ones");
}

pub(super) fn failed(address: &Address, code: Code) {
    of_kind(FAILURES, address, "code", code.to_string());
}

pub(super) fn backs_off(address: &Address, cause: &'static str) {
    of_kind(BACKOFFS, address, "cause", cause.to_owned());
}

pub(super) fn quarantined(address: &Address, code: Code) {
    of_kind(QUARANTINES, address, "code", code.to_string());
}

pub(super) fn turned_away(address: &Address, code: Code) {
    of_kind(TURNED_AWAY, address, "code", code.to_string());
}

pub(super) fn unremembered(tenant: &Tenant) {
    counter!(UNREMEMBERED, "tenant" => tenant.to_string()).increment(1);
}

pub(super) fn in_quarantine(tenant: &Tenant, actors: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    gauge!(QUARANTINED, "tenant" => tenant.to_string()).set(actors as f64);
}

pub(super) fn dead(tenant: &Tenant, reason: DeadReason, kept: bool) {
    let kept = if kept { "yes" } else { "no" };
    counter!(DEAD_LETTERS, "tenant" => tenant.to_string(), "reason" => reason.label(), "kept" => kept).increment(1);
}

pub(super) fn forgotten(tenant: &Tenant, letters: u64) {
    counter!(FORGOTTEN, "tenant" => tenant.to_string()).increment(letters);
}

fn of_kind(name: &'static str, address: &Address, label: &'static str, value: String) {
    let (tenant, kind) = (address.tenant.to_string(), address.kind.to_string());
    counter!(name, "tenant" => tenant, "kind" => kind, label => value).increment(1);
}
