use greenroom::{Command, Event};
use serde::{Deserialize, Serialize};

#[derive(Command, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Get,
}

#[derive(Event, Serialize, Deserialize)]
enum Skipping {
    #[serde(skip)]
    Moved,
}

fn main() {}
