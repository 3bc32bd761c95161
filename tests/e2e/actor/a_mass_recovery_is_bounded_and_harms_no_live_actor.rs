use anyhow::{Result, ensure};
use greenroom_host::runtime::Phase;
use serde_json::{Value, json};

use super::scene::{add, command, eventually, get, head, settings_with, total};
use greenroom_kit::TestHost;

/// Actors that come back at once.
const ACTORS: u64 = 1_000;
/// How many of them may recover at the same time.
const RECOVERIES: u32 = 8;

/// L39, L42 to L44: a thousand actors are called after a crash. Never more recover than may; an actor that is live goes
/// on answering while the store serves none of the others; in the end each is back with exactly its own state.
#[tokio::test]
async fn a_mass_recovery_is_bounded_and_harms_no_live_actor() -> Result<()> {
    let settings = settings_with(|settings| {
        settings.limits.live_actors = 1_200;
        settings.limits.concurrent_recoveries = RECOVERIES;
    });
    let host = TestHost::start("probe", settings).await?;
    let mut filling = Vec::new();
    for n in 0..ACTORS {
        filling.push(host.start_asking(&key(n), command("add", &json!({ "by": n + 1 })))?);
    }
    for answer in filling {
        answer.await??;
    }
    let host = host.crash().await?;
    add(&host, "live", 1).await?;

    host.store.hold_reads();
    let mut asking = Vec::new();
    for n in 0..ACTORS {
        asking.push(host.start_asking(&key(n), command("get", &Value::Null))?);
    }
    eventually("the first recoveries", async || Ok(host.store.held_reads() == u64::from(RECOVERIES))).await?;
    eventually("the queue", async || {
        let phases = (0..ACTORS).map(|n| Ok(host.actor(&key(n))?.phase())).collect::<Result<Vec<_>>>()?;
        Ok(phases.iter().filter(|phase| **phase == Phase::WaitingForPermit).count() as u64
            == ACTORS - u64::from(RECOVERIES))
    })
    .await?;
    for expected in 2..=50 {
        assert_eq!(add(&host, "live", 1).await?, expected, "a live actor must not notice");
    }
    assert_eq!(host.store.held_reads(), u64::from(RECOVERIES), "more recover than may");

    host.store.release_all_reads();
    for (n, answer) in (0..).zip(asking) {
        let reply = answer.await??;
        ensure!(total(&serde_json::from_slice(&reply.payload)?)? == n + 1, "{} came back with another state", key(n));
    }
    assert_eq!((get(&host, "live").await?, head(&host, &key(7)).await?), (50, 1));
    Ok(())
}

fn key(n: u64) -> String {
    format!("k-{n}")
}
