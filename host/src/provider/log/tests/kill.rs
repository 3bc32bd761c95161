//! A process that writes to a real directory is killed, again and again; what it acknowledged must be there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::history::{payload, snapshot, turn};
use crate::frame::EventColumns;
use crate::provider::log::disk::Seed;
use crate::provider::log::{LogProvider, LogSettings, Maintenance};
use crate::provider::{DeleteGuard, Durability, EventStore, Provider, ReadRange, SnapshotStore};
use crate::vocab::{Address, Sequence};

const ACTORS: usize = 24;
/// Turns of an actor between two snapshots.
const TURNS_PER_SNAPSHOT: u64 = 25;
const DIR: &str = "GREENROOM_KILL_DIR";
const MODE: &str = "GREENROOM_KILL_MODE";

/// What one actor was told.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    head: u64,
    saved: u64,
    deleted: u64,
}

fn settings(dir: &Path, durability: Durability) -> LogSettings {
    LogSettings {
        durability,
        segment_bytes: /* 64 KiB */ 64 * 1_024,
        first_segment_bytes: /* 64 KiB */ 64 * 1_024,
        flush_every_ms: 20,
        upkeep_percent: 100,
        merge_reads_min: 4,
        ..LogSettings::new(dir)
    }
}

fn actor(index: usize) -> Arc<Address> {
    Arc::new(Address::new("tenant", "kind", format!("actor {index}")).expect("legal"))
}

/// How many events the turn behind `head` has.
const fn count_behind(head: u64) -> u64 {
    1 + head % 4
}

