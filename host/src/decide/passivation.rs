//! Who leaves the stage when it is full.

use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

/// The stage is cleared by a sixteenth at a time, so that finding the least recently used costs little per actor.
const CLEARED_SHARE: usize = 16;
/// Numbers of actors are compared beside weights in these parts.
const WEIGHT_SCALE: usize = 1_000_000;

/// When live actors become passive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PassivationSettings {
    /// After this long without a command, milliseconds; 0: never for idleness.
    pub idle_after_ms: u64,
}

impl Default for PassivationSettings {
    fn default() -> Self {
        Self { idle_after_ms: 60_000 }
    }
}

/// A live actor: when it was used last (a stamp that grows with every use), and its tenant as an index of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveActor<Id> {
    /// The stamp of the last use.
    pub last_used: u64,
    /// Whose it is.
    pub tenant: usize,
    /// What is returned if it leaves.
    pub id: Id,
}

/// Which of the live actors to make passive so that there is room again: each time the least recently used one of the tenant
/// that has most beside its weight. So nobody with less than the weighted share loses an actor to somebody with more.
///
/// Returns nothing while there is room.
#[must_use]
pub fn who_leaves<Id>(live: Vec<LiveActor<Id>>, weights: &[u32], live_max: usize) -> Vec<Id> {
    if live.len() < live_max || live.is_empty() {
        return Vec::new();
    }
    let over = live.len().saturating_sub(live_max);
    let cleared = over.saturating_add(cleared_at_once(live_max)).min(live.len());
    let leaving = leaving_of_each(&live, weights, cleared);
    who_leaves_of_each(live, leaving)
}

/// How many actors of so many are made passive at a time.
#[must_use]
pub fn cleared_at_once(live: usize) -> usize {
    (live / CLEARED_SHARE).max(1)
}

/// So many actors of each tenant, by its index: those that were used least recently.
#[must_use]
pub fn who_leaves_of_each<Id>(mut live: Vec<LiveActor<Id>>, mut leaving: Vec<usize>) -> Vec<Id> {
    // The most recently used to the front: each tenant's share of the leaving is taken from the back.
    live.sort_unstable_by_key(|actor| std::cmp::Reverse(actor.last_used));
    let mut left = Vec::new();
    while let Some(actor) = live.pop() {
        if let Some(count @ 1..) = leaving.get_mut(actor.tenant) {
            *count -= 1;
            left.push(actor.id);
        }
    }
    left
}

/// How many actors of each tenant leave.
fn leaving_of_each<Id>(live: &[LiveActor<Id>], weights: &[u32], cleared: usize) -> Vec<usize> {
    let mut has = vec![0_usize; weights.len()];
    for actor in live {
        if let Some(has) = has.get_mut(actor.tenant) {
            *has = has.saturating_add(1);
        }
    }
    let excess = |tenant: usize, has: usize| {
        let weight = weights.get(tenant).copied().unwrap_or(1).max(1);
        (has.saturating_mul(WEIGHT_SCALE) / usize::try_from(weight).unwrap_or(usize::MAX), tenant)
    };
    let mut order: BinaryHeap<(usize, usize)> = has.iter().enumerate().map(|(at, has)| excess(at, *has)).collect();
    let mut leaving = vec![0_usize; weights.len()];
    for _ in 0..cleared {
        let Some((_, tenant)) = order.pop() else { break };
        let (Some(has), Some(leaving)) = (has.get_mut(tenant), leaving.get_mut(tenant)) else { continue };
        if *has == 0 {
            break;
        }
        *has -= 1;
        *leaving += 1;
        order.push(excess(tenant, *has));
    }
    leaving
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One actor per stamp, of these tenants.
    fn live(tenants: &[usize]) -> Vec<LiveActor<u64>> {
        (0_u64..).zip(tenants).map(|(id, tenant)| LiveActor { last_used: id, tenant: *tenant, id }).collect()
    }

    #[test]
    fn nobody_leaves_while_there_is_room() {
        assert!(who_leaves(live(&[0, 0]), &[1], 3).is_empty());
    }

    #[test]
    fn the_least_recently_used_leave_first() {
        let mut all = live(&[0; 64]);
        all.reverse();
        assert_eq!(who_leaves(all, &[100], 64), vec![0, 1, 2, 3]);
    }

    #[test]
    fn a_stage_of_one_is_cleared() {
        assert_eq!(who_leaves(live(&[0]), &[100], 1), vec![0]);
    }

    #[test]
    fn who_has_more_than_the_share_makes_room_however_busy() {
        // Tenant 0 has few actors, none used lately; tenant 1 brings on one after the other.
        let mut tenants = vec![0; 8];
        tenants.extend([1; 56]);
        assert_eq!(who_leaves(live(&tenants), &[100, 100], 64), vec![8, 9, 10, 11]);
    }

    #[test]
    fn shares_go_by_weight() {
        // Equal numbers, but tenant 1 may have three times as many.
        let tenants: Vec<usize> = (0..64).map(|at| at % 2).collect();
        let left = who_leaves(live(&tenants), &[100, 300], 64);
        assert_eq!(left, vec![0, 2, 4, 6]);
        // Down to one to three, tenant 1 loses none.
        let mut tenants = vec![0; 17];
        tenants.extend([1; 47]);
        assert_eq!(who_leaves(live(&tenants), &[100, 300], 64), vec![0, 1, 17, 18]);
    }
}
