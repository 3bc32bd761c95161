use anyhow::{Result, ensure};
use greenroom_kit::TestHost;
use serde_json::json;

use super::scene::{get, probe, settings_with};

/// Events of one frame, and how many frames the long journal has: a million events.
const FRAME_EVENTS: u64 = 10_000;
const FRAMES: u64 = 100;
/// What is read at a time.
const BATCH_BYTES: u32 = 256 * 1_024;

/// L23: counted, not timed: the host never holds more frames than one read brings, however long the journal is; the
/// guest replays a million events within a memory of 4 MiB.
#[tokio::test]
async fn a_long_replay_needs_no_more_memory_than_a_short_one() -> Result<()> {
    let mut host = probe().await?;
    let mut most = Vec::new();
    for (key, frames) in [("short", FRAMES / 10), ("long", FRAMES)] {
        for _ in 0..frames {
            host.ask(key, "many", json!({ "count": FRAME_EVENTS })).await?;
        }
        host = host.crash_into(small()).await?;
        host.store.take_handed_bytes();
        assert_eq!(get(&host, key).await?, frames * FRAME_EVENTS);
        let (held, in_all) = host.store.take_handed_bytes();
        ensure!(in_all >= frames * FRAME_EVENTS * 6, "{in_all} bytes handed out: the events were not read");
        most.push(held);
        replayed(&host, key, frames * FRAME_EVENTS).await?;
    }
    // The last batch may overshoot by one frame.
    let bound = u64::from(BATCH_BYTES) * 2;
    ensure!(most.iter().all(|held| *held <= bound), "{most:?} bytes were held at once");
    Ok(())
}

async fn replayed(host: &TestHost, key: &str, events: u64) -> Result<()> {
    let recovery = host.actor(key)?.status().await?.recovery;
    assert_eq!(recovery.map(|it| it.events_done), Some(events));
    Ok(())
}

fn small() -> greenroom_host::runtime::HostSettings {
    settings_with(|settings| {
        settings.limits.replay_batch_bytes = BATCH_BYTES;
        settings.limits.guest_memory_bytes = /* 4 MiB */ 4 * 1_024 * 1_024;
    })
}
