//! A sample that is spread evenly over a list whose length is not known beforehand, in one walk and bounded memory.

/// Keeps between so many and twice so many of what it is offered, always at equal distances.
#[derive(Debug)]
pub struct Spread<T> {
    wanted: usize,
    /// Every so many-th is kept.
    stride: u64,
    offered: u64,
    kept: Vec<T>,
}

impl<T> Spread<T> {
    /// A sample of at most so many.
    #[must_use]
    pub const fn new(wanted: usize) -> Self {
        Self { wanted, stride: 1, offered: 0, kept: Vec::new() }
    }

    /// Takes the next of the list into account.
    pub fn offer(&mut self, item: T) {
        let is_kept = self.wanted > 0 && self.offered.checked_rem(self.stride) == Some(0);
        self.offered = self.offered.saturating_add(1);
        if !is_kept {
            return;
        }
        self.kept.push(item);
        if self.kept.len() >= self.wanted.saturating_mul(2) {
            let mut at = 0_u64;
            self.kept.retain(|_| {
                at = at.saturating_add(1);
                at % 2 == 1
            });
            self.stride = self.stride.saturating_mul(2);
        }
    }

    /// How many it was offered.
    #[must_use]
    pub const fn offered(&self) -> u64 {
        self.offered
    }

    /// The sample, in the order of the list; all of it if the list is no longer.
    #[must_use]
    pub fn finish(self) -> Vec<T> {
        let (have, wanted) = (self.kept.len(), self.wanted);
        if have <= wanted {
            return self.kept;
        }
        let mut next = 0;
        let chosen = self.kept.into_iter().enumerate().filter_map(|(at, item)| {
            // The item at the beginning of each of `wanted` equal parts.
            let is_due = next < wanted && at == next.saturating_mul(have).checked_div(wanted).unwrap_or(0);
            next += usize::from(is_due);
            is_due.then_some(item)
        });
        chosen.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(wanted: usize, of: u64) -> Vec<u64> {
        let mut spread = Spread::new(wanted);
        (0..of).for_each(|item| spread.offer(item));
        assert_eq!(spread.offered(), of);
        assert!(spread.kept.len() <= wanted * 2);
        spread.finish()
    }

    #[test]
    fn a_short_list_is_taken_whole() {
        assert_eq!(sample(5, 3), [0, 1, 2]);
        assert_eq!(sample(3, 3), [0, 1, 2]);
        assert_eq!(sample(0, 3), Vec::<u64>::new());
        assert_eq!(sample(4, 0), Vec::<u64>::new());
    }

    #[test]
    fn a_long_list_gives_exactly_as_many_in_order_and_from_all_of_it() {
        for wanted in [1, 2, 3, 7, 100] {
            for of in [wanted as u64 + 1, 1_000, 12_345] {
                let sample = sample(wanted, of);
                assert_eq!(sample.len(), wanted, "{wanted} of {of}");
                assert!(sample.is_sorted_by(|a, b| a < b));
                let ends: Vec<u64> = sample.iter().skip(1).copied().chain([of]).collect();
                let widest = sample.iter().zip(&ends).map(|(a, b)| b - a).max().unwrap();
                assert!(widest <= 3 * (of / wanted as u64 + 1), "{wanted} of {of}: a hole of {widest}");
            }
        }
    }
}
