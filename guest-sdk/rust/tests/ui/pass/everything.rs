//! Every attribute in every place.
use greenroom::{Command, Event};
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
enum Ask {
    Plain,
    #[command(read_only)]
    Look {
        #[serde(default)]
        at: u64,
    },
    #[command(name = "other-name", read_only)]
    Renamed(u8),
    Pair(u8, String),
}

#[derive(Event, Serialize, Deserialize)]
#[event(upcast("retired", 1 = none), upcast("retired", 2 = many, json))]
enum Fact {
    Plain,
    #[event(json)]
    Text { text: String },
    #[event(name = "other-name", version = 4, upcast(1 = one), upcast(3 = several, json))]
    Renamed(u8),
}

#[derive(Event, Serialize, Deserialize)]
#[event(json)]
enum AllJson {
    Text,
    #[event(bincode)]
    Binary,
}

#[derive(Command, Deserialize)]
enum NoCommands {}

#[derive(Event, Serialize, Deserialize)]
enum NoEvents {}

fn none(_: ()) -> Option<Fact> {
    None
}

fn one(old: u16) -> Fact {
    Fact::Text { text: old.to_string() }
}

fn several(_: u16) -> [Fact; 2] {
    [Fact::Plain, Fact::Plain]
}

fn many(old: Vec<u8>) -> Vec<Fact> {
    old.into_iter().map(Fact::Renamed).collect()
}

fn main() {
    assert_eq!(Ask::TYPES.map(), ["plain", "look", "other-name", "pair"]);
    assert_eq!(Fact::TYPES.len(), 7);
    assert_eq!((AllJson::TYPES.len(), NoCommands::TYPES.len(), NoEvents::TYPES.len()), (2, 0, 0));
}

trait Names {
    fn map(&self) -> Vec<&str>;
}

impl Names for [greenroom::CommandType] {
    fn map(&self) -> Vec<&str> {
        self.iter().map(|command| command.name).collect()
    }
}
