//! One-line checks of determinism.
//!
//! What is randomised: every hash map gets its own keys when it is made (`RandomState`), so two instances in one
//! process walk the same content in different orders. Sixteen instances agree by chance once in 32,768 times even
//! with two entries. Random numbers and clocks that the code reads itself differ between instances as well. What
//! is not: anything that is the same for a whole process, such as its environment.

use super::given::Given;
use super::same;
use crate::instance::{Instance, Outcome};
use crate::{Actor, Effect};

/// Instances that are compared with each other.
const INSTANCES: usize = 16;
/// Places in a history where a snapshot is taken.
const SNAPSHOTS: usize = 64;
/// Sizes of replay batches: singly, crossing every boundary, all at once.
const BATCHES: [usize; 3] = [1, 7, usize::MAX];

impl<A: Actor> Given<A> {
    /// Replaying the history gives the same state every time, to the byte, whatever the batch size.
    ///
    /// Finds an `apply` that reads a clock or random numbers, and a state with a `HashMap` or `HashSet` of two or
    /// more entries, whose snapshots differ.
    ///
    /// # Panics
    /// When two states differ.
    #[track_caller]
    pub fn replays_to_the_same_state(&self) {
        let expected = bytes(&self.instance());
        for round in 0..INSTANCES {
            let batch = BATCHES.get(round % BATCHES.len()).copied().unwrap_or(1);
            let mut instance = self.started();
            let mut begin = 0;
            while begin < self.types.len() {
                let end = begin.saturating_add(batch).min(self.types.len());
                self.replay(&mut instance, begin, end);
                begin = end;
            }
            self.same_state("two replays of the same events", &expected, &bytes(&instance));
        }
    }

    /// A snapshot at any point of the history, restored and continued, gives the same state, to the byte.
    ///
    /// # Panics
    /// When two states differ, or a snapshot cannot be restored.
    #[track_caller]
    pub fn survives_a_snapshot(&self) {
        let expected = bytes(&self.instance());
        let events = self.types.len();
        for at in (0..=events).step_by((events / SNAPSHOTS).max(1)).chain([events]) {
            let mut restored = self.restored_at(at);
            self.replay(&mut restored, at, events);
            self.same_state(&format!("the state through a snapshot at {at} and without"), &expected, &bytes(&restored));
        }
    }

    /// The commands, handled one after the other behind the history, do the same whatever the keys of the hash
    /// maps are, and whether the state was replayed or restored from a snapshot.
    ///
    /// Compared are events, replies, rejections and effects.
    ///
    /// # Panics
    /// When two instances do not do the same.
    #[track_caller]
    pub fn handlers_agree_under_two_seeds<C>(&self, commands: C)
    where
        C: IntoIterator<Item = A::Command>,
        A::Command: Clone,
    {
        let commands: Vec<A::Command> = commands.into_iter().collect();
        let expected = self.run(self.instance(), &commands);
        for round in 0..INSTANCES {
            let instance = if round % 2 == 0 { self.instance() } else { self.restored_at(self.types.len()) };
            for (at, (one, other)) in expected.iter().zip(self.run(instance, &commands)).enumerate() {
                let what = format!(
                    "what command {} of the list did under two seeds (does `handle` walk a HashMap? Use a BTreeMap)",
                    at + 1
                );
                same(&what, one, &other, |it| format!("{it:?}"));
            }
        }
    }

    fn run(&self, mut instance: Instance<A>, commands: &[A::Command]) -> Vec<Deed>
    where
        A::Command: Clone,
    {
        let handle =
            |command: &A::Command| Deed::from(instance.handle_typed(command.clone(), self.now(), self.context()));
        commands.iter().map(handle).collect()
    }

    /// An instance that was captured after `events` events and started anew from that.
    #[track_caller]
    #[expect(clippy::panic, reason = "this is how a test fails")]
    fn restored_at(&self, events: usize) -> Instance<A> {
        let mut captured = self.started();
        self.replay(&mut captured, 0, events);
        let state = bytes(&captured);
        Instance::start(self.address.clone(), Some((A::STATE_VERSION, &state)))
            .unwrap_or_else(|error| panic!("a snapshot after {events} events was not usable: {error}"))
    }

    #[track_caller]
    fn same_state(&self, what: &str, expected: &[u8], found: &[u8]) {
        let what = format!("{what}, as snapshot bytes (is there a HashMap in the state? Use a BTreeMap),");
        same(&what, &expected, &found, |it| format!("{it:02x?}"));
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "this is how a test fails")]
fn bytes<A: Actor>(instance: &Instance<A>) -> Vec<u8> {
    instance.capture().unwrap_or_else(|error| panic!("the state could not be captured: {error}"))
}

/// What one command did, to be compared.
#[derive(Debug, PartialEq)]
struct Deed {
    types: Vec<u16>,
    events: Vec<u8>,
    verdicts: Vec<u8>,
    answer: String,
    effects: Vec<(u32, Effect)>,
}

impl From<Outcome> for Deed {
    fn from(outcome: Outcome) -> Self {
        Self {
            types: outcome.types,
            events: outcome.payloads.data,
            verdicts: outcome.verdicts,
            answer: String::from_utf8_lossy(&outcome.replies.data).into_owned(),
            effects: outcome.effects,
        }
    }
}
