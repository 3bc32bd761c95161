//! Which segment is given up next. Pure.

/// What a sealed segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentUse {
    pub(super) number: u64,
    /// Bytes of its file.
    pub(super) bytes: u64,
    /// Bytes of it that are still needed.
    pub(super) live: u64,
}

impl SegmentUse {
    /// Whether less than `percent` of it is needed, so that moving that away gives back more than it takes.
    pub(super) const fn is_below(&self, percent: u32) -> bool {
        (self.live as u128) * 100 < (self.bytes as u128) * (percent as u128)
    }
}

/// The emptiest segment of which less than `percent` is needed; of equals the oldest. `None`: there is none.
pub(super) fn choose(segments: &[SegmentUse], percent: u32) -> Option<u64> {
    let below = segments.iter().filter(|segment| segment.is_below(percent));
    let emptiest = below.min_by(|a, b| {
        let (of_a, of_b) = (u128::from(a.live) * u128::from(b.bytes), u128::from(b.live) * u128::from(a.bytes));
        of_a.cmp(&of_b).then(a.number.cmp(&b.number))
    });
    emptiest.map(|segment| segment.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(number: u64, bytes: u64, live: u64) -> SegmentUse {
        SegmentUse { number, bytes, live }
    }

    #[test]
    fn the_emptiest_segment_is_chosen_by_its_share_not_by_its_bytes() {
        let segments = [segment(1, 100, 40), segment(2, 1_000, 100), segment(3, 100, 20)];
        assert_eq!(choose(&segments, 50), Some(2));
    }

    #[test]
    fn of_equally_empty_segments_the_oldest_is_chosen() {
        assert_eq!(choose(&[segment(7, 100, 0), segment(3, 50, 0), segment(5, 100, 0)], 50), Some(3));
    }

    #[test]
    fn a_segment_at_the_bound_or_above_is_left_alone() {
        assert_eq!(choose(&[segment(1, 100, 50), segment(2, 100, 100)], 50), None);
        assert_eq!(choose(&[segment(1, 100, 49)], 50), Some(1));
    }

    #[test]
    fn zero_percent_switches_it_off_and_no_segments_are_no_choice() {
        assert_eq!(choose(&[segment(1, 100, 0)], 0), None);
        assert_eq!(choose(&[], 50), None);
    }
}
