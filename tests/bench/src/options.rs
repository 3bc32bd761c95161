//! What the caller asked for.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

const HELP: &str = "\
Usage: cargo xtask bench [--only NAME]... [--json FILE] [--smoke] [--data DIR]

  --only NAME   only rows whose name contains NAME; may be given several times
  --json FILE   writes the same figures as JSON
  --smoke       the smallest loads, dev profile: proves that every row runs, its figures mean nothing
  --data DIR    where stores are written (and removed); its disk is what is measured";

/// The command line, taken apart.
#[derive(Debug)]
pub(crate) struct Options {
    /// Names, or parts of names, of the wanted rows; empty: all.
    pub(crate) only: Vec<String>,
    /// Where the figures go as JSON.
    pub(crate) json: Option<PathBuf>,
    /// The smallest loads.
    pub(crate) smoke: bool,
    /// Where stores are written.
    pub(crate) data: PathBuf,
    /// This process does one part of a row that needs a process of its own; set by the row that starts it.
    pub(crate) probe: Option<Probe>,
}

/// What a process of its own does for a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Probe {
    /// Measures its own memory with so many actors.
    Actors(u32),
    /// Starts a host on the store in `--data` and calls each of its so many actors.
    Touch(u64),
    /// Works on the store in `--data`.
    Store(Part),
}

/// A part of the life of a large store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// So many actors with ten frames each, then a clean end.
    Build(u64),
    /// Appends so many frames and waits for its end: a clean one when its input ends, or a kill.
    Extend(u64),
    /// Opens the store of so many actors, measures that, and looks at some of them.
    Open(u64),
    /// Verifies the store of so many actors, as `greenroom verify DIR` does.
    Verify(u64),
}

impl Options {
    /// # Errors
    /// What is wrong with the arguments.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self { only: Vec::new(), json: None, smoke: false, data: std::env::temp_dir(), probe: None };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value\n\n{HELP}"));
            match argument.as_str() {
                "--only" => options.only.push(value()?),
                "--json" => options.json = Some(value()?.into()),
                "--smoke" => options.smoke = true,
                "--data" => options.data = value()?.into(),
                "--probe-actors" => options.probe = Some(Probe::Actors(value()?.parse().context("--probe-actors")?)),
                "--probe-touch" => options.probe = Some(Probe::Touch(count(&value()?)?)),
                "--probe-build" => options.probe = Some(Probe::Store(Part::Build(count(&value()?)?))),
                "--probe-extend" => options.probe = Some(Probe::Store(Part::Extend(count(&value()?)?))),
                "--probe-open" => options.probe = Some(Probe::Store(Part::Open(count(&value()?)?))),
                "--probe-verify" => options.probe = Some(Probe::Store(Part::Verify(count(&value()?)?))),
                other => bail!("unknown argument {other}\n\n{HELP}"),
            }
        }
        Ok(options)
    }

    /// The command that repeats this run.
    pub(crate) fn command(&self) -> String {
        let mut command = "cargo xtask bench".to_owned();
        for name in &self.only {
            command.push_str(&format!(" --only {name}"));
        }
        if self.smoke {
            command.push_str(" --smoke");
        }
        command
    }
}

fn count(text: &str) -> Result<u64> {
    text.parse().with_context(|| format!("{text} is not a number"))
}
