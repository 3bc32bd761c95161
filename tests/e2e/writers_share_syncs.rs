use anyhow::{Context, Result, ensure};

use greenroom_kit::Client;

use crate::setting::{Stage, value};

/// Actors that store at the same time, each for a client of its own.
const ACTORS: usize = 16;
/// Commands of each.
const COMMANDS: u64 = 50;
/// Commands of all.
const COMMANDS_IN_ALL: f64 = 800.0;

/// L66: end to end over the log: turns of different actors that wait at the same time share one sync, each actor's
/// own order is kept, and what was answered is there after a kill.
#[test]
fn writers_share_syncs() -> Result<()> {
    let mut stage = Stage::with_kinds(&["counter"])?;
    let (syncs, commits) = (metric(&stage, "greenroom_syncs_total")?, metric(&stage, "greenroom_commit_records_sum")?);
    let client = &stage.client;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..ACTORS).map(|n| scope.spawn(move || write(client, n))).collect();
        writers.into_iter().try_for_each(|writer| writer.join().map_err(|_| anyhow::anyhow!("a writer died"))?)
    })?;
    let syncs = metric(&stage, "greenroom_syncs_total")? - syncs;
    let records = metric(&stage, "greenroom_commit_records_sum")? - commits;
    ensure!(records >= COMMANDS_IN_ALL, "{records} records");
    ensure!(syncs < records, "{syncs} syncs for {records} records: no two turns shared one");
    stage.kill_and_restart()?;
    for n in 0..ACTORS {
        assert_eq!(value(stage.client.call("counter", &format!("k-{n}"), "get", "{}")?)?, COMMANDS);
    }
    Ok(())
}

fn write(client: &Client, n: usize) -> Result<()> {
    let key = format!("k-{n}");
    for expected in 1..=COMMANDS {
        let now = value(client.call("counter", &key, "increment", r#"{"by": 1}"#)?)?;
        ensure!(now == expected, "{key} answered {now} to its command {expected}");
    }
    Ok(())
}

fn metric(stage: &Stage, name: &str) -> Result<f64> {
    let text = stage.client.get("/metrics")?.ok()?.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
    Ok(line.map(|(_, value)| value.parse()).transpose().context("no number")?.unwrap_or(0.0))
}
