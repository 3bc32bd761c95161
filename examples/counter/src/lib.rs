//! A number that can be counted up and looked at.

use greenroom::{Actor, Answer, Command, Event, Turn};
use serde::{Deserialize, Serialize};

/// How far it has counted.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Counter {
    value: u64,
}

/// What it can be asked.
#[derive(Debug, Clone, Command, Deserialize)]
pub enum Ask {
    /// Counts up.
    Increment {
        /// By how much; by one if it is left out.
        #[serde(default = "one")]
        by: u64,
    },
    /// Looks.
    #[command(read_only)]
    Get,
}

fn one() -> u64 {
    1
}

/// What happened to it.
#[derive(Debug, Event, Serialize, Deserialize)]
pub enum Fact {
    /// It counted up.
    Incremented {
        /// By how much.
        by: u64,
    },
}

/// The answer to both commands.
#[derive(Debug, Serialize)]
pub struct Value {
    /// How far it has counted.
    pub value: u64,
}

/// Why it did not count.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The sum would not fit into 64 bits.
    Overflow {
        /// How far it has counted: unchanged.
        value: u64,
    },
}

impl Actor for Counter {
    type Command = Ask;
    type Event = Fact;
    type Reply = Value;
    type Rejection = Refusal;

    fn handle(&self, command: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Refusal> {
        if let Ask::Increment { by } = command {
            self.value.checked_add(by).ok_or(Refusal::Overflow { value: self.value })?;
            turn.append(Fact::Incremented { by });
        }
        Ok(turn.reply(|counter| Value { value: counter.value }))
    }

    fn apply(&mut self, event: &Fact) {
        match event {
            Fact::Incremented { by } => self.value = self.value.saturating_add(*by),
        }
    }
}

greenroom::export!(Counter);
