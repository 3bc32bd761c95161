use greenroom::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum Fact {
    Moved,
    #[event(name = "moved")]
    Transferred,
}

fn main() {}
