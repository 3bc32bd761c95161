use greenroom::Command;
use serde::Deserialize;

#[derive(Command, Deserialize)]
enum Ask {
    MoveMoney,
    #[command(name = "move-money")]
    Transfer,
}

fn main() {}
