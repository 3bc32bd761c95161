use greenroom::{Actor, Answer, Never, Turn};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Counter;

#[derive(Deserialize)]
enum Ask {}

#[derive(Serialize, Deserialize)]
enum Fact {}

impl Actor for Counter {
    type Command = Ask;
    type Event = Fact;
    type Reply = ();
    type Rejection = Never;

    fn handle(&self, _: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Never> {
        Ok(turn.reply(|_| ()))
    }

    fn apply(&mut self, _: &Fact) {}
}

fn main() {}
