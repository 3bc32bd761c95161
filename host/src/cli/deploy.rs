//! `greenroom deploy KIND FILE`

use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::arguments;
use super::client::Client;
use super::failure::Failure;
use super::files;
use super::output::{Output, Tone, size};
use super::views;
use crate::vocab::Kind;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// As which kind
    #[arg(value_parser = arguments::kind)]
    kind: Kind,
    /// The component
    file: PathBuf,
    /// Only add the revision; greenroom activate has actors run it
    #[arg(long)]
    no_activate: bool,
}

pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let component = files::read(&arguments.file)?;
    let bytes = u64::try_from(component.len()).unwrap_or(u64::MAX);
    let kind = &arguments.kind;
    let query = if arguments.no_activate { "?activate=false" } else { "" };
    let answer = upload(component, output, |body| client.deploy::<views::Revision>(kind, (body, bytes), query))?;
    if output.is_json() {
        return output.line(&answer.raw);
    }
    let views::Revision { kind, revision, component_bytes, digest, active, diff, .. } = answer.view;
    match diff {
        Some(diff) if diff.against.is_some() => output.note(&diff.to_text()),
        _ => {}
    }
    output.note(&output.paint(Tone::Good, if active { "deployed" } else { "added, not active" }));
    let digest: String = digest.chars().take(12).collect();
    output.line(&format!("{kind} revision {revision} ({}, {digest})", size(component_bytes)))
}

/// Sends a component with a bar that shows how far it is.
pub(super) fn upload<T>(
    component: Vec<u8>,
    output: &Output,
    send: impl FnOnce(&mut dyn Read) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let progress = progress(u64::try_from(component.len()).unwrap_or(u64::MAX), output);
    let answer = send(&mut Upload { component: Cursor::new(component), progress: &progress });
    progress.finish_and_clear();
    answer
}

/// A bar on standard error; it draws nothing where there is no terminal.
fn progress(bytes: u64, output: &Output) -> ProgressBar {
    let target = if output.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{bar:32}] {bytes}/{total_bytes}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_message("uploading")
}

/// The component as it is read; at its end, what is waited for is the server's compiler.
struct Upload<'a> {
    component: Cursor<Vec<u8>>,
    progress: &'a ProgressBar,
}

impl Read for Upload<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.component.read(buffer)?;
        self.progress.inc(u64::try_from(bytes).unwrap_or(0));
        if self.progress.length() == Some(self.component.position()) {
            self.progress.set_message("checking and compiling");
            self.progress.enable_steady_tick(Duration::from_millis(100));
        }
        Ok(bytes)
    }
}
