use greenroom::Event;

#[derive(Event)]
enum Fact {
    Incremented { by: u64 },
}

fn main() {}
