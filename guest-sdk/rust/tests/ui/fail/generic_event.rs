use greenroom::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum Fact<T> {
    Stored { value: T },
}

fn main() {}
