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
use crate::runtime::{AskError, Host};
use crate::vocab::{Kind, Tenant};

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
        match self.swap(component).await {
            Ok(()) => self.say("ready", &[], Some(began.elapsed()), Tone::Good),
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

    async fn swap(&self, component: Bytes) -> Result<(), AskError> {
        let place = self.host.begin_deploy(&self.tenant)?;
        let _deployed = self.host.deploy_in(place, &self.tenant, &self.kind, component).await?;
        Ok(())
    }

    fn failed(&self, what: &str, why: &str, took: Duration) -> Result<(), Failure> {
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
