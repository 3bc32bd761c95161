use greenroom::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum Zero {
    #[event(version = 0)]
    Moved,
}

#[derive(Event, Serialize, Deserialize)]
enum TooLarge {
    #[event(version = 65536)]
    Moved,
}

#[derive(Event, Serialize, Deserialize)]
enum Text {
    #[event(version = "2")]
    Moved,
}

fn main() {}
