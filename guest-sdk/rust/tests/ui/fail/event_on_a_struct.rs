use greenroom::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
struct Incremented {
    by: u64,
}

fn main() {}
