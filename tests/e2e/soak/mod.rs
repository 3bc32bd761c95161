//! Hostile tenants beside an honest one, for thousands of calls, on a real server.
//!
//! `cargo xtask soak` runs it, with `GREENROOM_SOAK_CALLS` calls, and prints figures.

mod honest;
mod hostile;
mod memory;
mod mix;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use greenroom_kit::Client;

use self::memory::Memory;
use crate::setting::{Stage, guest};

/// Hostile calls unless the caller says otherwise.
const CALLS: u64 = 2_000;
/// Hostile calls before memory is measured for the first time, at least: caches fill, threads start.
const WARM_UP_CALLS: u64 = 1_000;
/// Clients that send hostile calls at the same time.
const HOSTILE_CLIENTS: u64 = 4;
/// Clients of the honest tenant; each has actors of its own, and a model of them.
const HONEST_CLIENTS: u64 = 2;
/// How much more memory than at the baseline is held in the end, at most: percent.
const GROWTH_PERCENT: u64 = 5;

/// Short calls, so that endless ones do not take all day; little memory, so that bombs are over sooner; caches as
/// small as they can be, so that the warm-up fills them. No quarantine: the same actors must go on failing.
const SETTINGS: &str = "
limits.guest_call_ms = 400
limits.guest_replay_ms = 400
limits.guest_memory_bytes = 33_554_432
limits.live_actors = 256
supervision.failures_max = 0
supervision.backoff_first_ms = 1
supervision.backoff_longest_ms = 1
passivation.idle_after_ms = 500
log.resident_actors = 512
log.checkpoint_changes = 512
log.index_cache_bytes = 1_048_576
log.index_write_bytes = 1_048_576
";

/// What a run counted.
#[derive(Debug, Default)]
struct Tally {
    /// Hostile calls that were answered as they should be.
    hostile: AtomicU64,
    /// Answers to the honest tenant that were compared with its model.
    honest: AtomicU64,
    /// Times that the honest tenant was asked to come again later.
    shed: AtomicU64,
}

struct Scene {
    stage: Stage,
    parties: Parties,
}

/// Who talks to the server.
struct Parties {
    operator: Client,
    honest: Client,
    hostile: Vec<Client>,
}

fn key(by: &Client, owner: &str, scopes: &str) -> Result<String> {
    let body = format!(r#"{{"scopes": [{scopes}]}}"#);
    let created = by.send("POST", &format!("/v1/{owner}/keys"), body.as_bytes())?.ok()?.json()?;
    Ok(created.get("key").and_then(|key| key.as_str()).context("no key")?.to_owned())
}

impl Scene {
    fn new() -> Result<Self> {
        let stage = Stage::with_settings(&[], SETTINGS)?;
        let all = r#""call", "deploy", "read", "admin""#;
        let operator = stage.client.with_key(&key(&stage.client, "-", all)?);
        let tenant = |name: &str, kind: &str| -> Result<Client> {
            operator.send("PUT", &format!("/v1/{name}"), b"{}")?.ok()?;
            let client = operator.tenant(name).with_key(&key(&operator, name, all)?);
            client.deploy(kind, &guest(kind)?)?.ok()?;
            Ok(client)
        };
        let honest = tenant("honest", "counter")?;
        let hostile = vec![tenant("mallory", "hostile")?, tenant("eve", "hostile")?];
        Ok(Self { stage, parties: Parties { operator, honest, hostile } })
    }
}

impl Parties {
    /// Sends that many hostile calls, beside an honest tenant that never stops.
    fn run(&self, calls: u64, round: u64, tally: &Tally) -> Result<()> {
        let (left, over) = (AtomicU64::new(calls), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let honest: Vec<_> = (0..HONEST_CLIENTS)
                .map(|number| {
                    let name = format!("{round}-{number}");
                    let over = &over;
                    scope.spawn(move || honest::call_until(&self.honest, &name, over, tally))
                })
                .collect();
            let hostile: Vec<_> = (0..HOSTILE_CLIENTS)
                .map(|number| {
                    let index = usize::try_from(number).unwrap_or(0) % self.hostile.len();
                    let client = self.hostile.get(index).context("no hostile tenant");
                    let left = &left;
                    scope.spawn(move || hostile::call(client?, round * 100 + number, left, tally))
                })
                .collect();
            let hostile: Vec<_> = hostile.into_iter().map(|thread| thread.join()).collect();
            over.store(true, Ordering::SeqCst);
            let all = hostile.into_iter().chain(honest.into_iter().map(|thread| thread.join()));
            all.map(|ended| ended.map_err(|_| anyhow::anyhow!("a client panicked"))?).collect::<Result<Vec<()>>>()
        })?;
        Ok(())
    }
}

fn calls() -> u64 {
    std::env::var("GREENROOM_SOAK_CALLS").ok().and_then(|text| text.parse().ok()).unwrap_or(CALLS)
}

#[test]
#[ignore = "minutes on a busy machine; `cargo xtask soak` runs it"]
fn hostile_tenants_change_no_answer_and_keep_no_memory() -> Result<()> {
    let (calls, began) = (calls(), Instant::now());
    let scene = Scene::new()?;
    let process = scene.stage.server.process_id();
    let tally = Tally::default();
    let memory = Memory::of(process, scene.parties.operator.clone());
    let warm_up = (calls / 4).max(WARM_UP_CALLS);
    scene.parties.run(warm_up, 0, &tally)?;
    let baseline = memory.at_rest()?;
    println!("baseline after {warm_up} calls: {} KiB at rest", baseline);
    let mut rounds = Vec::new();
    for round in 1..=4 {
        scene.parties.run(calls.div_ceil(4), round, &tally)?;
        rounds.push(memory.peak()?);
    }
    let bound = baseline + baseline * GROWTH_PERCENT / 100;
    let end = memory.falls_to(bound)?;
    let [hostile, honest, shed] =
        [&tally.hostile, &tally.honest, &tally.shed].map(|count| count.load(Ordering::SeqCst));
    println!(
        "{hostile} hostile calls, {honest} honest answers compared, {shed} times asked to come again, {} s",
        began.elapsed().as_secs()
    );
    println!("memory: baseline {baseline} KiB, while busy {rounds:?} KiB, in the end {end} KiB");
    ensure!(end <= bound, "memory went from {baseline} to {end} KiB and stayed there");
    ensure!(hostile >= calls && honest > 0, "{tally:?}");
    // The same process as at the start has answered all of it, and is well.
    ensure!(scene.stage.server.process_id() == process, "the server was restarted");
    scene.parties.operator.get("/readyz")?.ok()?;
    let log = scene.stage.server.log();
    ensure!(!log.contains("panicked at host/"), "the host panicked:\n{log}");
    Ok(())
}
