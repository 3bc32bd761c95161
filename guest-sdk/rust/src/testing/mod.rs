//! A test kit without wasm: given events, when a command comes, then events and a reply.
//!
//! ```
//! # use greenroom::{Actor, Answer, Command, Event, Never, Turn};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Default, Serialize, Deserialize)]
//! # struct Tally { votes: u64 }
//! # #[derive(Clone, Command, Deserialize)]
//! # enum Ask { Vote { votes: u64 } }
//! # #[derive(Event, Serialize, Deserialize)]
//! # enum Fact { Voted { votes: u64 } }
//! # impl Actor for Tally {
//! #     type Command = Ask;
//! #     type Event = Fact;
//! #     type Reply = u64;
//! #     type Rejection = Never;
//! #     fn handle(&self, Ask::Vote { votes }: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Never> {
//! #         turn.append(Fact::Voted { votes });
//! #         Ok(turn.reply(|tally| tally.votes))
//! #     }
//! #     fn apply(&mut self, Fact::Voted { votes }: &Fact) {
//! #         self.votes += votes;
//! #     }
//! # }
//! use greenroom::testing::Given;
//!
//! Given::<Tally>::new()
//!     .events([Fact::Voted { votes: 2 }])
//!     .when(Ask::Vote { votes: 3 })
//!     .then_events([Fact::Voted { votes: 3 }])
//!     .then_reply(5);
//!
//! let history = Given::<Tally>::new().events([Fact::Voted { votes: 2 }]);
//! history.replays_to_the_same_state();
//! history.survives_a_snapshot();
//! history.handlers_agree_under_two_seeds([Ask::Vote { votes: 1 }]);
//! ```
//!
//! Events go through their codec on the way in, as in the host. What is compared is JSON, so replies and events
//! need neither `PartialEq` nor `Debug`. A check that fails panics, at the line that called it.
//!
//! Not shown by these tests: the limits of the host (time, memory, sizes), and how turns are batched.

mod checks;
mod given;
mod golden;
mod then;

pub use given::Given;
pub use then::Then;

use serde::Serialize;
use serde_json::Value;

/// What a value looks like to a caller.
#[expect(clippy::panic, reason = "a test's value without JSON form fails the test")]
#[track_caller]
fn json(value: &(impl Serialize + ?Sized)) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| panic!("this value has no JSON form: {error}"))
}

/// Fails the test unless both are equal.
#[expect(clippy::panic, reason = "this is how a test fails")]
#[track_caller]
fn same<T: PartialEq>(what: &str, expected: &T, found: &T, show: impl Fn(&T) -> String) {
    if expected != found {
        panic!("{what} differ\n  expected: {}\n     found: {}", show(expected), show(found));
    }
}
