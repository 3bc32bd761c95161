//! The same cart once more: one event for each piece, no greetings, a total in the state.

#![expect(missing_docs, reason = "an example: the names of the small types say it")]

use std::collections::BTreeMap;

use greenroom::{Actor, Answer, Command, Event, OldState, StateError, Turn};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cart {
    lines: BTreeMap<String, Line>,
    note: String,
    noted_by: String,
    total_cents: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Line {
    pub pieces: u32,
    pub cents: u64,
}

#[derive(Debug, Clone, Command, Deserialize)]
pub enum Ask {
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
#[event(upcast("greeted", 1 = forgotten))]
pub enum Fact {
    /// One piece. Version 1 goes through version 2; version 2 becomes as many events as there were pieces.
    #[event(version = 3, upcast(1 = added_v1), upcast(2 = added_v2))]
    Added {
        item: String,
        cents: u64,
    },
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

#[derive(Debug, Serialize, Deserialize)]
pub struct AddedV2(pub String, pub u32, pub u64);

fn added_v1(AddedV1(item, count): AddedV1) -> Vec<Fact> {
    added_v2(AddedV2(item, count, 0))
}

fn added_v2(AddedV2(item, count, cents): AddedV2) -> Vec<Fact> {
    (0..count).map(|_| Fact::Added { item: item.clone(), cents }).collect()
}

/// Nobody is greeted any longer; what greetings there were mean nothing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Greeted(pub String);

fn forgotten(_: Greeted) -> Option<Fact> {
    None
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

    const STATE_VERSION: u32 = 3;

    fn handle(&self, command: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Refusal> {
        match command {
            Ask::Add { count, .. } if count > MOST => Err(Refusal::TooMany { most: MOST })?,
            Ask::Add { item, count, cents } => {
                (0..count).for_each(|_| turn.append(Fact::Added { item: item.clone(), cents }));
            }
            Ask::Note { text, by } => turn.append(Fact::Noted { text, by }),
            Ask::Clear => turn.append(Fact::Cleared),
            Ask::Show => {}
        }
        Ok(turn.reply(Self::clone))
    }

    fn apply(&mut self, event: &Fact) {
        match event {
            Fact::Added { item, cents } => {
                let line = self.lines.entry(item.clone()).or_default();
                line.pieces = line.pieces.saturating_add(1);
                line.cents = line.cents.saturating_add(*cents);
                self.total_cents = self.total_cents.saturating_add(*cents);
            }
            Fact::Noted { text, by } => (self.note, self.noted_by) = (text.clone(), by.clone()),
            Fact::Cleared => {
                self.lines.clear();
                self.total_cents = 0;
            }
        }
    }

    /// Snapshots of the second revision are migrated. Those of the first are refused: such an actor is replayed.
    fn migrate(old: OldState<'_>) -> Result<Self, StateError> {
        if old.version() != 2 {
            return Err(StateError::UnknownVersion);
        }
        let (mut lines, note, noted_by): (BTreeMap<String, Line>, String, String) = old.decode()?;
        // The events of this revision could not have made a line without pieces: a replay would not have it either.
        lines.retain(|_, line| line.pieces > 0);
        let total_cents = lines.values().fold(0, |sum: u64, line| sum.saturating_add(line.cents));
        Ok(Self { lines, note, noted_by, total_cents })
    }
}

greenroom::export!(Cart);
