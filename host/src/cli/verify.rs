//! `greenroom verify`: looks at every byte of a store and changes none; without a directory, a server looks at its own.

use std::io::BufRead;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::client::Client;
use super::failure::Failure;
use super::output::{Output, Tone, size};
use super::store::STORE_DIR;
use super::views::{Finding, VerifyLine, VerifyProgress, VerifySummary};
use crate::api::Problem;
use crate::provider::log::verify::{Claim, DirView, VerifySettings, verify};
use crate::provider::{StoreError, VerifyMode};
use crate::runtime::AskError;
use crate::vocab::Code;

const MIB: usize = 1_024 * 1_024;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 sound (there may be notes); 1 something is corrupt or suspicious; 2 it could not be looked at."
)]
pub(super) struct Arguments {
    /// A server's data directory, or the store in it; else the server at --url looks at its own
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Memory for what is known of actors, MiB; with less of it the store is read more than once
    #[arg(
        long, value_name = "MIB", default_value_t = 256, requires = "dir", value_parser = clap::value_parser!(u32).range(1..)
    )]
    memory_mib: u32,
}

/// Tells what is found as it is found. With `--json`, every line is one object whose `type` says what it is.
pub(super) fn run(
    arguments: &Arguments,
    client: impl FnOnce() -> Result<Client, Failure>,
    output: &Output,
) -> Result<(), Failure> {
    let mut listener = Listener { bar: bar(output), output, sound: None };
    let looked = match &arguments.dir {
        Some(dir) => look(dir, arguments.memory_mib, &mut listener),
        None => client().and_then(|client| ask(&client, &mut listener)),
    };
    listener.bar.finish_and_clear();
    match (looked, listener.sound) {
        (Err(failure), _) => Err(failure.not_looked()),
        (Ok(()), Some(true)) => Ok(()),
        (Ok(()), Some(false)) => Err(Failure::Found),
        (Ok(()), None) => Err(broken("it ended without a summary").not_looked()),
    }
}

/// Looks at a directory.
fn look(dir: &Path, memory_mib: u32, listener: &mut Listener<'_>) -> Result<(), Failure> {
    let dir = store_of(dir);
    let view = DirView::new(&dir).map_err(|error| unreadable(&dir, &error))?;
    // Held to the end, so that no server opens the store while it is looked at.
    let claim = view.claim().map_err(|error| unreadable(&dir, &error))?;
    let mode = match claim {
        Claim::Taken => VerifyMode::Online,
        Claim::Ours(_) | Claim::Nobody => VerifyMode::Offline,
    };
    if mode == VerifyMode::Online {
        listener.output.note("a server has this store open; it is looked at beside it");
    }
    let view = if mode == VerifyMode::Offline { view.with_index_copied_to(&std::env::temp_dir()) } else { view };
    let memory = usize::try_from(memory_mib).unwrap_or(usize::MAX).saturating_mul(MIB);
    let mut failed = None;
    let mut listen = |line| {
        let text = serde_json::to_string(&line).map_err(|error| broken(&error.to_string()));
        match text.and_then(|text| listener.hear(&text)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                failed = Some(failure);
                ControlFlow::Break(())
            }
        }
    };
    let looked = verify(&view, &VerifySettings::new(mode).with_memory_bytes(memory), &mut listen);
    drop(claim);
    match failed {
        Some(failure) => Err(failure),
        None => looked.map(|_| ()).map_err(told),
    }
}

/// Lets a server look at its own store.
fn ask(client: &Client, listener: &mut Listener<'_>) -> Result<(), Failure> {
    for line in client.work("-/store:verify")?.lines() {
        let line = line.map_err(|error| broken(&error.to_string()))?;
        match Failure::from_document(&line) {
            Some(failure) => return Err(failure),
            None => listener.hear(&line)?,
        }
    }
    Ok(())
}

fn broken(reason: &str) -> Failure {
    Failure::new(Code::Unreachable, format!("the verification broke off: {reason}"))
}

/// The store below a data directory, or the directory itself.
fn store_of(dir: &Path) -> PathBuf {
    let below = dir.join(STORE_DIR);
    if below.is_dir() { below } else { dir.to_owned() }
}

fn unreadable(dir: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::FileUnreadable, format!("{} could not be read: {error}", dir.display()))
}

fn told(error: StoreError) -> Failure {
    Failure::from(Problem::from(AskError::from(error)))
}

/// A bar on terminals; elsewhere nothing is drawn.
fn bar(output: &Output) -> ProgressBar {
    let target = if output.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}");
    ProgressBar::with_draw_target(Some(0), target).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Passes lines on, to a script or to a person.
struct Listener<'a> {
    bar: ProgressBar,
    output: &'a Output,
    /// What the summary says, once it is there.
    sound: Option<bool>,
}

