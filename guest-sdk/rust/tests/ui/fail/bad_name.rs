use greenroom::{Command, Event};
use serde::{Deserialize, Serialize};

#[derive(Command, Deserialize)]
enum Ask {
    #[command(name = "Move Money")]
    MoveMoney,
}

#[derive(Event, Serialize, Deserialize)]
enum Fact {
    Geöffnet,
}

fn main() {}
