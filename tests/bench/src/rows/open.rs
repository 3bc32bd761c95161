//! How long a large store takes to open, and what it takes in memory. Every part is a process of its own: one is killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use greenroom_host::frame::{Column, EventColumns, Frame, FrameParts};
use greenroom_host::provider::log::{LogProvider, LogSettings};
use greenroom_host::provider::{Append, Appending, EventStore, Provider, ReadRange};
use greenroom_host::vocab::{Address, RevisionId, Sequence, Timestamp};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::bench::{Bench, Round};
use crate::memory::Memory;
use crate::options::{Options, Part};
use crate::sample::Sample;

/// Frames of every actor of the store, one event each.
pub(super) const FRAMES_PER_ACTOR: u64 = 10;
/// Actors that are written to in turns.
const GROUP_ACTORS: u64 = 1_000;
/// Bytes of an event.
const EVENT_BYTES: usize = 100;
/// Appends that wait for the disk at the same time.
pub(super) const QUEUED_MAX: usize = 4_096;
/// Actors that are read after opening.
const READ_ACTORS: u64 = 1_000;
/// What a part prints when it has done its work and waits for its end.
const READY: &str = "ready";
/// Where the log keeps its index, below its directory.
const INDEX: &str = "index";

/// How the store was left before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// By a clean end.
    Closed,
    /// By `kill -9`.
    Killed,
    /// By a clean end, and the derived index was lost since.
    WithoutIndex,
}

/// Opens the large store again and again; the figure is the time of opening alone. A store of a tenth of its size, left in the same
/// way, says what of the memory depends on the size.
pub(super) fn run(bench: &Bench, left: Left) -> Result<Vec<Sample>> {
    let pace = bench.pace;
    let small = bench.dir()?;
    let tenth = (pace.stored_actors / 10).max(1);
    finish(start(small.path(), "--probe-build", tenth)?)?;
    let dir = large_store(bench)?;
    let mut samples = Vec::new();
    for round in pace.rounds() {
        let small_store = opened(bench, small.path(), tenth, left)?;
        let store = opened(bench, dir.path(), pace.stored_actors, left)?;
        let mut sample = Sample::of(store.took_us);
        sample.note("resident", store.opened_bytes, "B");
        sample.note("of the small store's", store.opened_bytes / small_store.opened_bytes, "×");
        sample.note("after 1,000 reads", store.read_bytes, "B");
        sample.note("of the small store's then", store.read_bytes / small_store.read_bytes, "×");
        if round == Round::Counted {
            samples.push(sample);
        }
    }
    Ok(samples)
}

pub(super) fn large_store(bench: &Bench) -> Result<&TempDir> {
    if bench.large_store.get().is_none() {
        let dir = bench.dir()?;
        finish(start(dir.path(), "--probe-build", bench.pace.stored_actors)?)?;
        let _first = bench.large_store.set(dir);
    }
    bench.large_store.get().context("the store was built")
}

fn remove_index(dir: &Path) -> Result<()> {
    std::fs::remove_dir_all(dir.join(INDEX)).context("removing the index")
}

/// Starts a part of the work; it waits for the end of its input before it ends.
pub(super) fn start(dir: &Path, part: &str, count: u64) -> Result<Child> {
    let mut process = Process::new(std::env::current_exe().context("this program's file")?);
    process.args([part, &count.to_string(), "--data"]).arg(dir);
    process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting a part of the row")
}

