//! What a revision appends while somebody looks through the journals: the look cannot see what happens behind it.

use std::sync::atomic::{AtomicU64, Ordering};

/// When a revision last appended something, counted in looks. Costs a turn one load for each change of the event type.
#[derive(Debug)]
pub(crate) struct Appended {
    /// How many looks have begun.
    looks: AtomicU64,
    /// The newest look that had begun when something was appended; zero: nothing was since the first.
    anything: AtomicU64,
    /// The same for each event type, by its index.
    types: Box<[AtomicU64]>,
}

/// The beginning of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look(u64);

impl Look {
    /// For a revision that was not loaded when the look began: all that it appended came later.
    pub(crate) const FIRST: Self = Self(1);
}

impl Appended {
    pub(crate) fn new(types: usize) -> Self {
        let types = (0..types).map(|_| AtomicU64::new(0)).collect();
        Self { looks: AtomicU64::new(1), anything: AtomicU64::new(0), types }
    }

    /// Events of these types are about to be handed to the store.
    pub(crate) fn mark(&self, types: &[u16]) {
        let look = self.looks.load(Ordering::Acquire);
        let note = |mark: &AtomicU64| {
            if mark.load(Ordering::Relaxed) < look {
                mark.fetch_max(look, Ordering::AcqRel);
            }
        };
        note(&self.anything);
        let mut last = None;
        for index in types {
            if last != Some(index)
                && let Some(mark) = self.types.get(usize::from(*index))
            {
                note(mark);
            }
            last = Some(index);
        }
    }

    /// A look begins: what is appended from now on is told apart from what was before.
    pub(crate) fn look(&self) -> Look {
        Look(self.looks.fetch_add(1, Ordering::AcqRel).saturating_add(1))
    }

    /// Whether an event of this type was handed to the store since a look began.
    pub(crate) fn since(&self, look: Look, index: u16) -> bool {
        self.types.get(usize::from(index)).is_some_and(|mark| mark.load(Ordering::Acquire) >= look.0)
    }

    /// Whether anything was handed to the store since a look began.
    pub(crate) fn anything_since(&self, look: Look) -> bool {
        self.anything.load(Ordering::Acquire) >= look.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_before_a_look_is_told_apart_from_what_came_after_it() {
        let appended = Appended::new(2);
        appended.mark(&[0, 0, 1]);
        assert!(appended.since(Look::FIRST, 0) && appended.anything_since(Look::FIRST));
        let look = appended.look();
        assert!(!appended.since(look, 0) && !appended.since(look, 1) && !appended.anything_since(look));
        appended.mark(&[1, 1]);
        assert!(!appended.since(look, 0) && appended.since(look, 1) && appended.anything_since(look));
    }

    #[test]
    fn looks_do_not_disturb_each_other() {
        let appended = Appended::new(1);
        let first = appended.look();
        appended.mark(&[0]);
        let second = appended.look();
        assert!(appended.since(first, 0) && !appended.since(second, 0));
        appended.mark(&[0]);
        assert!(appended.since(first, 0) && appended.since(second, 0));
    }

    #[test]
    fn a_turn_without_events_is_something_and_a_type_that_is_not_declared_is_nothing() {
        let appended = Appended::new(1);
        let look = appended.look();
        appended.mark(&[]);
        assert!(appended.anything_since(look) && !appended.since(look, 0));
        appended.mark(&[9, u16::MAX]);
        assert!(!appended.since(look, 9));
    }
}
