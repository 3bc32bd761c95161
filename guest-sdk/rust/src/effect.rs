//! What an actor may ask the world to do.

use crate::{Address, Time};

/// One request of an accepted command. It leaves the actor when the command is accepted and acts when the
/// turn's events are durable; a rejected command's requests never leave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Send a command to an actor of the same tenant: delivered at least once, no reply, in no promised order. A repeat
    /// is handled once while the receiver remembers it.
    Tell {
        /// Who gets it.
        to: Address,
        /// The command's name.
        name: String,
        /// Its payload, JSON.
        payload: Vec<u8>,
    },
    /// Send this actor a command at a time; replaces the timer of that name.
    Schedule {
        /// The timer's name.
        timer: String,
        /// When it fires.
        at: Time,
        /// The command's name.
        name: String,
        /// Its payload, JSON.
        payload: Vec<u8>,
    },
    /// Remove a timer; removing one that is not set does nothing.
    Cancel {
        /// The timer's name.
        timer: String,
    },
    /// Capture a snapshot after this turn.
    RequestSnapshot,
    /// Passivate this actor after this turn.
    Passivate,
}
