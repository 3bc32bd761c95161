use greenroom::{Actor, Answer, Command, Event, Never, Turn};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Counter {
    value: u64,
}

#[derive(Command, Deserialize)]
enum Ask {
    Increment,
}

#[derive(Event, Serialize, Deserialize)]
enum Fact {
    Incremented,
}

impl Actor for Counter {
    type Command = Ask;
    type Event = Fact;
    type Reply = u64;
    type Rejection = Never;

    fn handle(&self, _: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Never> {
        self.value += 1;
        Ok(turn.reply(|_| self.value))
    }

    fn apply(&mut self, _: &Fact) {
        self.value += 1;
    }
}

fn main() {}