fn await_ready(child: &mut Child) -> Result<()> {
    let output = child.stdout.as_mut().context("no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).context("reading what a part says")?;
    ensure!(line.trim() == READY, "a part of the row ended early; its reason stands above");
    Ok(())
}

/// Ends a part cleanly; what it printed.
pub(super) fn finish(mut child: Child) -> Result<String> {
    drop(child.stdin.take());
    let output = child.wait_with_output().context("a part of the row")?;
    ensure!(output.status.success(), "a part of the row failed; its reason stands above");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The figures that a part printed, one after the other.
pub(super) fn figures(text: &str) -> impl FnMut() -> Result<f64> {
    let mut figures = text.split_whitespace().map(str::parse::<f64>);
    move || figures.next().context("the part printed too little")?.context("not a figure")
}

/// What one opening took.
struct Opened {
    took_us: f64,
    /// Resident as soon as the store was open.
    opened_bytes: f64,
    /// Resident after [`READ_ACTORS`] actors were read.
    read_bytes: f64,
}

/// Appends to a store, leaves it in that way, and opens it.
fn opened(bench: &Bench, dir: &Path, actors: u64, left: Left) -> Result<Opened> {
    let mut extending = start(dir, "--probe-extend", bench.pace.stored_tail)?;
    await_ready(&mut extending)?;
    if left == Left::Killed {
        extending.kill().context("killing the writer")?;
        extending.wait().context("the killed writer")?;
    } else {
        finish(extending)?;
    }
    if left == Left::WithoutIndex {
        remove_index(dir)?;
    }
    let text = finish(start(dir, "--probe-open", actors)?)?;
    let mut next = figures(&text);
    Ok(Opened { took_us: next()?, opened_bytes: next()?, read_bytes: next()? })
}

/// One part of the row, in its own process.
///
/// # Errors
/// When the store does not hold what was written.
pub(crate) fn probe(options: &Options, part: Part) -> Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build().context("threads")?;
    let settings = LogSettings::new(&options.data);
    match part {
        Part::Build(actors) => build(&runtime, settings, actors),
        Part::Extend(frames) => extend(&runtime, settings, frames),
        Part::Open(actors) => open(&runtime, settings, actors),
        Part::Verify(actors) => super::verify::probe(&options.data, actors),
    }
}

fn build(runtime: &Runtime, settings: LogSettings, actors: u64) -> Result<()> {
    runtime.block_on(async {
        let log = LogProvider::open(settings)?;
        let mut waiting = Vec::with_capacity(QUEUED_MAX);
        // Group by group: an append to an actor that was not used lately costs a look into the index, which is no part of
        // what is measured here.
        for number in 0..actors.div_ceil(GROUP_ACTORS) {
            let first = number.saturating_mul(GROUP_ACTORS);
            let group = first..actors.min(first.saturating_add(GROUP_ACTORS));
            for expected in 0..FRAMES_PER_ACTOR {
                for actor in group.clone() {
                    append(&log, actor, expected, &mut waiting).await?;
                }
            }
        }
        settle(&mut waiting).await?;
        Ok(log.close().await?)
    })
}

/// So many more frames, of some of the actors in turns.
fn extend(runtime: &Runtime, settings: LogSettings, frames: u64) -> Result<()> {
    runtime.block_on(async {
        let log = LogProvider::open(settings)?;
        let mut waiting = Vec::with_capacity(QUEUED_MAX);
        let mut heads = Vec::new();
        for actor in 0..GROUP_ACTORS.min(frames) {
            heads.push(log.head(address(actor)?.id()).await?.sequence.0);
        }
        let turns = (0..heads.len()).cycle().take(usize::try_from(frames)?);
        for at in turns {
            let Some(head) = heads.get_mut(at) else { break };
            append(&log, u64::try_from(at)?, *head, &mut waiting).await?;
            *head += 1;
        }
        settle(&mut waiting).await?;
        say(READY)?;
        let _end = std::io::stdin().read_to_end(&mut Vec::new());
        Ok(log.close().await?)
    })
}

fn open(runtime: &Runtime, settings: LogSettings, actors: u64) -> Result<()> {
    runtime.block_on(async {
        let began = Instant::now();
        let log = LogProvider::open(settings)?;
        let took = began.elapsed();
        let opened_bytes = Memory::now()?.resident_bytes;
        let step = (actors / READ_ACTORS).max(1);
        for actor in (0..actors).step_by(usize::try_from(step)?) {
            check(&log, actor).await?;
        }
        let read_bytes = Memory::now()?.resident_bytes;
        say(&format!("{} {opened_bytes} {read_bytes}", took.as_secs_f64() * 1e6))?;
        Ok(log.close().await?)
    })
}

/// Every frame of the actor is there, in order.
async fn check(log: &LogProvider, actor: u64) -> Result<()> {
    let id = address(actor)?.id();
    let head = log.head(id).await?.sequence.0;
    ensure!(head >= FRAMES_PER_ACTOR, "actor {actor} ends at {head}");
    let range = ReadRange { from: Sequence(1), through: Sequence::MAX, batch_bytes: EVENT_BYTES };
    let mut reader = log.read(id, range);
    let mut before = 0;
    while let Some(frames) = reader.next().await? {
        for frame in frames {
            ensure!(frame.header().first.0 == before + 1, "a frame of actor {actor} is missing behind {before}");
            before = frame.header().last().0;
        }
    }
    if before != head {
        bail!("actor {actor} ends at {head}, {before} were read");
    }
    Ok(())
}

async fn append(log: &LogProvider, actor: u64, expected: u64, waiting: &mut Vec<Appending>) -> Result<()> {
    let address = Arc::new(address(actor)?);
    let mut payloads = Column::default();
    payloads.push(&[7; EVENT_BYTES]);
    let frame = Frame::encode(&FrameParts {
        actor: address.id(),
        first: Sequence(expected).next(),
        time: Timestamp(expected),
        wake_at: None,
        revision: RevisionId(1),
        events: &EventColumns { types: vec![0], payloads },
        effects: &[],
        keys: &[],
    })?;
    waiting.push(log.append(Append { address, expected: Sequence(expected), frame }));
    if waiting.len() >= QUEUED_MAX {
        settle(waiting).await?;
    }
    Ok(())
}

pub(super) async fn settle(waiting: &mut Vec<Appending>) -> Result<()> {
    for append in waiting.drain(..) {
        append.await?;
    }
    Ok(())
}

fn address(actor: u64) -> Result<Address> {
    Ok(Address::new("default", "stored", format!("a-{actor:07}"))?)
}

pub(super) fn say(text: &str) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{text}").and_then(|()| output.flush()).context("nobody listens")
}
