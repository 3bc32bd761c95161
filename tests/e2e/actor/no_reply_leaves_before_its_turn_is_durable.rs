use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::scene::{command, eventually, probe_with};

/// L45, L48: the output gate. Replies of writers, and of readers that saw what they wrote, leave in order once the
/// appends before them are durable.
#[tokio::test]
async fn no_reply_leaves_before_its_turn_is_durable() -> Result<()> {
    let host = probe_with(|settings| settings.limits.turn_commands = 1).await?;
    host.store.hold_appends();
    let first = host.start_asking("a", command("add", &json!({ "by": 1 })))?;
    let seen = host.start_asking("a", command("get", &Value::Null))?;
    let second = host.start_asking("a", command("add", &json!({ "by": 1 })))?;
    let seen_again = host.start_asking("a", command("get", &Value::Null))?;
    eventually("two appends", async || Ok(host.store.held_appends() == 2)).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let finished = [&first, &seen, &second, &seen_again].map(|asking| asking.is_finished());
    assert_eq!(finished, [false; 4], "a reply passed the gate");

    host.store.release_appends(1);
    let (first, seen) = (first.await??, seen.await??);
    assert_eq!((first.sequence.0, seen.sequence.0), (1, 1));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!second.is_finished() && !seen_again.is_finished(), "a reply passed the second append");
    host.store.release_appends(1);
    let (second, seen_again) = (second.await??, seen_again.await??);
    assert_eq!((second.sequence.0, seen_again.sequence.0), (2, 2));
    Ok(())
}
