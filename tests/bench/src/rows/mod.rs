//! The rows of the table, in their order; one file per kind of work.

mod activation;
mod durable;
mod echo;
mod frame;
mod growth;
mod http;
mod journal;
mod mass;
mod native;
mod neighbour;
pub(crate) mod open;
mod raw_disk;
mod raw_log;
mod raw_way;
mod read;
mod rehearsal;
mod replay;
pub(crate) mod resident;
mod snapshots;
mod swap;
pub(crate) mod touched;
mod verify;

use anyhow::Result;

use self::frame::Work;
use self::journal::Order;
use self::neighbour::{Demand, Neighbour};
use self::open::Left;
use self::raw_way::Way;
use self::replay::Events;
use crate::aim::Aim::{self, AtLeast, AtMost, NoteAtLeast, NoteAtMost, NoteTimes, Times};
use crate::bench::{Bench, Round};
use crate::counts::{SYNCS, TURNS};
use crate::cpu::Cpu;
use crate::load::{Asker, Timing, drive};
use crate::sample::Sample;
use crate::scene::{Store, Threads};

/// How a row is measured: one sample per counted repetition.
type Run = Box<dyn Fn(&Bench) -> Result<Vec<Sample>>>;

/// One line of the table.
pub(crate) struct Row {
    /// How it is chosen and found again.
    pub(crate) name: &'static str,
    /// Of its figure.
    pub(crate) unit: &'static str,
    /// What it measures.
    pub(crate) what: &'static str,
    /// What it is meant to reach.
    pub(crate) aims: Vec<Aim>,
    /// Measures it.
    pub(crate) run: Run,
}

fn row(
    name: &'static str,
    unit: &'static str,
    what: &'static str,
    run: impl Fn(&Bench) -> Result<Vec<Sample>> + 'static,
) -> Row {
    Row { name, unit, what, aims: Vec::new(), run: Box::new(run) }
}

impl Row {
    fn aims(mut self, aims: &[Aim]) -> Self {
        self.aims = aims.to_vec();
        self
    }
}

/// Every row, or those whose name contains one of the words, with the rows that these are compared with.
pub(crate) fn chosen(only: &[String]) -> Vec<Row> {
    let mut rows = all();
    let is_chosen = |row: &Row| only.is_empty() || only.iter().any(|word| row.name.contains(word.as_str()));
    let compared: Vec<_> = rows.iter().filter(|row| is_chosen(row)).flat_map(|row| row.aims.clone()).collect();
    let is_reference = |row: &Row| compared.iter().any(|aim| aim.reference() == Some(row.name));
    rows.retain(|row| is_chosen(row) || is_reference(row));
    rows
}

