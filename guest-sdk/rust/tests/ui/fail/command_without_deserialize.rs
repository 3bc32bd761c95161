use greenroom::Command;

#[derive(Command)]
enum Ask {
    Increment { by: u64 },
}

fn main() {}
