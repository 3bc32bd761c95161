//! What Greenroom does per second on this machine, beside what the bare machine does in the same minute.
//!
//! Every row checks by count that the work it measures was really done. Some have aims, most of them against another row.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person at the terminal")]

mod aim;
mod bench;
mod counts;
mod cpu;
mod http_client;
mod load;
mod machine;
mod memory;
mod options;
mod report;
mod rows;
mod sample;
mod scene;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use greenroom_host::sandbox::{WORKER_VERB, compile_worker};

use crate::bench::Bench;
use crate::machine::Machine;
use crate::options::{Options, Probe};
use crate::report::Report;

fn main() -> ExitCode {
    // Its hosts compile as servers do: in a process of this program.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((verb, rest)) = arguments.split_first()
        && verb == WORKER_VERB
    {
        return compile_worker(rest);
    }
    let done = Options::parse(arguments.into_iter()).and_then(|options| match options.probe {
        Some(Probe::Actors(actors)) => rows::resident::probe(&options, actors),
        Some(Probe::Touch(actors)) => rows::touched::probe(&options, actors),
        Some(Probe::Store(part)) => rows::open::probe(&options, part),
        None => run(&options),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the chosen rows one after the other and prints the table.
fn run(options: &Options) -> Result<()> {
    let rows = rows::chosen(&options.only);
    ensure!(!rows.is_empty(), "no row's name contains any of: {}", options.only.join(", "));
    let bench = Bench::new(options)?;
    let mut report = Report::new(Machine::look(&bench.data_dir()), options);
    println!("{}", report.header());
    for row in &rows {
        eprintln!("measuring {}", row.name);
        let samples = (row.run)(&bench).map_err(|error| error.context(format!("row {}", row.name)))?;
        if samples.is_empty() {
            eprintln!("{} was not measured", row.name);
        } else {
            report.add(row, samples);
        }
    }
    report.end();
    println!("{}", report.table());
    if let Some(path) = &options.json {
        report.write_json(path)?;
    }
    Ok(())
}
