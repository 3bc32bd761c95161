use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::scene::{add, command, eventually, get, head, marks, probe};

/// L6: it is neither lost nor handled before the state is there; it fires once, also if the actor recovers again.
#[tokio::test]
async fn a_timer_due_during_recovery_waits_for_its_end() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 7).await?;
    host.ask("a", "set-timer", json!({ "timer": "t", "in_ms": 200 })).await?;
    host.store.hold_reads();
    let host = host.crash().await?;
    let asking = host.start_asking("a", command("get", &Value::Null))?;
    eventually("the recovery", async || Ok(host.store.held_reads() == 1)).await?;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(head(&host, "a").await?, 2, "the timer was handled during the recovery");

    host.store.release_all_reads();
    asking.await??;
    eventually("the timer", async || Ok(marks(&host.state("a").await?) == ["t by timer t"])).await?;
    let ends = head(&host, "a").await?;
    let host = host.crash().await?;
    assert_eq!(get(&host, "a").await?, 7);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((marks(&host.state("a").await?).len(), head(&host, "a").await?), (1, ends));
    Ok(())
}
