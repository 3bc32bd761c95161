//! Short ways to say what these tests say.

use anyhow::{Context, Result, bail};
use greenroom_host::runtime::{
    ChosenActors, HostSettings, Rehearsal, RehearsalFinding, RehearsalLine, RehearsalNote, RehearsalOptions,
    RehearsalProgress, RehearsalStart, RehearsalSummary,
};
use greenroom_host::vocab::{Kind, Tenant};
use greenroom_kit::{TestHost, guest, settings};
use serde_json::json;

pub(crate) const KIND: &str = "rehearsed";

/// All of a core: tests need not be polite.
pub(crate) fn eager() -> HostSettings {
    let mut settings = settings();
    settings.rehearsal.cpu_share = 1.0;
    settings.retention.keep_snapshots = 5;
    settings
}

/// The guest in another version.
pub(crate) fn version(name: &str) -> Result<Vec<u8>> {
    let mut component = guest(KIND)?;
    let marker = b"rehearsed-as:honest             ";
    let at = component.windows(marker.len()).position(|window| window == marker).context("no marker")?;
    let text = format!("{:32}", format!("rehearsed-as:{name}"));
    component.get_mut(at..at + 32).context("a short component")?.copy_from_slice(text.as_bytes());
    Ok(component)
}

/// Everything that a rehearsal told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) start: Option<RehearsalStart>,
    pub(crate) findings: Vec<RehearsalFinding>,
    pub(crate) notes: Vec<RehearsalNote>,
    pub(crate) progress: Vec<RehearsalProgress>,
    pub(crate) summary: Option<RehearsalSummary>,
}

impl Told {
    pub(crate) fn summary(&self) -> Result<&RehearsalSummary> {
        self.summary.as_ref().context("no summary")
    }

    /// The only finding.
    pub(crate) fn finding(&self) -> Result<&RehearsalFinding> {
        match self.findings.as_slice() {
            [finding] => Ok(finding),
            _ => bail!("{:?}", self.findings),
        }
    }
}

pub(crate) fn all() -> RehearsalOptions {
    RehearsalOptions { actors: ChosenActors::All, ..RehearsalOptions::default() }
}

pub(crate) async fn listen(mut rehearsal: Rehearsal) -> Result<Told> {
    let mut told = Told::default();
    while let Some(line) = rehearsal.next().await? {
        match line {
            RehearsalLine::Start(start) => told.start = Some(*start),
            RehearsalLine::Finding(finding) => told.findings.push(*finding),
            RehearsalLine::Note(note) => told.notes.push(*note),
            RehearsalLine::Progress(progress) => told.progress.push(*progress),
            RehearsalLine::Summary(summary) => told.summary = Some(*summary),
            other => bail!("{other:?}"),
        }
    }
    Ok(told)
}

pub(crate) async fn begin(host: &TestHost, candidate: &[u8], options: RehearsalOptions) -> Result<Rehearsal> {
    Ok(host.host.rehearse(&Tenant::default_tenant(), &Kind::new(KIND)?, candidate, options).await?)
}

pub(crate) async fn rehearse(host: &TestHost, candidate: &[u8], options: RehearsalOptions) -> Result<Told> {
    listen(begin(host, candidate, options).await?).await
}

pub(crate) async fn add(host: &TestHost, key: &str, by: u64) -> Result<()> {
    host.ask(key, "add", json!({ "by": by })).await?;
    Ok(())
}

pub(crate) async fn mark(host: &TestHost, key: &str, text: &str) -> Result<()> {
    host.ask(key, "mark", json!({ "text": text })).await?;
    Ok(())
}
