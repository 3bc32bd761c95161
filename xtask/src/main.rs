//! The project's own commands: `cargo xtask VERB`. One file per verb.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person at the terminal")]

mod bench;
mod conformance;
mod crash;
mod demo;
mod fuzz;
mod guests;
mod lint;
mod soak;
mod tally;
mod test;
mod workspace;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask VERB

  demo [--smoke]  the whole way of an actor, with proofs: load, kill -9, recovery, exactly-once repeats
  bench [--smoke] [--only NAME]... [--json FILE]
                  what it does per second here, beside what the bare machine does; builds with optimisation first
  conformance     every promise of a storage provider beside every provider that ships, as a table
  crash [--seeds N] [--seed S] [--kills N]
                  crashes, faults and flipped bits at every step of the log's seeded histories; the same seed does the same
  fuzz [--seconds N] [--seed S]
                  everything that reads bytes of others, on changed seeds, 30 seconds for each unless told otherwise
  fuzz --guided [--seconds N] [--seed S] [TARGET]...
                  the same under libFuzzer, or single targets; builds the host once more, with its code watched
  guests          build every guest component into target/guests
  soak [--calls N]
                  hostile tenants beside an honest one on a real server, 10000 calls unless told otherwise, with figures
  test [NAME…]    build guests and server, then run every test (or those whose names match)
  lint            formatting, clippy, documentation, dependencies, layers
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = match arguments.split_first() {
        Some((verb, rest)) => (verb.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    let result = match verb {
        "bench" => bench::run(rest),
        "conformance" => conformance::run(rest),
        "crash" => crash::run(rest),
        "demo" => demo::run(rest),
        "fuzz" => fuzz::run(rest),
        "guests" => guests::run(rest),
        "soak" => soak::run(rest),
        "test" => test::run(rest),
        "lint" => lint::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(anyhow::anyhow!("there is no verb {other}\n\n{HELP}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
