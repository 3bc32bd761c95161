use greenroom::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum Fact {
    #[event(version = 2, upcast(1 = moved_v1))]
    Moved,
}

fn moved_v1(_: u8) -> String {
    String::new()
}

fn main() {}
