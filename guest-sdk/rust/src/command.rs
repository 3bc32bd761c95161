//! What an actor can be asked.

use crate::codec::Decodable;

/// One command as the manifest lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandType {
    /// Its name: the last part of the HTTP path.
    pub name: &'static str,
    /// It may not append events or ask for effects.
    pub read_only: bool,
    /// The JSON that an empty payload stands for, and `null` too where `null` says nothing.
    #[doc(hidden)]
    pub when_empty: &'static str,
}

/// The commands of an actor. Implement it with `#[derive(Command, Deserialize)]` on an enum.
///
/// Each variant is a command. Its name is the variant's in kebab-case (`MoveMoney` → `move-money`), or
/// `#[command(name = "...")]`. Its payload is the variant's fields as a JSON object, so serde's field
/// attributes apply: `#[serde(default)]`, `#[serde(rename = "...")]` and so on. Where the fields may all be
/// absent, the payload may be empty. `#[command(read_only)]` marks what only looks.
///
/// [`Turn::schedule`](crate::Turn::schedule) needs `Serialize` as well.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of commands",
    note = "write `#[derive(greenroom::Command, serde::Deserialize)]` above the enum"
)]
pub trait Command: Decodable + 'static {
    /// All commands, in the order of the variants.
    const TYPES: &'static [CommandType];

    /// The index in [`TYPES`](Self::TYPES) of this command.
    fn index(&self) -> u16;
}
