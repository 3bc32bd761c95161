use anyhow::Result;
use greenroom_host::vocab::Code;
use serde_json::json;

use super::scene::{add, code, eventually, get, head, marks, probe};

/// L24, L37: callers get a typed error; once the store returns, the next command finds the actor. One with a timer
/// comes back without being called.
#[tokio::test]
async fn a_store_that_cannot_be_read_is_told_and_recovery_comes_by_itself() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    host.ask("timed", "set-timer", json!({ "timer": "t", "in_ms": 1 })).await?;
    eventually("the timer", async || Ok(head(&host, "timed").await? == 2)).await?;
    host.ask("timed", "set-timer", json!({ "timer": "u", "in_ms": 100 })).await?;
    host.store.fail_reads(2);
    let host = host.crash().await?;
    let refused = get(&host, "a").await;
    assert_eq!(code(refused)?, Code::StoreFailed);
    eventually("the actor to return", async || Ok(get(&host, "a").await.is_ok())).await?;
    assert_eq!(add(&host, "a", 1).await?, 2);
    eventually("the timer of an actor whose recovery failed", async || {
        Ok(marks(&host.state("timed").await?) == ["t by timer t", "u by timer u"])
    })
    .await
}
