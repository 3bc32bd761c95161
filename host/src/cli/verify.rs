//! `greenroom verify DIR`: looks at every byte of a store and changes none.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::failure::Failure;
use super::output::{Output, Tone, size};
use super::store::STORE_DIR;
use crate::api::Problem;
use crate::provider::log::verify::{Claim, DirView, VerifySettings, verify};
use crate::provider::{Finding, Severity, StoreError, VerifyLine, VerifyMode, VerifyProgress, VerifySummary};
use crate::runtime::AskError;
use crate::vocab::Code;

const MIB: usize = 1_024 * 1_024;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 sound (there may be notes); 1 something is corrupt or suspicious; 2 it could not be looked at."
)]
pub(super) struct Arguments {
    /// A server's data directory, or the store in it
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Memory for what is known of actors, MiB; with less of it the store is read more than once
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    memory_mib: u32,
}

/// Tells what it finds as it finds it. With `--json`, every line is one object whose `type` says what it is.
pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let summary = look(arguments, output).map_err(Failure::not_looked)?;
    if summary.sound { Ok(()) } else { Err(Failure::Found) }
}

fn look(arguments: &Arguments, output: &Output) -> Result<VerifySummary, Failure> {
    let dir = store_of(&arguments.dir);
    let view = DirView::new(&dir).map_err(|error| unreadable(&dir, &error))?;
    // Held to the end, so that no server opens the store while it is looked at.
    let claim = view.claim().map_err(|error| unreadable(&dir, &error))?;
    let mode = match claim {
        Claim::Taken => VerifyMode::Online,
        Claim::Ours(_) | Claim::Nobody => VerifyMode::Offline,
    };
    if mode == VerifyMode::Online {
        output.note("a server has this store open; it is looked at beside it");
    }
    let memory = usize::try_from(arguments.memory_mib).unwrap_or(usize::MAX).saturating_mul(MIB);
    let settings = VerifySettings::new(mode).with_memory_bytes(memory);
    let bar = bar(output);
    let mut failed = None;
    let mut listen = |line| match tell(&line, &bar, output) {
        Ok(()) => ControlFlow::Continue(()),
        Err(failure) => {
            failed = Some(failure);
            ControlFlow::Break(())
        }
    };
    let looked = verify(&view, &settings, &mut listen);
    bar.finish_and_clear();
    drop(claim);
    match failed {
        Some(failure) => Err(failure),
        None => looked.map_err(told),
    }
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

fn tell(line: &VerifyLine, bar: &ProgressBar, output: &Output) -> Result<(), Failure> {
    if let VerifyLine::Progress(progress) = line {
        show(bar, *progress);
    }
    if output.is_json() {
        return output.json(line);
    }
    match line {
        VerifyLine::Finding(finding) => bar.suspend(|| output.line(&finding_text(finding))),
        VerifyLine::Summary(summary) => bar.suspend(|| output.line(&summary_text(summary, output))),
        VerifyLine::Progress(_) => Ok(()),
    }
}

fn show(bar: &ProgressBar, progress: VerifyProgress) {
    bar.set_length(progress.total_bytes);
    bar.set_position(progress.bytes);
    bar.set_message(format!("verifying, walk {} of {}", progress.pass, progress.passes));
}

fn finding_text(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Corrupt => "corrupt",
        Severity::Suspicious => "suspicious",
        Severity::Note => "note",
    };
    let file = finding.file.as_ref().map(|file| format!("  {file}"));
    let offset = finding.offset.map(|offset| format!(" at byte {offset}"));
    let actor = finding.actor.map(|actor| match &finding.address {
        Some(address) => format!("  actor {address} ({actor})"),
        None => format!("  actor {actor}"),
    });
    let sequence = finding.sequence.map(|sequence| format!(", sequence {sequence}"));
    let place: String = [file, offset, actor, sequence].into_iter().flatten().collect();
    format!("{severity}  {}{place}\n  {}\n  next: {}", finding.kind, finding.what, finding.next)
}

fn summary_text(summary: &VerifySummary, output: &Output) -> String {
    let verdict = match (summary.sound, summary.complete) {
        (true, _) => "sound".to_owned(),
        (false, true) => format!("{} corrupt, {} suspicious", summary.corrupt, summary.suspicious),
        (false, false) => "not looked at to its end".to_owned(),
    };
    let tone = if summary.sound { Tone::Good } else { Tone::Bad };
    let index = summary.index_skipped.map_or_else(String::new, |why| format!("\nindex not compared: {why}"));
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
    use crate::provider::FindingKind;

    #[test]
    fn a_finding_names_its_place_and_the_next_step() {
        let mut finding = Finding::new(FindingKind::JournalGap, "the journal goes from 2 to 6");
        finding.file = Some("00000000000000000001.log".to_owned());
        finding.offset = Some(512);
        let text = finding_text(&finding);
        assert!(text.starts_with("corrupt  journal_gap  00000000000000000001.log at byte 512\n"), "{text}");
        assert!(text.contains("from 2 to 6") && text.contains("next: restore"), "{text}");
    }

    #[test]
    fn a_directory_without_a_store_could_not_be_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let arguments = Arguments { dir: dir.path().to_owned(), memory_mib: 1 };
        let failure = run(&arguments, &Output::plain()).unwrap_err();
        assert_eq!(failure.exit_number(), 2);
        let missing = Arguments { dir: dir.path().join("nothing"), memory_mib: 1 };
        assert_eq!(run(&missing, &Output::plain()).unwrap_err().exit_number(), 2);
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
