//! Many rounds: concurrent clients, a kill at some moment, a restart, a count.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use greenroom_kit::Client;

use crate::setting::{Stage, value};

/// How often the server is killed.
const ROUNDS: u64 = 8;
/// Clients that send at the same time.
const CLIENTS: usize = 8;

/// Commands sent to one actor, and how many of them were acknowledged.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    sent: u64,
    acknowledged: u64,
}

#[test]
fn kill_9_under_load_on_one_key_loses_nothing_acknowledged() -> Result<()> {
    kill_rounds(1)
}

#[test]
fn kill_9_under_load_on_hundreds_of_keys_loses_nothing_acknowledged() -> Result<()> {
    kill_rounds(300)
}

fn kill_rounds(keys: usize) -> Result<()> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    let mut counts = BTreeMap::<usize, Count>::new();
    for round in 0..ROUNDS {
        for (key, count) in load_until_killed(&mut stage, keys, Duration::from_millis(100 + 60 * round))? {
            let total = counts.entry(key).or_default();
            total.sent += count.sent;
            total.acknowledged += count.acknowledged;
        }
        for (key, count) in &mut counts {
            let key = format!("k-{key}");
            let recovered = value(stage.client.call("counter", &key, "get", "{}")?)?;
            assert!(count.acknowledged <= recovered && recovered <= count.sent, "{key}: {recovered} of {count:?}");
            // From here on the count is known: what had no answer is settled.
            *count = Count { sent: recovered, acknowledged: recovered };
        }
        check_events(&stage.client, &counts)?;
    }
    assert!(counts.values().map(|count| count.acknowledged).sum::<u64>() > 0, "nothing was ever acknowledged");
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

/// The journals of some counters are dense and as long as their values say.
fn check_events(client: &Client, counts: &BTreeMap<usize, Count>) -> Result<()> {
    for (key, count) in counts.iter().take(3) {
        let status = client.status("counter", &format!("k-{key}"))?;
        assert_eq!(status.sequence, count.acknowledged, "k-{key}: one event for each increment");
        let from = count.acknowledged.saturating_sub(99).max(1);
        let events = client.events("counter", &format!("k-{key}"), from, 100)?;
        assert!(events.iter().map(|event| event.sequence).eq(from..=count.acknowledged), "k-{key}");
    }
    Ok(())
}
