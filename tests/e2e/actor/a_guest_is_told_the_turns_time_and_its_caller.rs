use std::sync::Arc;

use anyhow::Result;
use greenroom_host::vocab::{Clock, ManualClock, Timestamp};
use greenroom_kit::{TestHost, settings};
use serde_json::{Value, json};

use super::scene::{command, eventually, marks, probe};

/// L20: the time is the host's, the same in a whole turn; it is what the journal says.
#[tokio::test]
async fn a_guest_is_told_the_turns_time() -> Result<()> {
    let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
    let host =
        TestHost::start_with_clock("probe", settings(), Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>).await?;
    let now = async || anyhow::Ok(host.ask("a", "now", Value::Null).await?.get("note").cloned());
    assert_eq!(now().await?, Some(json!("1000")));
    clock.advance_ms(234);
    assert_eq!(now().await?, Some(json!("1234")));
    host.ask("a", "add", json!({ "by": 1 })).await?;
    let mut feed = host.actor("a")?.events(greenroom_host::vocab::Sequence::FIRST, 1, false).await?;
    assert_eq!(feed.next().await?.map(|event| event.time), Some(Timestamp(1_234)));
    Ok(())
}

/// The client's name and headers, the actor that told, the timer that fired.
#[tokio::test]
async fn a_guest_is_told_who_called() -> Result<()> {
    let host = probe().await?;
    let mut who = command("who", &Value::Null);
    who.client = "ada".to_owned();
    who.headers = vec![("x-trace".to_owned(), "t-1".to_owned())];
    let view: Value = serde_json::from_slice(&host.actor("a")?.ask(who).await?.payload)?;
    assert_eq!(view.get("note"), Some(&json!("client ada t-1")));
    host.ask("a", "set-timer", json!({ "timer": "t", "in_ms": 0 })).await?;
    eventually("the timer", async || Ok(marks(&host.state("a").await?) == ["t by timer t"])).await?;
    host.ask("a", "log", json!({ "text": "seen" })).await?;
    Ok(())
}
