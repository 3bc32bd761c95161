//! Sets of sequence numbers as ranges, each with the place of its first frame.

/// Where something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    /// The segment's number; 0: nowhere.
    pub(super) segment: u64,
    /// Bytes from the start of the file.
    pub(super) offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: u64,
    last: u64,
    place: Place,
}

/// Numbers without order or repetition. Neighbours are joined, so what an intact journal takes does not depend on its length.
#[derive(Debug, Default)]
pub(super) struct Ranges(Vec<Range>);

impl Ranges {
    /// The greatest number; 0: none.
    pub(super) fn last(&self) -> u64 {
        self.0.last().map_or(0, |range| range.last)
    }

    pub(super) const fn count(&self) -> usize {
        self.0.len()
    }

    /// Adds `first..=last`; true if some of it was there.
    pub(super) fn add(&mut self, first: u64, last: u64, place: Place) -> bool {
        // Nearly always it continues the newest range.
        if let Some(newest) = self.0.last_mut()
            && newest.last.checked_add(1) == Some(first)
        {
            newest.last = last;
            return false;
        }
        let from = self.0.partition_point(|range| range.last.saturating_add(1) < first);
        let to = self.0.partition_point(|range| range.first <= last.saturating_add(1));
        let touched = self.0.get(from..to).unwrap_or_default();
        let overlaps = touched.iter().any(|range| range.first <= last && first <= range.last);
        let joined = touched.iter().fold(Range { first, last, place }, |joined, range| Range {
            first: joined.first.min(range.first),
            last: joined.last.max(range.last),
            place: if range.first < joined.first { range.place } else { joined.place },
        });
        self.0.splice(from..to, [joined]);
        overlaps
    }

    /// The first range that begins behind `number` or holds it: first, last, and the place of its first frame.
    fn from(&self, number: u64) -> Option<(u64, u64, Place)> {
        let at = self.0.partition_point(|range| range.last < number);
        self.0.get(at).map(|range| (range.first, range.last, range.place))
    }
}

/// The numbers between `after` and `through` that no set holds: the last number before each gap, the first behind it,
/// and the place of that, if there is one.
pub(super) fn gaps(sets: [&Ranges; 2], after: u64, through: u64) -> impl Iterator<Item = (u64, u64, Option<Place>)> {
    let mut before = after;
    std::iter::from_fn(move || {
        while before < through {
            let wanted = before + 1;
            let next = sets.iter().filter_map(|set| set.from(wanted)).min_by_key(|range| range.0);
            let Some((first, last, place)) = next.filter(|next| next.0 <= through) else {
                let gap = (before, through.saturating_add(1), None);
                before = through;
                return Some(gap);
            };
            let gap = (before, first, Some(place));
            before = last;
            if first > wanted {
                return Some(gap);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const PLACE: Place = Place { segment: 1, offset: 2 };

    proptest! {
        #[test]
        fn ranges_are_the_set_of_their_numbers(adds in proptest::collection::vec((1u64..60, 0u64..6), 0..40)) {
            let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
            for (first, more) in adds {
                let numbers: BTreeSet<u64> = (first..=first + more).collect();
                prop_assert_eq!(ranges.add(first, first + more, PLACE), !model.is_disjoint(&numbers));
                model.extend(numbers);
            }
            let empty = Ranges::default();
            let missing: BTreeSet<u64> =
                gaps([&ranges, &empty], 3, 70).flat_map(|(before, after, _)| before + 1..after).collect();
            prop_assert_eq!(missing, (4..=70).filter(|number| !model.contains(number)).collect::<BTreeSet<_>>());
            prop_assert_eq!(ranges.last(), model.last().copied().unwrap_or(0));
        }
    }

    #[test]
    fn a_copy_fills_the_gap_of_the_originals() {
        let (mut originals, mut copies) = (Ranges::default(), Ranges::default());
        originals.add(1, 3, PLACE);
        originals.add(8, 9, Place { segment: 3, offset: 4 });
        let gap = gaps([&originals, &copies], 0, 9).collect::<Vec<_>>();
        assert_eq!(gap, [(3, 8, Some(Place { segment: 3, offset: 4 }))]);
        copies.add(4, 7, PLACE);
        assert_eq!(gaps([&originals, &copies], 0, 9).count(), 0);
        assert_eq!(originals.count(), 2);
    }
}
