//! An account that cannot be overdrawn, after two changes of what it stores.

#![expect(missing_docs, reason = "an example: the names of the small types say it")]

use greenroom::{Actor, Answer, Command, Event, OldState, StateError, Turn};
use serde::{Deserialize, Serialize};

/// Money, and how often it moved. Version 1 counted whole dollars and nothing else.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Account {
    cents: u64,
    movements: u64,
}

#[derive(Debug, Clone, Command, Deserialize)]
pub enum Ask {
    Deposit {
        cents: u64,
    },
    Withdraw {
        cents: u64,
    },
    #[command(read_only)]
    Balance,
}

#[derive(Debug, Event, Serialize, Deserialize)]
pub enum Fact {
    Deposited {
        cents: u64,
    },
    /// Version 1 was in dollars, with the bank's fee inside: it becomes two movements, or one if there was no fee.
    #[event(version = 2, upcast(1 = withdrawn_v1))]
    Withdrawn {
        cents: u64,
    },
}

/// Dollars, and the fee in cents.
#[derive(Debug, Serialize, Deserialize)]
pub struct WithdrawnV1(pub u64, pub u64);

fn withdrawn_v1(WithdrawnV1(dollars, fee_cents): WithdrawnV1) -> Vec<Fact> {
    let parts = [dollars.saturating_mul(100), fee_cents];
    parts.into_iter().filter(|&cents| cents > 0).map(|cents| Fact::Withdrawn { cents }).collect()
}

#[derive(Debug, Serialize)]
pub struct Balance {
    pub cents: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    Overdrawn { missing_cents: u64 },
    TooMuch,
}

impl Actor for Account {
    type Command = Ask;
    type Event = Fact;
    type Reply = Balance;
    type Rejection = Refusal;

    const STATE_VERSION: u32 = 2;

    fn handle(&self, command: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Refusal> {
        match command {
            Ask::Deposit { cents } if cents > u64::MAX - self.cents => Err(Refusal::TooMuch)?,
            Ask::Deposit { cents } => turn.append(Fact::Deposited { cents }),
            Ask::Withdraw { cents } if cents > self.cents => {
                Err(Refusal::Overdrawn { missing_cents: cents - self.cents })?;
            }
            Ask::Withdraw { cents } => turn.append(Fact::Withdrawn { cents }),
            Ask::Balance => {}
        }
        Ok(turn.reply(|account| Balance { cents: account.cents }))
    }

    fn apply(&mut self, event: &Fact) {
        self.movements += 1;
        self.cents = match event {
            Fact::Deposited { cents } => self.cents.saturating_add(*cents),
            Fact::Withdrawn { cents } => self.cents.saturating_sub(*cents),
        };
    }

    fn migrate(old: OldState<'_>) -> Result<Self, StateError> {
        match old.version() {
            1 => Ok(Self { cents: old.decode::<u64>()?.saturating_mul(100), movements: 0 }),
            _ => Err(StateError::UnknownVersion),
        }
    }
}

greenroom::export!(Account);