impl Listener<'_> {
    fn hear(&mut self, text: &str) -> Result<(), Failure> {
        let line: VerifyLine = serde_json::from_str(text).map_err(|error| broken(&error.to_string()))?;
        match &line {
            VerifyLine::Progress(progress) => show(&self.bar, *progress),
            VerifyLine::Summary(summary) => self.sound = Some(summary.sound),
            VerifyLine::Finding(_) | VerifyLine::Other => {}
        }
        let output = self.output;
        if output.is_json() {
            return output.line(text);
        }
        match line {
            VerifyLine::Finding(finding) => self.bar.suspend(|| output.line(&finding_text(&finding))),
            VerifyLine::Summary(summary) => self.bar.suspend(|| output.line(&summary_text(&summary, output))),
            VerifyLine::Progress(_) | VerifyLine::Other => Ok(()),
        }
    }
}

fn show(bar: &ProgressBar, progress: VerifyProgress) {
    bar.set_length(progress.total_bytes);
    bar.set_position(progress.bytes);
    bar.set_message(format!("verifying, walk {} of {}", progress.pass, progress.passes));
}

fn finding_text(finding: &Finding) -> String {
    let Finding { severity, kind, what, next, .. } = finding;
    let file = finding.file.as_ref().map(|file| format!("  {file}"));
    let offset = finding.offset.map(|offset| format!(" at byte {offset}"));
    let actor = finding.actor.as_ref().map(|actor| match &finding.address {
        Some(address) => format!("  actor {address} ({actor})"),
        None => format!("  actor {actor}"),
    });
    let sequence = finding.sequence.map(|sequence| format!(", sequence {sequence}"));
    let place: String = [file, offset, actor, sequence].into_iter().flatten().collect();
    format!("{severity}  {kind}{place}\n  {what}\n  next: {next}")
}

fn summary_text(summary: &VerifySummary, output: &Output) -> String {
    let verdict = match (summary.sound, summary.complete) {
        (true, _) => "sound".to_owned(),
        (false, true) => format!("{} corrupt, {} suspicious", summary.corrupt, summary.suspicious),
        (false, false) => "not looked at to its end".to_owned(),
    };
    let tone = if summary.sound { Tone::Good } else { Tone::Bad };
    let index = match (&summary.index_skipped, summary.index_entries) {
        (Some(why), _) => format!("\nindex not compared: {why}"),
        (None, Some(entries)) => format!(", {entries} entries of the index"),
        (None, None) => String::new(),
    };
    format!(
        "{}, {} notes: {} segments, {}, {} batches, {} records, {} events, {} snapshots, {} actors{index}",
        output.paint(tone, &verdict),
        summary.notes,
        summary.segments,
        size(summary.bytes),
        summary.batches,
        summary.records,
        summary.events,
        summary.snapshots,
        summary.actors,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Finding as Found, FindingKind};

    fn nobody() -> Result<Client, Failure> {
        Err(broken("nobody is there"))
    }

    #[test]
    fn a_finding_names_its_place_and_the_next_step() {
        let mut found = Found::new(FindingKind::JournalGap, "the journal goes from 2 to 6");
        found.file = Some("00000000000000000001.log".to_owned());
        found.offset = Some(512);
        let finding = serde_json::from_value(serde_json::to_value(found).unwrap()).unwrap();
        let text = finding_text(&finding);
        assert!(text.starts_with("corrupt  journal_gap  00000000000000000001.log at byte 512\n"), "{text}");
        assert!(text.contains("from 2 to 6") && text.contains("next: restore"), "{text}");
    }

    #[test]
    fn what_a_newer_server_tells_is_passed_over() {
        let output = Output::plain();
        let mut listener = Listener { bar: bar(&output), output: &output, sound: None };
        assert!(listener.hear(r#"{"type":"weather","of":1}"#).is_ok());
        assert!(listener.hear("no JSON").is_err());
        assert_eq!(listener.sound, None);
    }

    #[test]
    fn a_directory_without_a_store_could_not_be_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let output = Output::plain();
        for dir in [dir.path().to_owned(), dir.path().join("nothing")] {
            let arguments = Arguments { dir: Some(dir), memory_mib: 1 };
            assert_eq!(run(&arguments, nobody, &output).unwrap_err().exit_number(), 2);
        }
        let server = Arguments { dir: None, memory_mib: 1 };
        assert_eq!(run(&server, nobody, &output).unwrap_err().exit_number(), 2);
    }

    #[test]
    fn the_page_has_a_line_for_every_kind_of_finding() {
        let page = include_str!("../../../docs/verify.md");
        for kind in FindingKind::ALL {
            let severity = format!("{:?}", kind.severity()).to_lowercase();
            assert!(page.contains(&format!("| `{kind}` | {severity} |")), "{kind} {severity}");
        }
    }
}
