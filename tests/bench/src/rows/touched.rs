//! A server's start on a store of a million actors, and its memory after each of them was called once, with few of them
//! live at a time. It is a process of its own, for its peak, and is measured once: every actor is touched for the first time.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use greenroom_host::cli::memory;
use greenroom_host::provider::SharedProvider;
use greenroom_host::runtime::{Host, HostSettings};
use greenroom_host::sandbox::CompilerProgram;
use greenroom_host::vocab::Address;
use tokio::task::JoinSet;

use super::open::{QUEUED_MAX, figures, finish, say, settle, start};
use super::replay::{Events, copied};
use crate::bench::Bench;
use crate::counts::ACTIVATIONS;
use crate::memory::{peak_bytes, resident_bytes};
use crate::options::Options;
use crate::sample::Sample;
use crate::scene::{SHUTDOWN_MAX, Scene, Store, Threads, get, value_of};

/// Actors that may be live at the same time.
const LIVE_ACTORS: u32 = 10_000;
/// Actors that are called at the same time.
const IN_FLIGHT: usize = 64;

/// Fills a store with counters of one event each; another process starts on it and calls them all.
pub(super) fn run(bench: &Bench) -> Result<Vec<Sample>> {
    let (dir, actors) = (bench.dir()?, bench.pace.stored_actors);
    bench.block_on(fill(bench, dir.path(), actors))?;
    let text = finish(start(dir.path(), "--probe-touch", actors)?)?;
    let mut next = figures(&text);
    let mut sample = Sample::of(next()?);
    sample.note("peak", next()?, "B");
    sample.note("start", next()?, "µs");
    sample.note("resident at the start", next()?, "B");
    sample.note("touched", next()?, "/s");
    Ok(vec![sample])
}

/// Every counter has one event, as its guest would have written it.
async fn fill(bench: &Bench, dir: &Path, actors: u64) -> Result<()> {
    let scene = Scene::over(Threads::Own, bench, Store::Log.open(dir)?, |_| {}).await?;
    let template = Events::Increments.written_frame(&scene).await?;
    let mut queued = Vec::with_capacity(QUEUED_MAX);
    for actor in 0..actors {
        queued.push(scene.provider.append(copied(&template, &Arc::new(address(actor)?), 0, 1)?));
        if queued.len() >= QUEUED_MAX {
            settle(&mut queued).await?;
        }
    }
    settle(&mut queued).await?;
    scene.close().await
}

/// The server, with its settings of the allocator: prints what is resident at the end, the most there was, how long it
/// took to start, what was resident then, and how many actors it called per second.
///
/// # Errors
/// When an actor does not show its event.
pub(crate) fn probe(options: &Options, actors: u64) -> Result<()> {
    memory::bound_what_is_kept();
    let bench = Bench::new(options)?;
    bench.block_on(async {
        let _until_the_end = tokio::spawn(memory::keep_giving_back());
        let began = Instant::now();
        let provider: SharedProvider = Store::Log.open(&options.data)?;
        let mut settings = HostSettings::default();
        settings.limits.live_actors = LIVE_ACTORS;
        let host = Host::builder().provider(provider).settings(settings).compiler(CompilerProgram::ThisProgram);
        let host = host.compile_cache(bench.compile_cache()).build().await.context("building the host")?;
        let started = began.elapsed();
        let resident_at_start = resident_bytes()?;
        let began = Instant::now();
        touch(&host, actors).await?;
        let rate = actors as f64 / began.elapsed().as_secs_f64();
        bench.counts.ensure(ACTIVATIONS, actors).await?;
        let (start_us, resident) = (started.as_secs_f64() * 1e6, resident_bytes()?);
        say(&format!("{resident} {} {start_us} {resident_at_start} {rate}", peak_bytes()?))?;
        host.shutdown(SHUTDOWN_MAX).await.context("closing the host")
    })
}

/// Calls every actor once, in the order of their numbers.
async fn touch(host: &Host, actors: u64) -> Result<()> {
    let next = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (host, next) = (host.clone(), Arc::clone(&next));
        callers.spawn(async move {
            loop {
                let actor = next.fetch_add(1, Ordering::Relaxed);
                if actor >= actors {
                    return anyhow::Ok(());
                }
                let reply = host.actor(address(actor)?).ask(get()).await?;
                ensure!(value_of(&reply)? == Events::BY, "actor {actor} shows {}", value_of(&reply)?);
            }
        });
    }
    while let Some(called) = callers.join_next().await {
        called.context("a caller panicked")??;
    }
    Ok(())
}

fn address(actor: u64) -> Result<Address> {
    Ok(Address::new("default", "counter", format!("t-{actor:07}"))?)
}
