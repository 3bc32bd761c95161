//! The command line: one file per verb, no decisions. Standard output carries data, standard error everything else.
//!
//! - `arguments`: what is typed; `client`: the HTTP interface as its caller sees it.
//! - `failure`: errors with their code, their next step and the exit code; `output`: text or JSON, tables, colours.
//! - `settings`, `config_file`: what `serve` reads; `telemetry`: its log.

mod arguments;
mod client;
mod config_file;
mod failure;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
pub mod memory;
mod output;
mod running;
mod secret;
mod settings;
mod spelling;
mod store;
mod telemetry;
mod time;
mod transport;
mod views;

mod actors;
mod audit;
mod call;
mod check;
mod deploy;
mod dev;
mod events;
mod explain;
mod export;
mod key;
mod kinds;
mod new;
mod passivate;
mod recheck;
mod refusals;
mod rehearse;
mod rollout;
mod serve;
mod snapshot;
mod state;
mod status;
mod tenant;
mod trouble;
mod verify;

use std::process::ExitCode;

use clap::Parser;

pub use new::{NewProjectError, write_project};
pub use settings::{ServeSettings, SettingsError};

use arguments::{Arguments, Verb};
use client::Client;
use failure::Failure;
use output::Output;

/// Runs the program: reads its arguments, does what they say, reports what went wrong.
///
/// Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 the actor rejected the command; 4 not now, and
/// nothing was stored; 5 unknown whether it took effect. `verify` and `rehearse` end with 1 for findings and 2 if they
/// could not look.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Verb::CompileWorker { order } = &arguments.verb {
        return crate::sandbox::compile_worker(order);
    }
    let output = Output::new(arguments.global.json);
    match run(arguments, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&output),
    }
}

fn run(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    let Arguments { global, verb } = arguments;
    let client = || Client::new(&global.url, &global.tenant, secret::key(&global)?, global.ca_file.as_deref());
    match verb {
        Verb::Serve(arguments) => serve::run(&arguments, output),
        Verb::Deploy(arguments) => deploy::run(&arguments, &client()?, output),
        Verb::Rehearse(arguments) => rehearse::run(&arguments, &global.tenant, client, output),
        Verb::Export(arguments) => export::run(&arguments, &client()?, output),
        Verb::Call(arguments) => call::run(arguments, &client()?, output),
        Verb::Actors(arguments) => actors::run(&arguments, &client()?, output),
        Verb::Status(arguments) => status::run(&arguments, &client()?, output),
        Verb::State(arguments) => state::run(&arguments, &client()?, output),
        Verb::Events(arguments) => events::run(&arguments, &client()?, output),
        Verb::Recheck(arguments) => recheck::run(&arguments, &client()?, output),
        Verb::Snapshot(arguments) => snapshot::run(&arguments, &client()?, output),
        Verb::Passivate(arguments) => passivate::run(&arguments, &client()?, output),
        Verb::Trouble(arguments) => trouble::list::run(&arguments, &global, &client()?, output),
        Verb::Inspect(arguments) => trouble::inspect::run(&arguments, &client()?, output),
        Verb::Retry(arguments) => trouble::retry::run(&arguments, &client()?, output),
        Verb::Skip(arguments) => trouble::skip::run(&arguments, &client()?, output),
        Verb::Release(arguments) => trouble::release::run(&arguments, &client()?, output),
        Verb::Purge(arguments) => trouble::purge::run(&arguments, &client()?, output),
        Verb::DeadLetters(arguments) => trouble::dead_letters::run(&arguments, &client()?, output),
        Verb::Activate(arguments) => rollout::activate::run(&arguments, &client()?, output),
        Verb::Rollback(arguments) => rollout::roll_back::run(&arguments, &client()?, output),
        Verb::Rollout(arguments) => rollout::show::run(&arguments, &client()?, output),
        Verb::Kinds(arguments) => kinds::run(&arguments, &global, &client()?, output),
        Verb::Tenant(arguments) => tenant::run(&arguments, &client()?, output),
        Verb::Key(arguments) => key::run(&arguments, &global, client, output),
        Verb::Audit(arguments) => audit::run(&arguments, &global, &client()?, output),
        Verb::Refusals(arguments) => refusals::run(&arguments, &client()?, output),
        Verb::Check(arguments) => check::run(&arguments, client, output),
        Verb::Dev(arguments) => dev::run(&arguments, output),
        Verb::New(arguments) => new::run(&arguments, output),
        Verb::Verify(arguments) => verify::run(&arguments, client, output),
        Verb::Explain(arguments) => explain::run(&arguments, output),
        // Its exit code and its standard output are a matter between it and its server.
        Verb::CompileWorker { .. } => Ok(()),
    }
}
