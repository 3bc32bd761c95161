//! The same cart once things have prices: new fields with defaults, a new version of an event, a migrated state.

#![expect(missing_docs, reason = "an example: the names of the small types say it")]

use std::collections::BTreeMap;

use greenroom::{Actor, Answer, Command, Event, OldState, StateError, Turn};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cart {
    lines: BTreeMap<String, Line>,
    note: String,
    noted_by: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Line {
    pub pieces: u32,
    pub cents: u64,
}

#[derive(Debug, Clone, Command, Deserialize)]
pub enum Ask {
    Greet {
        name: String,
    },
    /// A new field of a command: callers that do not send it get the default.
    Add {
        item: String,
        count: u32,
        #[serde(default)]
        cents: u64,
    },
    Note {
        text: String,
        #[serde(default)]
        by: String,
    },
    Clear,
    #[command(read_only)]
    Show,
}

#[derive(Debug, Event, Serialize, Deserialize)]
pub enum Fact {
    Greeted {
        name: String,
    },
    /// In bincode a new field is a new layout, and so a new version. `cents` is the price of one piece.
    #[event(version = 2, upcast(1 = added_v1))]
    Added {
        item: String,
        count: u32,
        cents: u64,
    },
    /// In JSON a new field with a default is no new version: what was stored without it reads as before.
    #[event(json)]
    Noted {
        text: String,
        #[serde(default)]
        by: String,
    },
    Cleared,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct AddedV1(pub String, pub u32);

fn added_v1(AddedV1(item, count): AddedV1) -> Fact {
    Fact::Added { item, count, cents: 0 }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    TooMany { most: u32 },
}

/// Pieces that may be added at once.
const MOST: u32 = 100;

impl Actor for Cart {
    type Command = Ask;
    type Event = Fact;
    type Reply = Self;
    type Rejection = Refusal;

    const STATE_VERSION: u32 = 2;

    fn handle(&self, command: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Refusal> {
        match command {
            Ask::Greet { name } => turn.append(Fact::Greeted { name }),
            Ask::Add { count, .. } if count > MOST => Err(Refusal::TooMany { most: MOST })?,
            Ask::Add { item, count, cents } => turn.append(Fact::Added { item, count, cents }),
            Ask::Note { text, by } => turn.append(Fact::Noted { text, by }),
            Ask::Clear => turn.append(Fact::Cleared),
            Ask::Show => {}
        }
        Ok(turn.reply(Self::clone))
    }

    fn apply(&mut self, event: &Fact) {
        match event {
            Fact::Greeted { .. } => {}
            Fact::Added { item, count, cents } => {
                let line = self.lines.entry(item.clone()).or_default();
                line.pieces = line.pieces.saturating_add(*count);
                line.cents = line.cents.saturating_add(cents.saturating_mul(u64::from(*count)));
            }
            Fact::Noted { text, by } => (self.note, self.noted_by) = (text.clone(), by.clone()),
            Fact::Cleared => self.lines.clear(),
        }
    }

    /// Snapshots of the first revision are migrated.
    fn migrate(old: OldState<'_>) -> Result<Self, StateError> {
        if old.version() != 1 {
            return Err(StateError::UnknownVersion);
        }
        let (pieces, note): (BTreeMap<String, u32>, String) = old.decode()?;
        let lines = pieces.into_iter().map(|(item, pieces)| (item, Line { pieces, cents: 0 })).collect();
        Ok(Self { lines, note, noted_by: String::new() })
    }
}

greenroom::export!(Cart);
