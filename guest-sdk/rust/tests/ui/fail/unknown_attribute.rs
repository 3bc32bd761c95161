use greenroom::{Command, Event};
use serde::{Deserialize, Serialize};

#[derive(Command, Deserialize)]
enum Ask {
    #[command(readonly)]
    Get,
}

#[derive(Event, Serialize, Deserialize)]
enum Fact {
    #[event(codec = "json")]
    Moved,
}

#[derive(Event, Serialize, Deserialize)]
#[event(version = 2)]
enum Versioned {
    Moved,
}

#[derive(Command, Deserialize)]
#[command(read_only)]
enum AllReadOnly {
    Get,
}

fn main() {}