/// The process that is killed: writes without end and says what was acknowledged.
#[test]
#[ignore = "it is run by the test that kills it"]
fn writer() {
    let dir = std::env::var(DIR).expect("a directory");
    let durability = if std::env::var(MODE).expect("a mode") == "flush" { Durability::Flush } else { Durability::Sync };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    // Ends the line that the test runner began: the first acknowledgement must stand on one of its own.
    println!();
    runtime.block_on(async {
        let log = LogProvider::open(settings(Path::new(&dir), durability)).expect("sound");
        let upkeep = {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                loop {
                    for what in [Maintenance::Compact, Maintenance::Merge] {
                        log.maintain(what).await.expect("upkeep");
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        };
        let writers = (0..ACTORS).map(|index| tokio::spawn(write(Arc::clone(&log), index)));
        join_all(writers).await.into_iter().for_each(|writer| writer.expect("no panic"));
        upkeep.abort();
    });
}

async fn write(log: Arc<LogProvider>, index: usize) {
    let address = actor(index);
    let id = address.id();
    let mut head = log.head(id).await.expect("known").sequence.0;
    loop {
        for _ in 0..TURNS_PER_SNAPSHOT {
            head = log.append(turn(&address, head, count_behind(head))).await.expect("stored").0;
            println!("head {index} {head}");
        }
        log.save_snapshot(snapshot(&address, head)).await.expect("stored");
        println!("saved {index} {head}");
        log.delete_through(id, Sequence(head), DeleteGuard::BehindSnapshot).await.expect("covered");
        println!("deleted {index} {head}");
        for older in log.list_snapshots(id).await.expect("known").into_iter().skip(1) {
            log.delete_snapshot(id, older.sequence).await.expect("deleted");
        }
    }
}

/// Kills the child when it is dropped, so that no failing test leaves it behind.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Starts the writer, kills it some time after its first acknowledgement, and takes in what it said.
fn write_until_killed(dir: &Path, durability: Durability, after: Duration, told: &mut BTreeMap<usize, Told>) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let name = concat!(module_path!(), "::writer");
    let (_, name) = name.split_once("::").expect("a path behind the crate's name");
    let mut command = Command::new(program);
    command.args([name, "--exact", "--ignored", "--nocapture", "--test-threads", "1"]).env(DIR, dir);
    command.env(MODE, if durability == Durability::Flush { "flush" } else { "sync" });
    let mut child = Killed(command.stdout(Stdio::piped()).spawn().expect("started"));
    let mut lines = BufReader::new(child.0.stdout.take().expect("piped")).lines();
    let mut acknowledged = 0;
    std::thread::scope(|scope| {
        let (first, is_first) = std::sync::mpsc::channel();
        let reading = scope.spawn(move || {
            let mut said = Vec::new();
            while let Some(Ok(line)) = lines.next() {
                let _late = first.send(());
                said.push(line);
            }
            said
        });
        // The lines in front of the first acknowledgement are the test runner's.
        for _ in 0..4 {
            is_first.recv_timeout(Duration::from_secs(60)).expect("the writer writes");
        }
        std::thread::sleep(after);
        drop(child);
        for line in reading.join().expect("no panic") {
            acknowledged += u64::from(take_in(&line, told));
        }
    });
    acknowledged
}

/// Whether a line is an acknowledgement. The last one may be cut short: it is one if its number is whole, or smaller.
fn take_in(line: &str, told: &mut BTreeMap<usize, Told>) -> bool {
    let mut words = line.split(' ');
    let (what, index, number) = (words.next(), words.next(), words.next());
    let (Some(what), Some(index), Some(number)) = (what, index, number) else { return false };
    let (Ok(index), Ok(number)) = (index.parse::<usize>(), number.parse::<u64>()) else { return false };
    let actor = told.entry(index).or_default();
    let place = match what {
        "head" => &mut actor.head,
        "saved" => &mut actor.saved,
        "deleted" => &mut actor.deleted,
        _ => return false,
    };
    *place = (*place).max(number);
    true
}

/// Compares one actor with what it was told.
async fn check(log: &LogProvider, index: usize, told: &mut Told) {
    let address = actor(index);
    let id = address.id();
    let head = log.head(id).await.expect("readable");
    let at_most = told.head + count_behind(told.head);
    let end = head.sequence.0;
    assert!(end == told.head || end == at_most, "{address}: {end} of {told:?}");
    assert!((told.deleted..=end).contains(&head.deleted_through.0), "{address}: {head:?} of {told:?}");
    let newest = log.load_snapshot(id, Sequence::MAX).await.expect("sound");
    let at = newest.as_ref().map_or(0, |newest| newest.meta.sequence.0);
    assert!(at >= told.saved && at >= head.deleted_through.0 && at <= end, "{address}: saved {at} of {told:?}");
    assert!(newest.is_none_or(|newest| newest == snapshot(&address, at)), "{address}: another snapshot at {at}");
    let from = Sequence(at + 1);
    let mut events = EventColumns::default();
    let mut reader = log.read(id, ReadRange { from, through: Sequence::MAX, batch_bytes: 10_000 });
    while let Some(frames) = reader.next().await.expect("sound") {
        frames.iter().for_each(|frame| _ = frame.append_events(from, Sequence::MAX, &mut events));
    }
    let expected: Vec<_> = (from.0..=end).map(|number| payload(&address, number).into_bytes()).collect();
    assert!(events.payloads.iter().eq(expected.iter().map(Vec::as_slice)), "{address}: other events behind {at}");
    *told = Told { head: end, saved: at, deleted: head.deleted_through.0 };
}

/// Rounds of writing and killing in one directory; returns how many acknowledgements were checked.
pub(super) fn kill_rounds(rounds: u64, seed: u64) -> u64 {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (mut told, mut draw, mut acknowledged) = (BTreeMap::new(), Seed(seed), 0);
    for round in 0..rounds {
        let durability = if round % 2 == 0 { Durability::Sync } else { Durability::Flush };
        let after = Duration::from_millis(5 + draw.below(300));
        acknowledged += write_until_killed(dir.path(), durability, after, &mut told);
        runtime.block_on(async {
            let log = LogProvider::open(settings(dir.path(), Durability::Sync)).expect("a kill leaves a sound store");
            for (index, told) in &mut told {
                check(&log, *index, told).await;
            }
            if draw.below(2) == 0 {
                log.close().await.expect("closed");
            }
        });
    }
    acknowledged
}

#[test]
fn kill_9_of_a_writing_process_loses_nothing_acknowledged() {
    let acknowledged = kill_rounds(6, 71);
    assert!(acknowledged > 1_000, "only {acknowledged} acknowledgements");
}
