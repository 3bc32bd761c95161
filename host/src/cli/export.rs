//! `greenroom export KIND --to DIR`: histories of a kind in a directory, to rehearse on them without a server.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;

use super::arguments;
use super::client::Client;
use super::failure::Failure;
use super::files;
use super::output::{Output, size};
use crate::api::Problem;
use crate::provider::StoreError;
use crate::provider::export::ExportProvider;
use crate::runtime::{AskError, ChosenActors};
use crate::vocab::Kind;

/// The file in the directory.
pub(super) const FILE: &str = "histories.grx";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Of which kind
    #[arg(value_parser = arguments::kind)]
    kind: Kind,
    /// The directory; it is created if it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Which actors: a number (spread evenly over all keys), `all`, or a pattern of keys (`*`, `?`; `\` takes the next as it is)
    #[arg(long, value_name = "N|all|PATTERN", default_value_t)]
    actors: ChosenActors,
}

/// Writes the file beside its name first: what was broken off has another name. An export that is there is replaced.
pub(super) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let query = [("actors", arguments.actors.to_string())];
    let mut bytes = client.download(&format!("kinds/{}:export", arguments.kind), &query)?;
    let (part, file) = (arguments.to.join(format!("{FILE}.part")), arguments.to.join(FILE));
    let written = files::write_from(&arguments.to, &part, &mut bytes as &mut dyn Read)?;
    // Read once as a rehearsal will: what is cut off or damaged is told now.
    let export = ExportProvider::open(&part).map_err(told)?;
    files::rename(&part, &file)?;
    let actors = export.actors_count();
    if output.is_json() {
        return output.json(&serde_json::json!({ "file": file, "bytes": written, "actors": actors }));
    }
    output.line(&format!("{}: {actors} actors of {}, {}", file.display(), arguments.kind, size(written)))
}

/// The store's error, as this side tells it.
pub(super) fn told(error: StoreError) -> Failure {
    Failure::from(Problem::from(AskError::from(error)))
}
