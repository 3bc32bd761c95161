//! Which bounds hold for the actors of one kind of one tenant.

use std::collections::BTreeMap;

use crate::vocab::{Limit, Limits};

/// Limits that differ from the host's; only those that can ([`Limit::can_differ`]).
pub type LimitOverrides = BTreeMap<Limit, u64>;

/// The host's limits with what differs, the most general layer first: a later one wins, limit by limit.
///
/// Nothing passes the ceiling, whoever asked: what was allowed before the ceiling was lowered is cut to it. An event
/// never may have more than a frame.
#[must_use]
pub fn effective_limits(host: &Limits, ceiling: &Limits, layers: &[&LimitOverrides]) -> Limits {
    let mut limits = host.clone();
    for (limit, value) in layers.iter().flat_map(|layer| layer.iter()) {
        if limit.can_differ() {
            limits.set(*limit, (*value).max(1));
        }
    }
    for limit in Limit::ALL.iter().filter(|limit| limit.can_differ()) {
        limits.set(*limit, limits.get(*limit).min(ceiling.get(*limit)));
    }
    limits.event_bytes = limits.event_bytes.min(limits.frame_bytes);
    limits
}

/// The highest values that anybody may get: the host's own limits, where nothing else is said.
#[must_use]
pub fn limit_ceiling(host: &Limits, ceilings: &LimitOverrides) -> Limits {
    let mut ceiling = host.clone();
    for (limit, value) in ceilings.iter().filter(|(limit, _)| limit.can_differ()) {
        ceiling.set(*limit, *value);
    }
    ceiling
}

/// Why these overrides are not allowed; `None`: they are.
#[must_use]
pub fn override_problem(overrides: &LimitOverrides, ceiling: &Limits) -> Option<OverrideProblem> {
    overrides.iter().find_map(|(limit, value)| {
        if !limit.can_differ() {
            return Some(OverrideProblem::HostOnly(*limit));
        }
        match *value {
            0 => Some(OverrideProblem::Zero(*limit)),
            asked if asked > ceiling.get(*limit) => {
                Some(OverrideProblem::AboveCeiling { limit: *limit, asked, ceiling: ceiling.get(*limit) })
            }
            _ => None,
        }
    })
}

/// What is wrong with an override.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverrideProblem {
    /// The host has one value of it.
    #[error("{0} is a limit of the host as a whole and cannot differ")]
    HostOnly(Limit),
    /// A bound of zero stops everything.
    #[error("{0} is 0; the smallest value is 1")]
    Zero(Limit),
    /// Higher than the host allows.
    #[error("{limit} = {asked} is above this host's ceiling of {ceiling}")]
    AboveCeiling {
        /// Which limit.
        limit: Limit,
        /// The value that was asked for.
        asked: u64,
        /// The highest value.
        ceiling: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(Limit, u64)]) -> LimitOverrides {
        pairs.iter().copied().collect()
    }

    #[test]
    fn the_most_specific_layer_wins_limit_by_limit() {
        let host = Limits::default();
        let kind = of(&[(Limit::ReplyBytes, 10), (Limit::EventBytes, 20), (Limit::TurnEvents, 30)]);
        let tenant = of(&[(Limit::EventBytes, 21), (Limit::TurnEvents, 31)]);
        let both = of(&[(Limit::TurnEvents, 32)]);
        let limits = effective_limits(&host, &host, &[&kind, &tenant, &both]);
        assert_eq!((limits.reply_bytes, limits.event_bytes, limits.turn_events), (10, 21, 32));
        assert_eq!(limits.guest_call_ms, host.guest_call_ms);
    }

    #[test]
    fn nothing_passes_the_ceiling() {
        let host = Limits::default();
        let asked = of(&[(Limit::GuestMemoryBytes, u64::MAX), (Limit::GuestCallMs, 3_000)]);
        assert_eq!(effective_limits(&host, &host, &[&asked]), host);
        let ceiling = limit_ceiling(&host, &of(&[(Limit::GuestCallMs, 2_000)]));
        assert_eq!(effective_limits(&host, &ceiling, &[&asked]).guest_call_ms, 2_000);
        assert_eq!(effective_limits(&host, &ceiling, &[]).guest_call_ms, 1_000, "a ceiling raises nothing by itself");
    }

    #[test]
    fn limits_of_the_host_do_not_differ() {
        let host = Limits::default();
        let asked = of(&[(Limit::LiveActors, 1), (Limit::GuestStackBytes, 1)]);
        assert_eq!(effective_limits(&host, &host, &[&asked]), host);
        assert_eq!(limit_ceiling(&host, &asked), host);
        assert_eq!(override_problem(&asked, &host), Some(OverrideProblem::HostOnly(Limit::GuestStackBytes)));
    }

    #[test]
    fn exactly_the_ceiling_is_allowed_and_one_more_is_not() {
        let host = Limits::default();
        let ceiling = host.get(Limit::ReplyBytes);
        assert_eq!(override_problem(&of(&[(Limit::ReplyBytes, ceiling)]), &host), None);
        let asked = ceiling + 1;
        let problem = OverrideProblem::AboveCeiling { limit: Limit::ReplyBytes, asked, ceiling };
        assert_eq!(override_problem(&of(&[(Limit::ReplyBytes, asked)]), &host), Some(problem));
        assert_eq!(
            override_problem(&of(&[(Limit::TurnEvents, 0)]), &host),
            Some(OverrideProblem::Zero(Limit::TurnEvents))
        );
    }

    #[test]
    fn an_event_never_has_more_than_a_frame() {
        let host = Limits::default();
        let limits = effective_limits(&host, &host, &[&of(&[(Limit::FrameBytes, 100)])]);
        assert_eq!((limits.frame_bytes, limits.event_bytes), (100, 100));
    }
}
