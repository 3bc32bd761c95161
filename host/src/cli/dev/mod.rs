//! `greenroom dev [DIR]`: a server that follows the sources of one actor. What fails leaves the old code running.

mod project;
mod rehearsed;
mod round;
mod sources;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use self::project::Project;
use self::round::Round;
use self::sources::Sources;
use super::arguments;
use super::failure::Failure;
use super::memory;
use super::output::{Output, Tone};
use super::running::{Running, threads};
use super::settings::ServeSettings;
use super::telemetry::LogArguments;
use crate::vocab::{Code, Kind, Tenant};

/// The data directory, below the project's target directory.
const DATA_DIR: &str = "greenroom-dev";
/// How often the sources are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Looks until the sources stay as they are; then they are built as they are.
const SETTLING_LOOKS_MAX: u32 = 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The actor's project: the folder of its Cargo.toml
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// As which kind [default: the package's name]
    #[arg(long, value_parser = arguments::kind)]
    kind: Option<Kind>,
    /// Where everything durable is kept [default: greenroom-dev in the project's target directory]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen, on this machine only; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7411")]
    listen: SocketAddr,
    #[command(flatten)]
    log: LogArguments,
}

/// Serves and follows the sources until it is told to end.
pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    if !arguments.listen.ip().is_loopback() {
        let detail =
            format!("listen: {} is not on this machine only; `greenroom serve` is for others", arguments.listen);
        return Err(Failure::new(Code::InvalidSetting, detail));
    }
    let project = Project::find(&arguments.dir)?;
    let kind = match &arguments.kind {
        Some(kind) => kind.clone(),
        None => Kind::new(project.name.as_str()).map_err(|error| {
            Failure::new(Code::InvalidAddress, format!("the package {}: {error}; name a kind by --kind", project.name))
        })?,
    };
    let data = arguments.data.clone().unwrap_or_else(|| project.target.join(DATA_DIR));
    arguments.log.start(output.has_colours())?;
    memory::bound_what_is_kept();
    let mut settings = ServeSettings { listen: arguments.listen, data: Some(data.clone()), ..ServeSettings::default() };
    // Whoever waits for a rehearsal is the one whom it could disturb.
    settings.host.rehearsal.cpu_share = 1.0;
    threads()?.block_on(follow(settings, &data, &project, kind, output))
}

async fn follow(
    settings: ServeSettings,
    data: &Path,
    project: &Project,
    kind: Kind,
    output: &Output,
) -> Result<(), Failure> {
    let mut running = Running::start(settings, data).await?;
    let (host, url) = (running.host().clone(), running.url());
    let round = Round { host, tenant: Tenant::default_tenant(), kind, project, output };
    round.say("serving", &[("url", url.into())], None, Tone::Good)?;
    let left_out = [project.target.clone(), data.to_owned()];
    let followed = tokio::select! {
        ended = rounds(&round, &left_out) => ended,
        () = running.is_told_to_end() => Ok(()),
    };
    let ended = running.end(output).await;
    followed.and(ended)
}

/// One round for every change of the sources, the first at once.
async fn rounds(round: &Round<'_>, left_out: &[PathBuf]) -> Result<(), Failure> {
    let root = &round.project.root;
    let mut seen: Option<Sources> = None;
    loop {
        let now = settled(root, left_out).await?;
        let change = match &seen {
            None => None,
            Some(seen) => match now.difference(seen) {
                Some(change) => Some(change),
                None => {
                    tokio::time::sleep(LOOK_EVERY).await;
                    continue;
                }
            },
        };
        if let Some((path, count)) = change {
            let path = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            round.say("changed", &[("file", path.into()), ("files", count.into())], None, Tone::Good)?;
        }
        // As they are before the build: what is saved during it is a change again.
        seen = Some(now);
        round.run().await?;
    }
}

/// The sources once they stay as they are: an editor or a version control writes several.
async fn settled(root: &Path, left_out: &[PathBuf]) -> Result<Sources, Failure> {
    let mut before = look(root, left_out).await?;
    for _ in 0..SETTLING_LOOKS_MAX {
        tokio::time::sleep(LOOK_EVERY / 2).await;
        let now = look(root, left_out).await?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

async fn look(root: &Path, left_out: &[PathBuf]) -> Result<Sources, Failure> {
    let (root, left_out) = (root.to_owned(), left_out.to_vec());
    let looked = tokio::task::spawn_blocking(move || Sources::look(&root, &left_out)).await;
    let told = |error: std::io::Error| Failure::new(Code::FileUnreadable, format!("the sources: {error}"));
    match looked {
        Ok(looked) => looked.map_err(told),
        Err(error) => Err(told(std::io::Error::other(error))),
    }
}
