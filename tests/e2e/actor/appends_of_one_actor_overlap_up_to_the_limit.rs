use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::scene::{command, eventually, get, probe_with};

/// L49, L67: pipelining: the next turns run while earlier ones are being stored, as many as the limit allows.
#[tokio::test]
async fn appends_of_one_actor_overlap_up_to_the_limit() -> Result<()> {
    let host = probe_with(|settings| {
        settings.limits.turn_commands = 1;
        settings.limits.pipelined_turns = 4;
    })
    .await?;
    host.store.hold_appends();
    let mut asking = Vec::new();
    for _ in 0..10 {
        asking.push(host.start_asking("a", command("add", &json!({ "by": 1 })))?);
    }
    eventually("four appends in flight", async || Ok(host.store.held_appends() == 4)).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(host.store.held_appends(), 4, "more turns were in flight than the limit allows");

    host.store.release_all_appends();
    let mut ends = Vec::new();
    for answer in asking {
        ends.push(answer.await??.sequence.0);
    }
    assert_eq!(ends, (1..=10).collect::<Vec<_>>());
    assert_eq!(get(&host, "a").await?, 10);
    Ok(())
}
