//! What some actors would be on new code, before it takes them over: a few of them, for a moment, so that nobody waits.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tokio::time::timeout_at;

use super::round::Round;
use crate::cli::failure::Failure;
use crate::cli::output::Tone;
use crate::cli::rehearse::text;
use crate::runtime::{
    AskError, ChosenActors, Rehearsal, RehearsalCounts, RehearsalFinding, RehearsalLine, RehearsalOptions,
    RehearsalVerdict,
};

/// Actors that are looked at, spread evenly over all.
const ACTORS: u32 = 100;
/// Nobody waits longer; what was found by then counts.
const WITHIN: Duration = Duration::from_secs(1);

/// What was found.
#[derive(Default)]
struct Found {
    counts: RehearsalCounts,
    /// The first actor that the code could not bring back.
    fatal: Option<Box<RehearsalFinding>>,
    /// The first actor whose state is another one.
    differs: Option<Box<RehearsalFinding>>,
}

impl Found {
    fn take(&mut self, line: RehearsalLine) {
        match line {
            RehearsalLine::Progress(progress) => self.counts = progress.counts,
            RehearsalLine::Summary(summary) => self.counts = summary.counts,
            RehearsalLine::Finding(finding) => {
                let first = match finding.verdict {
                    RehearsalVerdict::CannotReplay | RehearsalVerdict::TooSlow => &mut self.fatal,
                    RehearsalVerdict::Differs => &mut self.differs,
                    _ => return,
                };
                first.get_or_insert(finding);
            }
            _ => {}
        }
    }
}

impl Round<'_> {
    /// Replays some histories into the component and shows what differs. False if an actor could not be brought back on
    /// it: then nobody is to run it. A state that differs is what whoever changes `apply` wants to see, and hinders nothing.
    pub(super) async fn rehearse(&self, component: Bytes) -> Result<Result<bool, AskError>, Failure> {
        let began = Instant::now();
        let options = RehearsalOptions { actors: ChosenActors::Evenly(ACTORS), ..RehearsalOptions::default() };
        let found = match self.host.rehearse(&self.tenant, &self.kind, &component, options).await {
            Ok(rehearsal) => watch(rehearsal).await,
            Err(error) => return Ok(Err(error)),
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(finding) = &found.fatal {
            let why = format!("{}: {}", finding.verdict.in_words(), text::finding(finding));
            self.failed("refused", &why, began.elapsed())?;
            return Ok(Ok(false));
        }
        let members = [("actors", Value::from(found.counts.actors)), ("differ", found.counts.differs.into())];
        let tone = if found.differs.is_none() { Tone::Good } else { Tone::Bad };
        self.say("rehearsed", &members, Some(began.elapsed()), tone)?;
        if let Some(finding) = found.differs.filter(|_| !self.output.is_json()) {
            self.output.note(&text::finding(&finding));
        }
        Ok(Ok(true))
    }
}

async fn watch(mut rehearsal: Rehearsal) -> Result<Found, AskError> {
    let (mut found, until) = (Found::default(), tokio::time::Instant::now() + WITHIN);
    while let Ok(line) = timeout_at(until, rehearsal.next()).await {
        match line? {
            Some(line) => found.take(line),
            None => break,
        }
    }
    Ok(found)
}
