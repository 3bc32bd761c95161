//! Whose actors leave when the guests of the host use as much memory as they may.

use std::collections::BinaryHeap;

/// Bytes are compared beside weights in these parts.
const WEIGHT_SCALE: u128 = 1_000_000;
/// This part of all memory is freed at a time, so that finding out whose it is costs little per actor.
const FREED_PART: u64 = 16;

/// A tenant that has live actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryHolder {
    /// What its instances use together.
    pub used_bytes: u64,
    /// Its share beside others'.
    pub weight: u32,
    /// Its live actors that were not told to leave.
    pub staying: usize,
    /// Those that were told, and have not left yet.
    pub leaving: usize,
}

impl MemoryHolder {
    /// What one of its actors uses: all are taken to use the same.
    fn each_bytes(&self) -> u64 {
        let live = u64::try_from(self.staying.saturating_add(self.leaving)).unwrap_or(u64::MAX);
        self.used_bytes.checked_div(live).unwrap_or(0)
    }
}

/// How many actors of each tenant to make passive so that a part of `bytes_max` becomes free: each time one of the tenant that
/// has most beside its weight. What is about to be freed by those that leave already counts.
#[must_use]
pub fn who_makes_room(holders: &[MemoryHolder], bytes_max: u64) -> Vec<usize> {
    let mut leaving = vec![0_usize; holders.len()];
    let wanted = bytes_max / FREED_PART;
    let on_their_way =
        |holder: &MemoryHolder| holder.each_bytes().saturating_mul(u64::try_from(holder.leaving).unwrap_or(u64::MAX));
    let mut freed = holders.iter().map(on_their_way).fold(0, u64::saturating_add);
    let beside_weight = |used: u64, weight: u32| u128::from(used) * WEIGHT_SCALE / u128::from(weight.max(1));
    let mut order: BinaryHeap<(u128, usize, u64)> = holders
        .iter()
        .enumerate()
        .map(|(at, holder)| {
            let used = holder.used_bytes.saturating_sub(on_their_way(holder));
            (beside_weight(used, holder.weight), at, used)
        })
        .collect();
    while freed < wanted.max(1)
        && let Some((_, at, used)) = order.pop()
    {
        let (Some(holder), Some(left)) = (holders.get(at), leaving.get_mut(at)) else { continue };
        let each = holder.each_bytes();
        if each == 0 || *left >= holder.staying {
            continue;
        }
        *left = left.saturating_add(1);
        freed = freed.saturating_add(each);
        let used = used.saturating_sub(each);
        order.push((beside_weight(used, holder.weight), at, used));
    }
    leaving
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn holder(used_bytes: u64, weight: u32, staying: usize, leaving: usize) -> MemoryHolder {
        MemoryHolder { used_bytes, weight, staying, leaving }
    }

    #[test]
    fn who_has_most_makes_room_and_no_more_than_is_wanted() {
        let holders = [holder(100, 1, 10, 0), holder(1_500, 1, 15, 0)];
        assert_eq!(who_makes_room(&holders, 1_600), [0, 1]);
        assert_eq!(who_makes_room(&holders, 3_200), [0, 2]);
    }

    #[test]
    fn what_is_about_to_be_freed_is_not_asked_for_again() {
        assert_eq!(who_makes_room(&[holder(1_600, 1, 15, 1)], 1_600), [0]);
        assert_eq!(who_makes_room(&[holder(1_600, 1, 15, 1)], 3_200), [1]);
    }

    #[test]
    fn shares_go_by_weight() {
        let holders = [holder(700, 300, 7, 0), holder(600, 100, 6, 0)];
        assert_eq!(who_makes_room(&holders, 1_600), [0, 1]);
        // Down to where both have the same beside their weights, then both.
        assert_eq!(who_makes_room(&holders, 16 * 800), [3, 5]);
    }

    #[test]
    fn nobody_is_asked_for_what_he_does_not_have() {
        assert_eq!(who_makes_room(&[holder(0, 1, 3, 0), holder(10, 1, 0, 0)], 1_600), [0, 0]);
        assert_eq!(who_makes_room(&[holder(10, 1, 2, 0)], 1_600), [2], "as much as there is");
        assert!(who_makes_room(&[], 1_600).is_empty());
    }

    #[test]
    fn even_the_smallest_bound_asks_somebody() {
        assert_eq!(who_makes_room(&[holder(10, 1, 1, 0)], 15), [1]);
    }
}
