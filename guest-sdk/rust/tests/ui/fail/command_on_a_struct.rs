use greenroom::Command;
use serde::Deserialize;

#[derive(Command, Deserialize)]
struct Increment {
    by: u64,
}

fn main() {}
