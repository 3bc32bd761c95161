//! What an author implements.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::codec::{self, Codec, CodecError, Decodable, Encodable};
use crate::{Answer, Command, Event, Turn};

/// A state that only its events may change; the type itself is the state, its `Default` the initial one.
///
/// Not promised: that an instance lives on between two commands. It may be dropped and brought back from a
/// snapshot and events at any time, so everything that matters is in the state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an actor",
    note = "write `impl greenroom::Actor for {Self}` with `handle` and `apply`"
)]
pub trait Actor: Default + Encodable + Decodable + 'static {
    /// What it can be asked: an enum with `#[derive(Command, Deserialize)]`.
    type Command: Command;
    /// What can happen: an enum with `#[derive(Event, Serialize, Deserialize)]`.
    type Event: Event;
    /// The answer to an accepted command; its JSON is the caller's reply.
    type Reply: Serialize + 'static;
    /// Why a command is refused; its JSON is the caller's reason. [`Never`] if none ever is.
    type Rejection: Serialize;

    /// The layout of the state in snapshots: raise it whenever a field is added, removed, moved or retyped.
    const STATE_VERSION: u32 = 1;
    /// How snapshots are encoded.
    const STATE_CODEC: Codec = Codec::Bincode;

    /// Decides: answers the command and appends what happened, or refuses it.
    ///
    /// Nothing is applied, sent or stored before it returns `Ok`; then all of it is, in the order in which it
    /// was appended, and the [`Answer`] is computed from the state after that.
    ///
    /// # Errors
    /// The rejection. What the turn had appended and asked for is forgotten.
    fn handle(&self, command: Self::Command, turn: &mut Turn<Self>) -> Result<Answer<Self>, Self::Rejection>;

    /// Folds one event into the state. Must be deterministic and must not fail: a panic here loses the turn, and
    /// on replay quarantines the actor. Decide in `handle`; here it has already happened.
    fn apply(&mut self, event: &Self::Event);

    /// Turns a snapshot of an older [`STATE_VERSION`](Self::STATE_VERSION) into this state.
    ///
    /// # Errors
    /// [`StateError::UnknownVersion`] (what this does unless overridden) makes the host replay from the first
    /// event, or from an older snapshot that is known; anything else fails the activation.
    fn migrate(old: OldState<'_>) -> Result<Self, StateError> {
        let _ = old;
        Err(StateError::UnknownVersion)
    }
}

/// The rejection of an actor that never refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Never {}

impl Serialize for Never {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

/// A snapshot that was captured by code with another `STATE_VERSION`.
#[derive(Debug, Clone, Copy)]
pub struct OldState<'a> {
    version: u32,
    codec: Codec,
    bytes: &'a [u8],
}

impl<'a> OldState<'a> {
    pub(crate) const fn new(version: u32, codec: Codec, bytes: &'a [u8]) -> Self {
        Self { version, codec, bytes }
    }

    /// The `STATE_VERSION` of the code that captured it.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The same bytes read as `codec`, for a state whose `STATE_CODEC` changed.
    #[must_use]
    pub const fn encoded_as(self, codec: Codec) -> Self {
        Self { codec, ..self }
    }

    /// Decodes it as the type that the state had in that version.
    ///
    /// # Errors
    /// [`StateError::Undecodable`] when the bytes are not a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, StateError> {
        Ok(codec::decode_state(self.codec, self.bytes)?)
    }
}

/// Why a snapshot is not usable.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// This code does not read that version: the host replays events instead.
    UnknownVersion,
    /// The bytes are not what that version wrote.
    Undecodable(CodecError),
    /// The migration refused the content, and says why.
    Refused(String),
}

impl From<CodecError> for StateError {
    fn from(error: CodecError) -> Self {
        Self::Undecodable(error)
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion => f.write_str("the snapshot's state version is not one that this code reads"),
            Self::Undecodable(error) => {
                write!(f, "the snapshot could not be decoded (was STATE_VERSION raised with the layout?): {error}")
            }
            Self::Refused(reason) => write!(f, "the snapshot was refused: {reason}"),
        }
    }
}

impl std::error::Error for StateError {}
