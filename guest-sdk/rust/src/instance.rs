//! One activation: the calls of the contract over plain columns. `wasm` and `testing` drive it.

use std::rc::Rc;

use crate::codec::{self, must};
use crate::turn::{Context, command_name};
use crate::{Actor, Address, Command, Effect, Event, OldState, StateError, Time, Turn};

/// Byte strings laid end to end; `ends[i]` is where item `i` ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    pub data: Vec<u8>,
    pub ends: Vec<u32>,
}

impl Column {
    #[expect(clippy::expect_used, reason = "a turn of over 4 GiB cannot be returned: it must be lost, not cut")]
    pub(crate) fn end_item(&mut self) {
        self.ends.push(u32::try_from(self.data.len()).expect("one turn may not return over 4 GiB"));
    }
}

/// Events in journal order, as they cross.
#[derive(Debug, Clone, Copy)]
pub struct EventsView<'a> {
    pub types: &'a [u16],
    pub data: &'a [u8],
    pub ends: &'a [u32],
}

/// Commands in arrival order, as they cross.
#[derive(Debug, Clone, Copy)]
pub struct CommandsView<'a> {
    pub names: &'a [u16],
    pub data: &'a [u8],
    pub ends: &'a [u32],
    pub now: Time,
}

/// What became of one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    Accepted = 0,
    Rejected = 1,
    Undecodable = 2,
}

/// What a batch did. `effects` holds those of accepted commands only, with the command's index.
#[derive(Debug, Default)]
pub struct Outcome {
    pub appended: Vec<u32>,
    pub types: Vec<u16>,
    pub payloads: Column,
    pub verdicts: Vec<u8>,
    pub replies: Column,
    pub effects: Vec<(u32, Effect)>,
}

/// Which event could not be applied, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayError {
    pub event: u32,
    pub reason: String,
}

/// An actor's state, and who it is.
#[derive(Debug)]
pub struct Instance<A> {
    state: A,
    address: Rc<Address>,
}

impl<A: Actor> Instance<A> {
    /// The initial state, or that of a snapshot.
    ///
    /// # Errors
    /// The snapshot is not usable; [`StateError::UnknownVersion`] asks for a start from the first event.
    pub fn start(address: Address, base: Option<(u32, &[u8])>) -> Result<Self, StateError> {
        let state = match base {
            None => A::default(),
            Some((version, bytes)) if version == A::STATE_VERSION => codec::decode_state(A::STATE_CODEC, bytes)?,
            Some((version, bytes)) => A::migrate(OldState::new(version, A::STATE_CODEC, bytes))?,
        };
        Ok(Self { state, address: Rc::new(address) })
    }

    /// The state.
    pub const fn state(&self) -> &A {
        &self.state
    }

    /// Only the state.
    pub fn into_state(self) -> A {
        self.state
    }

    /// Folds events in.
    ///
    /// # Errors
    /// The first event that could not be decoded; those before it are folded in.
    pub fn replay(&mut self, events: EventsView<'_>) -> Result<(), ReplayError> {
        if events.types.len() != events.ends.len() {
            let reason = format!("{} types but {} payloads", events.types.len(), events.ends.len());
            return Err(ReplayError { event: 0, reason });
        }
        let state = &mut self.state;
        let mut begin = 0;
        for ((event, &index), &end) in (0_u32..).zip(events.types).zip(events.ends) {
            let Some(payload) = events.data.get(begin..end as usize) else {
                return Err(failed(event, "its end lies outside the data"));
            };
            if let Err(error) = A::Event::decode(index, payload, &mut |event| state.apply(&event)) {
                return Err(failed(event, &error.to_string()));
            }
            begin = end as usize;
        }
        Ok(())
    }

    /// Handles a batch: each command sees the state that the one before left.
    ///
    /// # Panics
    /// When the actor's code panics, has no encoding for what it made, or breaks its manifest: the instance is
    /// unusable, and nothing of the batch may be kept.
    pub fn handle(&mut self, commands: CommandsView<'_>, context: Rc<dyn Context>) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.appended.reserve(commands.names.len());
        outcome.verdicts.reserve(commands.names.len());
        outcome.replies.ends.reserve(commands.names.len());
        let mut turn = Turn::new(commands.now, Rc::clone(&self.address), context);
        let mut begin = 0;
        for (&index, &end) in commands.names.iter().zip(commands.ends) {
            let payload = commands.data.get(begin..end as usize).unwrap_or_default();
            turn.type_index = index;
            self.handle_payload(payload, &mut turn, &mut outcome);
            turn.command += 1;
            begin = end as usize;
        }
        outcome
    }

    #[expect(clippy::panic, reason = "a name that the manifest does not list is the caller's fault")]
    fn handle_payload(&mut self, payload: &[u8], turn: &mut Turn<A>, outcome: &mut Outcome) {
        let index = turn.type_index;
        let Some(command) = A::Command::TYPES.get(usize::from(index)) else {
            panic!("this actor has no command with index {index}");
        };
        match codec::decode_command(index, command, payload) {
            Ok(command) => self.handle_one(command, turn, outcome),
            Err(error) => {
                let message = format!("{}: {error}", command_name::<A>(index));
                outcome.replies.data.extend_from_slice(message.as_bytes());
                outcome.finish_command(0, Verdict::Undecodable);
            }
        }
    }

    fn handle_one(&mut self, command: A::Command, turn: &mut Turn<A>, outcome: &mut Outcome) {
        match self.state.handle(command, turn) {
            Ok(answer) => {
                let before = outcome.types.len();
                for event in turn.events.drain(..) {
                    outcome.types.push(event.index());
                    must(event.encode(&mut outcome.payloads.data));
                    outcome.payloads.end_item();
                    self.state.apply(&event);
                }
                outcome.effects.extend(turn.effects.drain(..).map(|effect| (turn.command, effect)));
                must(codec::encode_json_into(&answer.computed_from(&self.state), &mut outcome.replies.data));
                let appended = outcome.types.len() - before;
                outcome.finish_command(appended, Verdict::Accepted);
            }
            Err(rejection) => {
                turn.events.clear();
                turn.effects.clear();
                must(codec::encode_json_into(&rejection, &mut outcome.replies.data));
                outcome.finish_command(0, Verdict::Rejected);
            }
        }
    }

    /// Handles one command that needs no decoding.
    pub fn handle_typed(&mut self, command: A::Command, now: Time, context: Rc<dyn Context>) -> Outcome {
        let mut outcome = Outcome::default();
        let mut turn = Turn::new(now, Rc::clone(&self.address), context);
        turn.type_index = command.index();
        self.handle_one(command, &mut turn, &mut outcome);
        outcome
    }

    /// The state as snapshot bytes of [`Actor::STATE_VERSION`].
    ///
    /// # Errors
    /// Why it has no encoding.
    pub fn capture(&self) -> Result<Vec<u8>, String> {
        codec::encode_state(&self.state, A::STATE_CODEC).map_err(|error| error.to_string())
    }

    /// The state for people.
    pub fn state_as_json(&self) -> String {
        must(codec::encode_json(&self.state).map(|json| String::from_utf8_lossy(&json).into_owned()))
    }
}

impl Outcome {
    fn finish_command(&mut self, appended: usize, verdict: Verdict) {
        // One item per event was pushed, each with a `u32` end: the count fits as well.
        self.appended.push(u32::try_from(appended).unwrap_or(u32::MAX));
        self.verdicts.push(verdict as u8);
        self.replies.end_item();
    }
}

#[cold]
fn failed(event: u32, reason: &str) -> ReplayError {
    ReplayError { event, reason: reason.to_owned() }
}
