//! The test kit's checks find what they are for, and leave honest actors alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use greenroom::testing::Given;
use greenroom::{Actor, Answer, Command, Event, Never, Turn};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Command, Deserialize)]
enum Ask {
    First,
}

#[derive(Debug, Event, Serialize, Deserialize)]
enum Fact {
    Seen { key: u8 },
    Chosen { key: u8 },
}

fn seen(keys: std::ops::Range<u8>) -> Vec<Fact> {
    keys.map(|key| Fact::Seen { key }).collect()
}

/// An actor whose state has a map of this kind, and whose handler answers with the map's first key.
macro_rules! map_actor {
    ($actor:ident, $(#[$attribute:meta])* $map:ty, $first:expr) => {
        #[derive(Debug, Default, Serialize, Deserialize)]
        struct $actor {
            $(#[$attribute])*
            map: $map,
        }

        impl Actor for $actor {
            type Command = Ask;
            type Event = Fact;
            type Reply = Option<u8>;
            type Rejection = Never;

            fn handle(&self, Ask::First: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Never> {
                let first: fn(&$map) -> Option<u8> = $first;
                let key = first(&self.map);
                turn.append(Fact::Chosen { key: key.unwrap_or(0) });
                Ok(turn.reply(move |_| key))
            }

            fn apply(&mut self, event: &Fact) {
                if let Fact::Seen { key } = event {
                    self.map.insert(*key, ());
                }
            }
        }
    };
}

map_actor!(Sorted, BTreeMap<u8, ()>, |map| map.keys().next().copied());
map_actor!(Hashed, HashMap<u8, ()>, |map| map.keys().next().copied());
map_actor!(HashedButSorted, HashMap<u8, ()>, |map| map.keys().min().copied());
map_actor!(Forgetful, #[serde(skip)] BTreeMap<u8, ()>, |map| map.keys().next().copied());

#[test]
fn a_sorted_map_passes_every_check() {
    let history = Given::<Sorted>::new().events(seen(0..100));
    history.replays_to_the_same_state();
    history.survives_a_snapshot();
    history.handlers_agree_under_two_seeds([Ask::First, Ask::First]);
}

#[test]
#[should_panic(expected = "two replays of the same events, as snapshot bytes (is there a HashMap in the state?")]
fn a_hash_map_in_the_state_is_found_with_two_entries() {
    Given::<Hashed>::new().events(seen(0..2)).replays_to_the_same_state();
}

#[test]
#[should_panic(expected = "what command 1 of the list did under two seeds (does `handle` walk a HashMap?")]
fn a_handler_that_walks_a_hash_map_is_found_with_two_entries() {
    Given::<Hashed>::new().events(seen(0..2)).handlers_agree_under_two_seeds([Ask::First]);
}

#[test]
fn a_handler_that_does_not_care_for_the_order_of_a_hash_map_is_left_alone() {
    Given::<HashedButSorted>::new().events(seen(0..100)).handlers_agree_under_two_seeds([Ask::First]);
}

#[test]
#[should_panic(expected = "the state through a snapshot at 1 and without")]
fn a_field_that_snapshots_leave_out_is_found_where_the_state_shows_it() {
    Given::<Lossy>::new().events(seen(0..3)).survives_a_snapshot();
}

#[test]
#[should_panic(expected = "what command 1 of the list did under two seeds")]
fn a_field_that_snapshots_leave_out_is_found_where_a_handler_uses_it() {
    Given::<Forgetful>::new().events(seen(0..3)).handlers_agree_under_two_seeds([Ask::First]);
}

/// Counts in a field that snapshots leave out, and shows the count in one that they keep.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Lossy {
    #[serde(skip)]
    hidden: u64,
    shown: u64,
}

/// Uses what is not its own: a number that is another one at every use.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Clock {
    now: u64,
}

fn a_clock() -> u64 {
    static CLOCK: AtomicU64 = AtomicU64::new(0);
    CLOCK.fetch_add(1, Ordering::Relaxed)
}

macro_rules! plain_actor {
    ($actor:ident, |$state:ident| $apply:expr) => {
        impl Actor for $actor {
            type Command = Ask;
            type Event = Fact;
            type Reply = ();
            type Rejection = Never;

            fn handle(&self, Ask::First: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Never> {
                turn.append(Fact::Seen { key: 1 });
                Ok(turn.reply(|_| ()))
            }

            fn apply(&mut self, _: &Fact) {
                let $state = self;
                $apply
            }
        }
    };
}

plain_actor!(Lossy, |state| {
    state.hidden += 1;
    state.shown = state.hidden;
});
plain_actor!(Clock, |state| state.now = a_clock());

#[test]
#[should_panic(expected = "two replays of the same events")]
fn an_apply_that_reads_a_clock_is_found() {
    Given::<Clock>::new().events(seen(0..2)).replays_to_the_same_state();
}

#[test]
#[should_panic(expected = "the state after the command and the state after replaying its events")]
fn an_apply_that_reads_a_clock_is_found_by_every_command() {
    drop(Given::<Clock>::new().when(Ask::First));
}

#[test]
#[should_panic(expected = "replies differ\n  expected: 5\n     found: 0")]
fn a_wrong_reply_is_shown_beside_the_right_one() {
    let _ = Given::<Sorted>::new().events(seen(0..2)).when(Ask::First).then_reply(5);
}

#[test]
#[should_panic(expected = r#"events differ
  expected: [{"seen":{"key":0}}]
     found: [{"chosen":{"key":0}}]"#)]
fn wrong_events_are_shown_with_their_names() {
    let _ = Given::<Sorted>::new().events(seen(0..2)).when(Ask::First).then_events(seen(0..1));
}

#[test]
#[should_panic(expected = "verdicts differ")]
fn an_acceptance_is_no_rejection() {
    let _ = Given::<Sorted>::new().when(Ask::First).then_rejection(());
}

#[test]
#[should_panic(expected = "this code cannot replay `seen` version 7")]
fn a_version_that_is_not_listed_cannot_be_given() {
    let _ = Given::<Sorted>::new().stored("seen", 7, greenroom::Codec::Bincode, &());
}
