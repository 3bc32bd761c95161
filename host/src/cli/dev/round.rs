//! One round: build, compare, rehearse, swap. Each step is a line; what fails ends the round and changes nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::project::Project;
use crate::api::Problem;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::output::{Output, Tone, size};
use crate::runtime::{AskError, Checked, Host};
use crate::sandbox::RevisionDiff;
use crate::vocab::{Code, Kind, Tenant};

/// Live actors that did not change over by then are told of; they do so later.
const SWAPS_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked at whether they have.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What rounds are made of.
pub(super) struct Round<'a> {
    pub(super) host: Host,
    pub(super) tenant: Tenant,
    pub(super) kind: Kind,
    pub(super) project: &'a Project,
    pub(super) output: &'a Output,
}

impl Round<'_> {
    /// Builds the project as it is and, if all goes well, lets its actors run on it.
    ///
    /// # Errors
    /// When it could not even be tried: cargo is not there, or nobody reads the output.
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let began = Instant::now();
        let Some(component) = self.build().await? else {
            return self.failed("build failed", "the compiler's messages are above", began.elapsed());
        };
        let (component, bytes) = read(&component)?;
        self.say("built", &[("size", size(bytes).into())], Some(began.elapsed()), Tone::Good)?;
        let began = Instant::now();
        match self.take_over(component).await? {
            Ok(Some(revision)) => {
                self.say("ready", &[("revision", revision.into())], Some(began.elapsed()), Tone::Good)
            }
            Ok(None) => Ok(()),
            Err(error) => self.failed("refused", &told(&error), began.elapsed()),
        }
    }

    /// The component's file; `None`: it does not compile.
    async fn build(&self) -> Result<Option<std::path::PathBuf>, Failure> {
        let mut build = self.project.build()?;
        // Whoever gives this round up drops the build, which ends it.
        let built = tokio::task::spawn_blocking(build.end()).await;
        built.unwrap_or(Ok(None))
    }

    /// Compares, rehearses, swaps. The revision that runs then; `None`: it is the one that ran before, or the actors would
    /// not be what they were.
    async fn take_over(&self, component: Bytes) -> Result<Result<Option<u32>, AskError>, Failure> {
        let began = Instant::now();
        let checked = match self.check(component.clone()).await {
            Ok(checked) => checked,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(refusal) = checked.refusal {
            self.failed("refused", &format!("[{}] {refusal}", Code::IncompatibleRevision), began.elapsed())?;
            return Ok(Ok(None));
        }
        let RevisionDiff { against, .. } = checked.diff;
        if against.is_some() && checked.revision == against {
            self.say("unchanged", &[("revision", against.into())], Some(began.elapsed()), Tone::Good)?;
            return Ok(Ok(None));
        }
        if against.is_some() && !self.output.is_json() && !checked.diff.manifest.is_empty() {
            self.output.note(&checked.diff.to_text());
        }
        if against.is_some() {
            match self.rehearse(component.clone()).await? {
                Ok(true) => {}
                Ok(false) => return Ok(Ok(None)),
                Err(error) => return Ok(Err(error)),
            }
        }
        let began = Instant::now();
        let revision = match self.deploy(component).await {
            Ok(revision) => revision,
            Err(error) => return Ok(Err(error)),
        };
        self.follow_swaps(began).await?;
        Ok(Ok(Some(revision)))
    }

    async fn check(&self, component: Bytes) -> Result<Checked, AskError> {
        let place = self.host.begin_deploy(&self.tenant)?;
        self.host.check_in(place, &self.tenant, &self.kind, component).await
    }

    async fn deploy(&self, component: Bytes) -> Result<u32, AskError> {
        let place = self.host.begin_deploy(&self.tenant)?;
        Ok(self.host.deploy_in(place, &self.tenant, &self.kind, component).await?.revision)
    }

    /// Waits until the live actors run what was deployed, and tells how that went.
    async fn follow_swaps(&self, began: Instant) -> Result<(), Failure> {
        loop {
            // An error means that the host ends: nobody waits for the rest.
            let Ok(rollout) = self.host.rollout(&self.tenant, &self.kind) else { return Ok(()) };
            let is_late = began.elapsed() > SWAPS_WITHIN;
            if rollout.behind > 0 && !is_late {
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
            let members = [
                ("actors", Value::from(rollout.moved)),
                ("behind", rollout.behind.into()),
                ("held", rollout.held_actors.into()),
            ];
            let tone = if rollout.behind + rollout.held_actors == 0 { Tone::Good } else { Tone::Bad };
            self.say("swapped", &members, Some(began.elapsed()), tone)?;
            let held = rollout.held.first().map(|held| format!("{}: [{}] {}", held.key, held.code, held.reason));
            return held.map_or(Ok(()), |held| self.failed("held", &held, began.elapsed()));
        }
    }

    pub(super) fn failed(&self, what: &str, why: &str, took: Duration) -> Result<(), Failure> {
        self.say(what, &[("why", why.into())], Some(took), Tone::Bad)
    }

    /// One line: for people a word, what there is to say of it, and how long it took; for scripts an object.
    pub(super) fn say(
        &self,
        step: &str,
        members: &[(&str, Value)],
        took: Option<Duration>,
        tone: Tone,
    ) -> Result<(), Failure> {
        if self.output.is_json() {
            let mut object = Map::from_iter([("step".to_owned(), Value::from(step))]);
            object.extend(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            object.extend(took.map(|took| ("ms".to_owned(), Value::from(milliseconds(took)))));
            return self.output.json(&object);
        }
        self.output.line(&line(&self.output.paint(tone, &format!("{step:<12}")), members, took))
    }
}

fn told(error: &AskError) -> String {
    let problem = Problem::from(error.clone());
    format!("[{}] {}", problem.code(), problem.detail())
}

fn read(component: &Path) -> Result<(Bytes, u64), Failure> {
    let bytes = files::read(component)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok((bytes.into(), size))
}

fn line(step: &str, members: &[(&str, Value)], took: Option<Duration>) -> String {
    let said = |(name, value): &(&str, Value)| match value {
        Value::String(text) => text.clone(),
        other => format!("{name} {other}"),
    };
    let members: Vec<String> = members.iter().map(said).collect();
    let took = took.map_or_else(|| " ".repeat(9), |took| format!("{:>6} ms", milliseconds(took)));
    format!("{step} {took}  {}", members.join("  ")).trim_end().to_owned()
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_one_line() {
        let members = [("file", Value::from("src/lib.rs")), ("actors", Value::from(3))];
        assert_eq!(line("changed", &members, None), "changed            src/lib.rs  actors 3");
        assert_eq!(line("built", &[], Some(Duration::from_millis(1_234))), "built   1234 ms");
    }
}