#[rustfmt::skip]
fn all() -> Vec<Row> {
    vec![
        row("echo-ask-1-actor-1", "/s", "reference: bare tokio mpsc + oneshot echo, 1 task, 1 in flight", |b| echo::ask(b, 1, 1)),
        row("read-ask-1-actor-1", "/s", "ask `get`, no event, 1 actor, 1 in flight", |b| read::ask(b, Threads::Own, 1, 1)),
        row("echo-ask-1-actor-64", "/s", "reference: bare echo, 1 task, 64 in flight", |b| echo::ask(b, 1, 64)),
        row("kameo-ask-1-actor-64", "/s", "reference: kameo 0.22, bounded mailbox, the same ask, native, nothing stored, 1 actor, 64 in flight", |b| native::ask(b, "kameo-ask", 1, 64)),
        row("read-ask-1-actor-64", "/s", "ask `get`, no event, 1 actor, 64 in flight", |b| read::ask(b, Threads::Own, 1, 64)).aims(&[Times(1.0, "kameo-ask-1-actor-64")]),
        row("echo-ask-1000-actors-64", "/s", "reference: bare echo, 1,000 tasks, 64 in flight", |b| echo::ask(b, 1_000, 64)),
        row("read-ask-1000-actors-1", "/s", "ask `get`, no event, 1,000 actors, 1 in flight", |b| read::ask(b, Threads::Own, 1_000, 1)),
        row("kameo-ask-1000-actors-64", "/s", "reference: kameo, 1,000 actors, 64 in flight", |b| native::ask(b, "kameo-ask", 1_000, 64)),
        row("ractor-ask-1000-actors-64", "/s", "reference: ractor 0.16, 1,000 actors, 64 in flight", |b| native::ask(b, "ractor-ask", 1_000, 64)),
        row("read-ask-1000-actors-64", "/s", "ask `get`, no event, 1,000 actors, 64 in flight", |b| read::ask(b, Threads::Own, 1_000, 64)).aims(&[Times(0.5, "kameo-ask-1000-actors-64")]),
        row("near-ask-1-actor-1", "/s", "as read-ask-1-actor-1, the actor on the threads of who asks (`HostBuilder::runtime`)", |b| read::ask(b, Threads::Askers, 1, 1)),
        row("near-ask-1-actor-64", "/s", "as read-ask-1-actor-64, on the threads of who asks", |b| read::ask(b, Threads::Askers, 1, 64)).aims(&[Times(1.0, "kameo-ask-1-actor-64")]),
        row("near-ask-1000-actors-1", "/s", "as read-ask-1000-actors-1, on the threads of who asks", |b| read::ask(b, Threads::Askers, 1_000, 1)),
        row("near-ask-1000-actors-64", "/s", "as read-ask-1000-actors-64, on the threads of who asks", |b| read::ask(b, Threads::Askers, 1_000, 64)).aims(&[Times(0.5, "kameo-ask-1000-actors-64")]),
        row("echo-tell", "/s", "reference: bare tokio mpsc, 1 sender, bounded to 4,096", echo::tell),
        row("kameo-tell", "/s", "reference: kameo, 1 actor, 1 sender that waits for room", |b| native::tell(b, "kameo-tell")),
        row("ractor-tell", "/s", "reference: ractor, 1 actor, 1 sender; its mailbox has no bound", |b| native::tell(b, "ractor-tell")),
        row("read-tell", "/s", "tell `get`, no event, 1 actor, 1 sender that waits for room", read::tell).aims(&[Times(1.0, "ractor-tell")]),
        row("memory-ask-1-actor-64", "/s", "ask `increment` (1 event), memory provider, 1 actor, 64 in flight", |b| durable::ask(b, Store::Memory, 1, 64)),
        row("memory-ask-1000-actors-256", "/s", "ask `increment`, memory provider, 1,000 actors, 256 in flight", |b| durable::ask(b, Store::Memory, 1_000, 256)),
        row("memory-tell", "/s", "tell `increment`, memory provider, 1 actor, pipelined", |b| durable::tell(b, Store::Memory)),
        row("raw-sync", "µs", "reference: 4 KiB written into a pre-zeroed file + fdatasync, median", raw_disk::sync),
        row("raw-log-1", "/s", "reference: one-event frames into a pre-zeroed file, one committer, synced, 1 waiter", |b| raw_log::append(b, Way::PageCache, 1)),
        row("raw-log-uring-1", "/s", "reference: the committer, 1 waiter, by an io_uring", |b| raw_log::append(b, Way::Uring, 1)),
        row("raw-log-direct-1", "/s", "reference: the committer, 1 waiter, around the page cache", |b| raw_log::append(b, Way::Direct, 1)),
        row("log-ask-1-actor-1", "/s", "ask `increment`, log, synced, 1 actor, 1 in flight", |b| durable::ask(b, Store::Log, 1, 1)).aims(&[NoteTimes("p50", 1.5, "raw-log-1"), NoteTimes("p99", 3.0, "raw-log-1")]),
        row("raw-log-64", "/s", "reference: the committer, 64 waiters", |b| raw_log::append(b, Way::PageCache, 64)),
        row("log-ask-1-actor-64", "/s", "ask `increment`, log, synced, 1 actor, 64 in flight", |b| durable::ask(b, Store::Log, 1, 64)),
        row("log-ask-1000-actors-64", "/s", "ask `increment`, log, synced, 1,000 actors, 64 in flight", |b| durable::ask(b, Store::Log, 1_000, 64)),
        row("raw-log-256", "/s", "reference: the committer, 256 waiters", |b| raw_log::append(b, Way::PageCache, 256)),
        row("raw-log-uring-256", "/s", "reference: the committer, 256 waiters, write and sync in one submission to an io_uring", |b| raw_log::append(b, Way::Uring, 256)),
        row("raw-log-direct-256", "/s", "reference: the committer, 256 waiters, around the page cache, each write durable by itself", |b| raw_log::append(b, Way::Direct, 256)),
        row("log-ask-1000-actors-256", "/s", "ask `increment`, log, synced, 1,000 actors, 256 in flight", |b| durable::ask(b, Store::Log, 1_000, 256)).aims(&[Times(0.4, "raw-log-256")]),
        row("raw-log-2048", "/s", "reference: the committer, 2,048 waiters", |b| raw_log::append(b, Way::PageCache, 2_048)),
        row("log-ask-1000-actors-2048", "/s", "ask `increment`, log, synced, 1,000 actors, 2,048 in flight", |b| durable::ask(b, Store::Log, 1_000, 2_048)).aims(&[Times(0.3, "raw-log-2048")]),
        row("log-tell", "/s", "tell `increment`, log, synced, 1 actor, pipelined", |b| durable::tell(b, Store::Log)).aims(&[AtLeast(1.5e6)]),
        row("raw-scan", "/s", "reference: sequential read of 100-byte records with CRC32C, page cache warm", raw_disk::scan),
        row("memory-replay-large-frames", "/s", "recovery from the first event, memory provider, 256 events of 9 bytes per frame", |b| replay::run(b, Store::Memory, Events::Increments, 256)).aims(&[AtLeast(25e6)]),
        row("memory-replay-single-frames", "/s", "the same, one event per frame", |b| replay::run(b, Store::Memory, Events::Increments, 1)),
        row("log-replay-large-frames", "/s", "recovery from the first event, log, page cache warm, 256 events of 9 bytes per frame", |b| replay::run(b, Store::Log, Events::Increments, 256)),
        row("log-replay-single-frames", "/s", "the same, one event per frame", |b| replay::run(b, Store::Log, Events::Increments, 1)),
        row("log-recovery-100-bytes-large-frames", "/s", "recovery from the first event, log, page cache warm, 256 events of 100 bytes per frame, a guest that decodes and compares a text of 98 bytes in each", |b| replay::run(b, Store::Log, Events::Texts, 256)).aims(&[Times(0.3, "raw-scan"), AtLeast(10e6)]),
        row("log-recovery-100-bytes-single-frames", "/s", "the same, one event per frame", |b| replay::run(b, Store::Log, Events::Texts, 1)).aims(&[AtLeast(2e6)]),
        row("memory-activation", "µs", "first `get` of a passive actor with a snapshot, memory provider, median", |b| activation::run(b, Store::Memory)).aims(&[AtMost(100.0), NoteAtMost("p99", 500.0)]),
        row("log-activation", "µs", "first `get` of a passive actor with a snapshot, log, median", |b| activation::run(b, Store::Log)).aims(&[AtMost(100.0), NoteAtMost("p99", 500.0)]),
        row("memory-mass-recovery", "/s", "passive actors with 20 events each, all called at once, memory provider; beside it a `get` of a live one", |b| mass::run(b, Store::Memory)),
        row("log-mass-recovery", "/s", "the same, log, page cache warm", |b| mass::run(b, Store::Log)),
        row("snapshots-2-tenants", "/s", "ask `increment`, log, synced, two tenants with one hot actor each, 64 in flight to each, a snapshot every 1,000 events; in turns with the same without snapshots", snapshots::run).aims(&[NoteAtLeast("of without", 0.9)]),
        row("swap-10000", "/s", "10,000 live counters change over to another revision, log, synced, 16 in flight to them, 4 to another kind", |b| swap::run(b, b.pace.swapped)),
        row("rehearsal-100000", "/s", "100,000 actors with 10 events each rehearsed with the same code, actors per second at a quarter of a core, log, beside `increment` of 64 live ones, 4 in flight", rehearsal::run),
        row("neighbour-spins", "/s", "ask `increment`, log, synced, 64 actors, 8 in flight, beside another tenant of the same weight of which every actor computes without end", |b| neighbour::run(b, Neighbour::Spins, Demand::BelowItsShare)).aims(&[NoteAtLeast("of alone", 0.45), NoteAtMost("p99 of alone", 3.0)]),
        row("neighbour-floods", "/s", "the same beside one that floods 1,000 actors with `increment`, 1,024 in flight", |b| neighbour::run(b, Neighbour::Floods, Demand::BelowItsShare)).aims(&[NoteAtLeast("of alone", 0.45), NoteAtMost("p99 of alone", 3.0)]),
        row("neighbour-deploys", "/s", "the same beside one that deploys one component after the other, compiled in a process of its own", |b| neighbour::run(b, Neighbour::Deploys, Demand::BelowItsShare)).aims(&[NoteAtLeast("of alone", 0.45), NoteAtMost("p99 of alone", 3.0)]),
        row("neighbour-spins-full", "/s", "as neighbour-spins with 64 in flight, more than its share: 1 × of its share is what weights promise", |b| neighbour::run(b, Neighbour::Spins, Demand::AllThereIs)),
        row("neighbour-floods-full", "/s", "as neighbour-floods with 64 in flight", |b| neighbour::run(b, Neighbour::Floods, Demand::AllThereIs)),
        row("neighbour-deploys-full", "/s", "as neighbour-deploys with 64 in flight", |b| neighbour::run(b, Neighbour::Deploys, Demand::AllThereIs)),
        row("resident-bytes-per-actor", "B", "resident memory that one more live counter takes: host, guest, index", resident::run).aims(&[AtMost(24.0 * 1_024.0)]),
        row("frame-encode-256", "/s", "a frame of 256 events of 9 bytes encoded, events per second of one thread", |b| frame::run(b, Work::Encode, 256)),
        row("frame-encode-1", "/s", "a frame of one event encoded", |b| frame::run(b, Work::Encode, 1)),
        row("frame-decode-256", "/s", "a frame of 256 events decoded and verified, events per second of one thread", |b| frame::run(b, Work::Decode, 256)),
        row("frame-decode-1", "/s", "a frame of one event decoded and verified", |b| frame::run(b, Work::Decode, 1)),
        row("frame-append-256", "/s", "the events of frames of 256 put behind each other for a replay, events per second of one thread", |b| frame::run(b, Work::Append, 256)),
        row("frame-append-1", "/s", "the same, frames of one event", |b| frame::run(b, Work::Append, 1)),
        row("memory-journal-one-by-one", "/s", "memory provider alone: 10,000 appends, each awaited; read back in order", |b| journal::run(b, Store::Memory, Order::OneByOne)),
        row("memory-journal-pipelined", "/s", "memory provider alone: 10,000 appends queued, then awaited; read back in order", |b| journal::run(b, Store::Memory, Order::Pipelined)),
        row("log-journal-one-by-one", "/s", "log alone, synced: 10,000 appends, each awaited; read back in order", |b| journal::run(b, Store::Log, Order::OneByOne)),
        row("log-journal-pipelined", "/s", "log alone, synced: 10,000 appends queued, then awaited; read back in order", |b| journal::run(b, Store::Log, Order::Pipelined)),
        row("log-open-closed", "µs", "the log is opened after a clean end: 1,000,000 actors, 10,000,000 frames of a 100-byte event, page cache warm", |b| open::run(b, Left::Closed)).aims(&[AtMost(1e6), NoteAtMost("of the small store's", 1.2)]),
        // What a kill leaves to be read again fills memory by anything between nothing and a write buffer of 16 MiB.
        row("log-open-killed", "µs", "the same after a kill -9 with 250,000 frames appended since it was opened", |b| open::run(b, Left::Killed)).aims(&[AtMost(3e6), NoteAtMost("of the small store's", 1.5)]),
        row("log-open-no-index", "µs", "the same after a clean end without its index, which is rebuilt from the log", |b| open::run(b, Left::WithoutIndex)),
        row("log-verify", "B/s", "that store is verified with its index, as `greenroom verify DIR` does; bytes of its segments per second, page cache warm", verify::run),
        row("growth-100-actors", "/s", "ask `increment`, log, synced, 100 actors, 64 in flight, beside 100 others that are stored, with ten events each", |b| growth::run(b, Some(100))),
        row("growth-10000-actors", "/s", "the same beside 10,000 others, 100,000 events", |b| growth::run(b, Some(10_000))).aims(&[Times(1.0 / 1.5, "growth-100-actors")]),
        row("growth-1000000-actors", "/s", "the same in the store of log-open: 1,000,000 others, 10,000,000 events of 100 bytes and more", |b| growth::run(b, None)).aims(&[Times(1.0 / 1.5, "growth-100-actors")]),
        row("touched-1000000-actors", "B", "resident memory of a host with 10,000 live actors at most, after each of 1,000,000 stored counters was called once; measured once", touched::run).aims(&[AtMost(1e9), NoteAtMost("start", 1e6)]),
        row("http-read-1-key-64", "/s", "HTTP `get`, 1 key, 64 keep-alive connections, own client on the same cores", http::read).aims(&[AtLeast(60e3)]),
        row("http-log-increment-1-key-64", "/s", "HTTP `increment`, log, synced, 1 key, 64 connections", |b| http::increments(b, Store::Log, 1)).aims(&[AtLeast(40e3), NoteAtMost("p99", 10_000.0)]),
        row("http-log-increment-1000-keys-64", "/s", "HTTP `increment`, log, synced, 1,000 keys, 64 connections", |b| http::increments(b, Store::Log, 1_000)).aims(&[AtLeast(40e3), NoteAtMost("p99", 10_000.0)]),
    ]
}

