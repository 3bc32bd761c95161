//! A shopping cart as it was first deployed.

#![expect(missing_docs, reason = "an example: the names of the small types say it")]

use std::collections::BTreeMap;

use greenroom::{Actor, Answer, Command, Event, Turn};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cart {
    pieces: BTreeMap<String, u32>,
    note: String,
}

#[derive(Debug, Clone, Command, Deserialize)]
pub enum Ask {
    Greet {
        name: String,
    },
    Add {
        item: String,
        count: u32,
    },
    Note {
        text: String,
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
    Added {
        item: String,
        count: u32,
    },
    /// In JSON, where fields may come later.
    #[event(json)]
    Noted {
        text: String,
    },
    Cleared,
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

    fn handle(&self, command: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Refusal> {
        match command {
            Ask::Greet { name } => turn.append(Fact::Greeted { name }),
            Ask::Add { count, .. } if count > MOST => Err(Refusal::TooMany { most: MOST })?,
            Ask::Add { item, count } => turn.append(Fact::Added { item, count }),
            Ask::Note { text } => turn.append(Fact::Noted { text }),
            Ask::Clear => turn.append(Fact::Cleared),
            Ask::Show => {}
        }
        Ok(turn.reply(Self::clone))
    }

    fn apply(&mut self, event: &Fact) {
        match event {
            Fact::Greeted { .. } => {}
            Fact::Added { item, count } => {
                let pieces = self.pieces.entry(item.clone()).or_default();
                *pieces = pieces.saturating_add(*count);
            }
            Fact::Noted { text } => self.note.clone_from(text),
            Fact::Cleared => self.pieces.clear(),
        }
    }
}

greenroom::export!(Cart);
