//! The metrics of rehearsals.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

use super::RehearsalVerdict;
use crate::vocab::{Kind, Tenant};

const UNDER_WAY: &str = "greenroom_rehearsals_under_way";
const ACTORS: &str = "greenroom_rehearsed_actors_total";

/// Says what the metrics mean.
pub(in crate::runtime) fn describe() {
    describe_gauge!(UNDER_WAY, "Rehearsals under way, by tenant");
    describe_counter!(ACTORS, "Actors that rehearsals looked at, by tenant, kind and verdict");
}

/// A rehearsal is under way for as long as this is held.
#[derive(Debug)]
pub(super) struct UnderWay(Gauge);

impl UnderWay {
    pub(super) fn begins(tenant: &Tenant) -> Self {
        let under_way = gauge!(UNDER_WAY, "tenant" => tenant.to_string());
        under_way.increment(1.0);
        Self(under_way)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// An actor was looked at.
pub(super) fn looked_at(tenant: &Tenant, kind: &Kind, verdict: Option<RehearsalVerdict>) {
    let verdict = verdict.map_or("same", RehearsalVerdict::label);
    let actors: Counter =
        counter!(ACTORS, "tenant" => tenant.to_string(), "kind" => kind.to_string(), "verdict" => verdict);
    actors.increment(1);
}
