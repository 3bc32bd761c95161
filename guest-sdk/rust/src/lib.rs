//! Write persistent actors for Greenroom.
//!
//! An actor is a state that only its events may change. [`Actor::handle`] decides, reading the state; it
//! appends events; [`Actor::apply`] folds them in. The host journals the events and brings the state back by
//! replaying them, so the state is exactly the fold of the journal.
//!
//! ```
//! use greenroom::{Actor, Answer, Command, Event, Never, Turn};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Tally { votes: u64 }
//!
//! #[derive(Command, Deserialize)]
//! enum Ask {
//!     Vote { votes: u64 },
//!     #[command(read_only)]
//!     Count,
//! }
//!
//! #[derive(Event, Serialize, Deserialize)]
//! enum Fact { Voted { votes: u64 } }
//!
//! impl Actor for Tally {
//!     type Command = Ask;
//!     type Event = Fact;
//!     type Reply = u64;
//!     type Rejection = Never;
//!
//!     fn handle(&self, command: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Never> {
//!         if let Ask::Vote { votes } = command {
//!             turn.append(Fact::Voted { votes });
//!         }
//!         Ok(turn.reply(|tally| tally.votes))
//!     }
//!
//!     fn apply(&mut self, event: &Fact) {
//!         let Fact::Voted { votes } = event;
//!         self.votes += votes;
//!     }
//! }
//!
//! greenroom::export!(Tally);
//!
//! # fn main() {
//! use greenroom::testing::Given;
//! Given::<Tally>::new()
//!     .events([Fact::Voted { votes: 2 }])
//!     .when(Ask::Vote { votes: 3 })
//!     .then_events([Fact::Voted { votes: 3 }])
//!     .then_reply(5);
//! # }
//! ```
//!
//! # Determinism
//! `apply` must give the same state for the same events, on any machine, at any time: no clock, no random
//! numbers, no iteration over `HashMap` or `HashSet`. Use `BTreeMap` and `BTreeSet`: the order of a hash map
//! changes from instance to instance, even with the same content, so two snapshots of the same state would
//! differ and a `handle` that walks one would decide differently after a restore. Time is [`Turn::now`]; put it
//! into the event when the state needs it. The checks of [`testing::Given`] find what slips through.
//!
//! # Rooms
//! - [`Actor`], [`Answer`], [`Turn`]: what an author writes against.
//! - [`Command`], [`Event`]: what the derives implement. `codec`: how payloads and snapshots are encoded.
//! - `instance`: one activation: the calls of the contract over plain columns, without wasm.
//! - `wasm`: the same calls as component exports. [`testing`]: the same calls as a native test kit.
//! - [`log`]: messages for the host's log.

mod actor;
mod address;
mod answer;
#[doc(hidden)]
pub mod codec;
mod command;
mod effect;
mod event;
mod export;
#[doc(hidden)]
pub mod instance;
pub mod log;
pub mod testing;
mod time;
#[doc(hidden)]
pub mod turn;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod wasm;

pub use actor::{Actor, Never, OldState, StateError};
pub use address::{Address, Caller};
pub use answer::Answer;
pub use codec::{Codec, CodecError};
pub use command::{Command, CommandType};
pub use effect::Effect;
pub use event::{Event, EventType, Upcasted};
pub use greenroom_macros::{Command, Event};
pub use time::Time;
pub use turn::Turn;
