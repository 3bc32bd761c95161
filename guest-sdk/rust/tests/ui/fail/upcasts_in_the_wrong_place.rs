use greenroom::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum NotOlder {
    #[event(upcast(1 = old))]
    Moved,
}

#[derive(Event, Serialize, Deserialize)]
enum NamedOnVariant {
    #[event(version = 2, upcast("gone", 1 = old))]
    Moved,
}

#[derive(Event, Serialize, Deserialize)]
#[event(upcast(1 = old))]
enum UnnamedOnEnum {
    Moved,
}

#[derive(Event, Serialize, Deserialize)]
#[event(upcast("moved", 1 = old))]
enum NotRetired {
    #[event(version = 2)]
    Moved,
}

#[derive(Event, Serialize, Deserialize)]
enum Twice {
    #[event(version = 3, upcast(1 = old), upcast(1 = old))]
    Moved,
}

#[derive(Event, Serialize, Deserialize)]
enum NoVersion {
    #[event(version = 3, upcast(old))]
    Moved,
}

#[derive(Event, Serialize, Deserialize)]
enum UnknownCodec {
    #[event(version = 3, upcast(1 = old, yaml))]
    Moved,
}

fn main() {}
