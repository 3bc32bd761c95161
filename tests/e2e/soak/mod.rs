//! Hostile tenants beside an honest one, for thousands of calls, on a real server.
//!
//! `cargo xtask soak` runs it, with `GREENROOM_SOAK_CALLS` calls, and prints figures.

mod brief;
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
/// Rounds in which the rest of the calls are made; memory is measured at rest after each.
const ROUNDS: u64 = 4;
/// Hostile calls before memory is measured for the first time, at least, and half as many as are made afterwards: caches fill,
/// threads start, and the log has so much to give up that it begins to copy, which some thousands of calls are needed for.
const WARM_UP_CALLS: u64 = 5_000;
/// Clients that send hostile calls at the same time.
const HOSTILE_CLIENTS: u64 = 4;
/// Clients of the honest tenant; each has actors of its own, and a model of them.
const HONEST_CLIENTS: u64 = 2;
/// How much more memory than at the baseline is held in the end, at most: percent.
const GROWTH_PERCENT: u64 = 5;

/// Short calls, so that endless ones do not take all day; little memory, so that bombs are over sooner. No quarantine: the
/// same actors must go on failing.
///
/// What is kept of actors and of calls is bounded; each bound is so small here that the warm-up reaches it, because a cache
/// that still fills looks like a leak: live actors, actors in trouble, dead letters, recorded commands, and what the
/// store keeps in memory of actors, of its index and of what its index does not hold yet.
const SETTINGS: &str = "
limits.guest_call_ms = 400
limits.guest_replay_ms = 400
limits.guest_memory_bytes = 33_554_432
limits.live_actors = 256
limits.troubled_actors = 64
dead_letters.letters = 64
recording.commands = 32
supervision.failures_max = 0
supervision.backoff_first_ms = 1
supervision.backoff_longest_ms = 1
passivation.idle_after_ms = 500
log.resident_actors = 512
log.checkpoint_changes = 512
log.index_cache_bytes = 1_048_576
log.index_write_bytes = 262_144
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
    fn new(settings: &str) -> Result<Self> {
        let stage = Stage::with_settings(&[], settings)?;
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

impl Scene {
    fn memory(&self) -> Memory {
        Memory::of(self.stage.server.process_id(), self.parties.operator.clone())
    }

    /// The process that was started has answered all of it, and is well.
    fn is_well(&self) -> Result<()> {
        self.parties.operator.get("/readyz")?.ok()?;
        let log = self.stage.server.log();
        ensure!(!log.contains("panicked at host/"), "the host panicked:\n{log}");
        Ok(())
    }
}

impl Parties {
    /// Sends that many hostile calls, beside an honest tenant that never stops.
    fn draw(&self, calls: u64, round: u64, tally: &Tally) -> Result<()> {
        let left = AtomicU64::new(calls);
        self.run(round, tally, |client, number| hostile::call(client, round * 100 + number, &left, tally))
    }

    /// Lets each hostile client do something, beside an honest tenant that never stops.
    fn run(&self, round: u64, tally: &Tally, misbehave: impl Fn(&Client, u64) -> Result<()> + Sync) -> Result<()> {
        let over = AtomicBool::new(false);
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
                    let misbehave = &misbehave;
                    scope.spawn(move || misbehave(client?, number))
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
    let scene = Scene::new(SETTINGS)?;
    let tally = Tally::default();
    let memory = scene.memory();
    let warm_up = (calls / 2).max(WARM_UP_CALLS);
    scene.parties.draw(warm_up, 0, &tally)?;
    let baseline = memory.at_rest()?;
    println!("after {warm_up} calls: {baseline} KiB at rest, {} KiB of them its own", memory.own()?);
    let mut end = baseline;
    for round in 1..=ROUNDS {
        scene.parties.draw(calls.div_ceil(ROUNDS), round, &tally)?;
        end = memory.at_rest()?;
        let (own, peak) = (memory.own()?, memory.peak()?);
        println!("after round {round}: {end} KiB at rest, {own} KiB of them its own, {peak} KiB at the most so far");
    }
    let [hostile, honest, shed] =
        [&tally.hostile, &tally.honest, &tally.shed].map(|count| count.load(Ordering::SeqCst));
    println!(
        "{hostile} hostile calls, {honest} honest answers compared, {shed} times asked to come again, {} s",
        began.elapsed().as_secs()
    );
    let bound = baseline + baseline * GROWTH_PERCENT / 100;
    ensure!(end <= bound, "memory went from {baseline} to {end} KiB and stayed there");
    ensure!(hostile >= calls && honest > 0, "{tally:?}");
    scene.is_well()
}