/// Repeats a closed loop. `check` gets the number of all answered asks so far, after each repetition; `note` adds to
/// a sample what the row wants to show beside its rate.
async fn repeat<A: Asker>(
    bench: &Bench,
    mut askers: Vec<A>,
    timing: Timing,
    mut check: impl AsyncFnMut(u64) -> Result<()>,
) -> Result<Vec<Sample>> {
    let mut total = 0u64;
    let mut samples = Vec::new();
    for round in bench.pace.rounds() {
        let cpu = Cpu::now();
        let before = Syncs::now(bench);
        let mut run;
        (run, askers) = drive(askers, bench.pace.length, timing).await?;
        let mut sample = Sample::rate(run.done, run.elapsed);
        sample.note_percentiles(&mut run.nanos);
        before.note_since(bench, run.done, &mut sample);
        cpu.note_since(run.done, &mut sample);
        total = total.saturating_add(run.done);
        check(total).await?;
        if round == Round::Counted {
            samples.push(sample);
        }
    }
    Ok(samples)
}

/// Turns of the host, and syncs of its log, until now.
struct Syncs {
    turns: u64,
    syncs: u64,
}

impl Syncs {
    fn now(bench: &Bench) -> Self {
        let get = |name| bench.counts.get(name);
        Self { turns: get(TURNS), syncs: get(SYNCS) }
    }

    /// How well commands were batched, if there were turns, and appends, if there were syncs.
    fn note_since(&self, bench: &Bench, operations: u64, sample: &mut Sample) {
        let now = Self::now(bench);
        let per = |after: u64, before: u64| operations as f64 / after.saturating_sub(before).max(1) as f64;
        if now.turns > self.turns {
            sample.note("commands per turn", per(now.turns, self.turns), "");
        }
        if now.syncs > self.syncs {
            sample.note("answers per sync", per(now.syncs, self.syncs), "");
        }
    }
}
