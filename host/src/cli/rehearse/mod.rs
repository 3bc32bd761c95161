//! `greenroom rehearse KIND FILE`: replays real histories into a component, and shows what differs from the code that runs.

mod junit;
mod offline;
mod report;
pub(super) mod text;

use std::io::BufRead;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::report::Report;
use super::arguments;
use super::client::Client;
use super::failure::Failure;
use super::files;
use super::output::Output;
use crate::runtime::{ChosenActors, RehearsalLine, RehearsalOptions, ReplayFrom};
use crate::vocab::{Code, Digest, Kind, Tenant};

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 every actor came out the same; 1 some did not; 2 it could not be rehearsed.")]
pub(super) struct Arguments {
    /// Of which kind
    #[arg(value_parser = arguments::kind)]
    kind: Kind,
    /// The component
    file: PathBuf,
    /// Which actors: a number (spread evenly over all keys), `all`, or a pattern of keys (`*`, `?`; `\` takes the next as it is)
    #[arg(long, value_name = "N|all|PATTERN", default_value_t)]
    actors: ChosenActors,
    /// From where histories are replayed: snapshot (as a recovery does), first (event), or both
    #[arg(long, value_name = "WHERE", default_value_t)]
    from: ReplayFrom,
    /// Have commands that actors handled lately handled again by both revisions, and compare the answers
    #[arg(long)]
    commands: bool,
    /// Go on where the rehearsal of this report (of --json) broke off
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["actors", "from", "commands"])]
    resume: Option<PathBuf>,
    /// Rehearse without a server: on an export, or on a copy of a data directory
    #[arg(long, value_name = "DIR", conflicts_with = "commands")]
    store: Option<PathBuf>,
    /// A server's configuration file: its limits instead of the defaults
    #[arg(long, value_name = "FILE", requires = "store")]
    config: Option<PathBuf>,
    /// Write a report for build servers
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Tells what is found as it is found. With `--json`, every line is one object whose `type` says what it is.
pub(super) fn run(
    arguments: &Arguments,
    tenant: &Tenant,
    client: impl FnOnce() -> Result<Client, Failure>,
    output: &Output,
) -> Result<(), Failure> {
    rehearse(arguments, tenant, client, output).map_err(|failure| match failure {
        Failure::Told(_) => failure.not_looked(),
        other => other,
    })
}

fn rehearse(
    arguments: &Arguments,
    tenant: &Tenant,
    client: impl FnOnce() -> Result<Client, Failure>,
    output: &Output,
) -> Result<(), Failure> {
    let component = files::read(&arguments.file)?;
    let report = match &arguments.resume {
        Some(file) => Report::resumed(&files::read_text(file)?, &arguments.kind, Digest::of(&component))?,
        None => Report::default(),
    };
    let options = report.options(&RehearsalOptions {
        actors: arguments.actors.clone(),
        from: arguments.from,
        commands: arguments.commands,
        ..RehearsalOptions::default()
    })?;
    if output.is_json() {
        report.earlier_lines().iter().try_for_each(|line| output.json(line))?;
    }
    let mut listener = Listener { bar: bar(output), output, report };
    let heard = match &arguments.store {
        Some(dir) => offline::rehearse(dir, arguments, tenant, &component, options.clone(), &mut listener),
        None => client().and_then(|client| ask(&client, arguments, &component, &options, &mut listener)),
    };
    listener.bar.finish_and_clear();
    let report = listener.report;
    // What was found before it broke off is worth a report, too.
    if let Some(file) = &arguments.junit {
        files::write(file, junit::document(&report, heard.as_ref().err()).as_bytes())?;
    }
    heard?;
    let Some(summary) = &report.summary else { return Err(broken("it ended without a summary")) };
    if !output.is_json() {
        output.line(&text::summary(&report, summary, output))?;
    }
    if let (ChosenActors::Matching(_), 0) = (&options.actors, summary.counts.actors) {
        let detail = format!("no actor of {} has a key that {} means", arguments.kind, options.actors);
        return Err(Failure::new(Code::InvalidRequest, detail));
    }
    if summary.all_same { Ok(()) } else { Err(Failure::Found) }
}

/// Lets a server rehearse.
fn ask(
    client: &Client,
    arguments: &Arguments,
    component: &[u8],
    options: &RehearsalOptions,
    listener: &mut Listener<'_>,
) -> Result<(), Failure> {
    let mut query = vec![("actors", options.actors.to_string()), ("from", options.from.to_string())];
    query.extend(options.commands.then(|| ("commands", "true".to_owned())));
    query.extend(options.after.as_ref().map(|after| ("after", after.to_string())));
    let lines = client.work_on(&format!("kinds/{}:rehearse", arguments.kind), &query, component)?;
    for line in lines.lines() {
        let line = line.map_err(|error| broken(&error.to_string()))?;
        match Failure::from_document(&line) {
            Some(failure) => return Err(failure),
            None => listener.hear(serde_json::from_str(&line).map_err(|error| broken(&error.to_string()))?)?,
        }
    }
    Ok(())
}

fn broken(reason: &str) -> Failure {
    Failure::new(Code::Unreachable, format!("the rehearsal broke off: {reason}; --resume goes on with a --json report"))
}

/// A bar on terminals; elsewhere nothing is drawn.
fn bar(output: &Output) -> ProgressBar {
    let target = if output.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(0), target).with_style(style).with_message("compiling the candidate")
}

/// Passes lines on, to a script or to a person.
struct Listener<'a> {
    bar: ProgressBar,
    output: &'a Output,
    report: Report,
}

impl Listener<'_> {
    fn hear(&mut self, line: RehearsalLine) -> Result<(), Failure> {
        let Some(line) = self.report.take(line)? else { return Ok(()) };
        if let RehearsalLine::Progress(progress) = &line {
            self.bar.set_length(progress.actors_total);
            self.bar.set_position(progress.counts.actors);
            self.bar.set_message(text::progress(progress));
        }
        let output = self.output;
        if output.is_json() {
            return output.json(&line);
        }
        match text::line(&line, output) {
            Some(text) => self.bar.suspend(|| output.line(&text)),
            None => Ok(()),
        }
    }
}
