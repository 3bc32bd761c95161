use anyhow::Result;
use greenroom_host::runtime::Phase;
use greenroom_host::vocab::{Code, Owner};
use greenroom_kit::TestHost;
use serde_json::{Value, json};

use super::scene::{eventually, phase, recoveries, strict};

/// L24, L37: however often the store cannot be read, nobody is quarantined; pauses grow; once it is back, actors come
/// back by themselves: one because it is called, one because of its timer.
#[tokio::test]
async fn a_store_outage_is_never_the_actors_fault() -> Result<()> {
    let mut settings = strict();
    settings.supervision.backoff_first_ms = 20;
    settings.supervision.backoff_longest_ms = 200;
    let host = TestHost::start("probe", settings).await?;
    host.ask("a", "add", json!({ "by": 1 })).await?;
    host.ask("timed", "set-timer", json!({ "timer": "t", "in_ms": 100 })).await?;
    host.store.fail_reads(u32::MAX);
    let host = host.crash().await?;
    let mut told = Vec::new();
    for _ in 0..40 {
        let answer = host.ask("a", "get", Value::Null).await;
        told.push(
            answer.err().and_then(|error| Some(error.downcast_ref::<greenroom_host::runtime::AskError>()?.code())),
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(told.contains(&Some(Code::StoreFailed)), "{told:?}");
    assert!(told.contains(&Some(Code::Restarting)), "{told:?}");
    assert!(told.iter().flatten().all(|code| [Code::StoreFailed, Code::Restarting].contains(code)), "{told:?}");
    let tries = recoveries(&host, "a")?;
    assert!(tries < 20, "{tries} tries in 400 ms: the pauses did not grow");
    assert_ne!(phase(&host, "a")?, Phase::Quarantined);
    assert!(host.host.troubled(&Owner::Host, None, 10)?.is_empty());

    host.store.fail_reads(0);
    eventually("the actor that is called", async || Ok(host.ask("a", "get", Value::Null).await.is_ok())).await?;
    eventually("the actor with a timer", async || {
        let state = host.state("timed").await?;
        Ok(state.get("marks") == Some(&json!(["t by timer t"])))
    })
    .await
}
