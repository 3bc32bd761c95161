//! Whose turn it is, where one thing is done at a time and parties must not hold each other up.

use std::collections::{BTreeMap, VecDeque};

/// Who waits for a turn. The party that was served longest ago comes first; parties that were served alike (or not at
/// all) come in the order in which they began to wait.
///
/// Who waits urgently comes before all who do not, in the same order among each other.
///
/// So a party that asks again and again delays another one by the turn that is under way and no other of its own.
#[derive(Debug)]
pub struct Turns<Party, Waiter> {
    /// In the order of arrival.
    waiting: VecDeque<Waits<Party, Waiter>>,
    /// When each party that waits, or has the turn, was served last; counted in turns.
    served: BTreeMap<Party, u64>,
    turns: u64,
    at_work: Option<Party>,
}

#[derive(Debug)]
struct Waits<Party, Waiter> {
    party: Party,
    urgency: Urgency,
    waiter: Waiter,
}

/// Whether somebody can wait for those who cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Before all others.
    Urgent,
    /// After those who are urgent.
    Ordinary,
}

impl<Party, Waiter> Default for Turns<Party, Waiter> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), served: BTreeMap::new(), turns: 0, at_work: None }
    }
}

impl<Party: Ord + Clone, Waiter> Turns<Party, Waiter> {
    /// Takes the turn if nobody has it; true if it was taken.
    pub fn take(&mut self, party: &Party) -> bool {
        let is_free = self.at_work.is_none();
        if is_free {
            self.begin(party.clone());
        }
        is_free
    }

    /// Waits for a turn.
    pub fn wait(&mut self, party: Party, urgency: Urgency, waiter: Waiter) {
        self.waiting.push_back(Waits { party, urgency, waiter });
    }

    /// Ends the turn and gives it to the next; `None`: nobody waits.
    pub fn pass(&mut self) -> Option<Waiter> {
        let last = self.at_work.take();
        let next = self.next();
        // Who neither waits nor had the turn just now is a newcomer when it comes again.
        let waiting: std::collections::BTreeSet<_> = self.waiting.iter().map(|waits| &waits.party).collect();
        self.served.retain(|party, _| waiting.contains(party) || last.as_ref() == Some(party));
        let Waits { party, waiter, .. } = next?;
        self.begin(party);
        Some(waiter)
    }

    /// Everybody who waits, in no order that matters; nobody waits afterwards.
    pub fn clear(&mut self) -> Vec<Waiter> {
        self.waiting.drain(..).map(|waits| waits.waiter).collect()
    }

    fn begin(&mut self, party: Party) {
        self.turns = self.turns.saturating_add(1);
        self.served.insert(party.clone(), self.turns);
        self.at_work = Some(party);
    }

    fn next(&mut self) -> Option<Waits<Party, Waiter>> {
        let served = |party: &Party| self.served.get(party).copied().unwrap_or(0);
        // The first of those that are equal: `min_by_key` keeps it.
        let (at, _) = self.waiting.iter().enumerate().min_by_key(|(_, waits)| (waits.urgency, served(&waits.party)))?;
        self.waiting.remove(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_party_that_asks_again_and_again_delays_another_by_one_turn_only() {
        let mut turns = Turns::default();
        assert!(turns.take(&"greedy"));
        turns.wait("greedy", Urgency::Ordinary, 2);
        turns.wait("greedy", Urgency::Ordinary, 3);
        turns.wait("modest", Urgency::Ordinary, 1);
        turns.wait("greedy", Urgency::Ordinary, 4);
        assert_eq!(turns.pass(), Some(1), "the modest party comes right after the turn under way");
        assert_eq!([turns.pass(), turns.pass(), turns.pass(), turns.pass()], [Some(2), Some(3), Some(4), None]);
        assert!(turns.take(&"greedy"));
    }

    #[test]
    fn parties_take_turns_and_each_keeps_its_own_order() {
        let mut turns = Turns::default();
        assert!(turns.take(&"x"));
        for (party, waiter) in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("b", "b2"), ("c", "c1")] {
            turns.wait(party, Urgency::Ordinary, waiter);
        }
        let order: Vec<_> = std::iter::from_fn(|| turns.pass()).collect();
        assert_eq!(order, ["a1", "b1", "c1", "a2", "b2", "a3"]);
    }

    #[test]
    fn who_is_urgent_comes_first_and_those_who_are_take_turns() {
        let mut turns = Turns::default();
        assert!(turns.take(&"x"));
        for (party, urgency, waiter) in [
            ("a", Urgency::Ordinary, "a1"),
            ("b", Urgency::Urgent, "b1"),
            ("b", Urgency::Urgent, "b2"),
            ("c", Urgency::Urgent, "c1"),
            ("d", Urgency::Ordinary, "d1"),
        ] {
            turns.wait(party, urgency, waiter);
        }
        let order: Vec<_> = std::iter::from_fn(|| turns.pass()).collect();
        assert_eq!(order, ["b1", "c1", "b2", "a1", "d1"]);
    }

    #[test]
    fn a_party_that_comes_back_at_once_is_not_a_newcomer() {
        let mut turns = Turns::default();
        assert!(turns.take(&"greedy"));
        turns.wait("modest", Urgency::Ordinary, 1);
        turns.wait("greedy", Urgency::Ordinary, 2);
        assert_eq!(turns.pass(), Some(1));
        turns.wait("third", Urgency::Ordinary, 3);
        // The greedy party was served before; the third never.
        assert_eq!(turns.pass(), Some(3));
        assert_eq!(turns.pass(), Some(2));
    }

    proptest! {
        #[test]
        fn between_two_turns_of_a_waiting_party_no_other_has_two(arrivals in prop::collection::vec(0_u8..4, 1..60)) {
            let mut turns = Turns::default();
            prop_assert!(turns.take(&9));
            for party in &arrivals {
                turns.wait(*party, Urgency::Ordinary, *party);
            }
            let order: Vec<u8> = std::iter::from_fn(|| turns.pass()).collect();
            prop_assert_eq!(order.len(), arrivals.len());
            for party in 0..4 {
                let at: Vec<usize> = (0..order.len()).filter(|at| order[*at] == party).collect();
                // Everybody waits from the start, so this also bounds how long the first turn is waited for.
                let starts = std::iter::once(0).chain(at.iter().map(|at| at + 1));
                for (from, to) in starts.zip(&at) {
                    for other in (0..4).filter(|other| *other != party) {
                        let count = order[from..*to].iter().filter(|served| **served == other).count();
                        prop_assert!(count <= 1, "{order:?}: {other} had {count} turns while {party} waited");
                    }
                }
            }
            prop_assert!(turns.served.len() <= 1, "what is remembered is bounded by who waits");
        }
    }
}
