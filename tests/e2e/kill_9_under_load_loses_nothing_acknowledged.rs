//! Many rounds: concurrent clients, a kill at some moment, a restart, a count.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenroom_kit::Client;

use crate::setting::{Stage, value};

/// How often the server is killed.
const ROUNDS: u64 = 12;
/// Clients that send at the same time.
const CLIENTS: usize = 8;

/// Commands sent to one actor, and how many of them were acknowledged.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    sent: u64,
    acknowledged: u64,
}

/// Events looked at per journal and round; rounds before looked at those before.
const NEWEST: u64 = 200;

#[test]
fn kill_9_under_load_on_one_key_loses_nothing_acknowledged() -> Result<()> {
    kill_rounds(1, ROUNDS, "")
}

#[test]
fn kill_9_under_load_on_hundreds_of_keys_loses_nothing_acknowledged() -> Result<()> {
    kill_rounds(300, ROUNDS, "")
}

/// A store that acknowledges before it writes must fail the same check, or the check is worth nothing.
#[test]
fn the_count_catches_a_server_that_loses_what_it_acknowledged() {
    let settings = "durability = \"memory\"\nlog.flush_every_ms = 60_000\n";
    let caught = kill_rounds(1, 2, settings).map_or_else(|error| format!("{error:#}"), |()| "nothing".to_owned());
    assert!(caught.contains("acknowledged"), "caught: {caught}");
}

fn kill_rounds(keys: usize, rounds: u64, settings: &str) -> Result<()> {
    let mut stage = Stage::with_settings(&["counter"], settings)?;
    let mut counts = BTreeMap::<usize, Count>::new();
    for round in 0..rounds {
        for (key, count) in load_until_killed(&mut stage, keys, Duration::from_millis(100 + 40 * round))? {
            let total = counts.entry(key).or_default();
            total.sent += count.sent;
            total.acknowledged += count.acknowledged;
        }
        for (key, count) in &mut counts {
            let key = format!("k-{key}");
            let recovered = value(stage.client.call("counter", &key, "get", "{}")?)?;
            let is_sound = count.acknowledged <= recovered && recovered <= count.sent;
            ensure!(is_sound, "{key}: {recovered} recovered of {count:?}");
            // From here on the count is known: what had no answer is settled.
            *count = Count { sent: recovered, acknowledged: recovered };
        }
        check_events(&stage.client, &counts)?;
    }
    assert_eq!(counts.len(), keys, "not every key was used");
    assert!(counts.values().all(|count| count.acknowledged > 0), "a key without an acknowledged command: {counts:?}");
    Ok(())
}

/// Runs clients against `keys` counters, kills the server after a time and starts it again.
fn load_until_killed(stage: &mut Stage, keys: usize, after: Duration) -> Result<Vec<(usize, Count)>> {
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let client = stage.client.clone();
    let counts = std::thread::scope(|scope| {
        let send = || send_until_no_answer(&client, keys, &next, &is_over);
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(send)).collect();
        sleep(after);
        let restarted = stage.kill_and_restart();
        is_over.store(true, Ordering::SeqCst);
        let counts: Vec<_> = clients.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        restarted.map(|()| counts)
    })?;
    let mut all = Vec::new();
    for count in counts {
        all.extend(count.ok().context("a client panicked")??);
    }
    Ok(all)
}

/// One client: increments one key after the other until the server is gone.
fn send_until_no_answer(
    client: &Client,
    keys: usize,
    next: &AtomicUsize,
    is_over: &AtomicBool,
) -> Result<BTreeMap<usize, Count>> {
    let mut counts = BTreeMap::<usize, Count>::new();
    while !is_over.load(Ordering::SeqCst) {
        let key = next.fetch_add(1, Ordering::SeqCst) % keys;
        let count = counts.entry(key).or_default();
        count.sent += 1;
        let Ok(answer) = client.call("counter", &format!("k-{key}"), "increment", r#"{"by": 1}"#) else { break };
        answer.ok().context("a command failed while the server was there")?;
        count.acknowledged += 1;
    }
    Ok(counts)
}

/// The journals of all counters are dense and as long as their values say.
fn check_events(client: &Client, counts: &BTreeMap<usize, Count>) -> Result<()> {
    for (key, count) in counts.iter().filter(|(_, count)| count.acknowledged > 0) {
        let status = client.status("counter", &format!("k-{key}"))?;
        assert_eq!(status.sequence, count.acknowledged, "k-{key}: one event for each increment");
        let from = count.acknowledged.saturating_sub(NEWEST - 1).max(1);
        let events = client.events("counter", &format!("k-{key}"), from, NEWEST + 1)?;
        assert!(events.iter().map(|event| event.sequence).eq(from..=count.acknowledged), "k-{key}");
    }
    Ok(())
}
