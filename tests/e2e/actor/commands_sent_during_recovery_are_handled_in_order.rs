use anyhow::Result;
use serde_json::{Value, json};

use super::scene::{add, command, eventually, marks, probe};

/// L2, L5: they wait for the end of the recovery, keep their order, and each gets its own reply.
#[tokio::test]
async fn commands_sent_during_recovery_are_handled_in_order() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    let host = host.crash().await?;
    host.store.hold_heads();
    let mut asking = Vec::new();
    for at in 0..50 {
        asking.push(host.start_asking("a", command("mark", &json!({ "text": at.to_string() })))?);
    }
    eventually("the recovery", async || Ok(host.store.held_heads() == 1)).await?;
    host.store.release_all_heads();
    for (at, answer) in asking.into_iter().enumerate() {
        let view: Value = serde_json::from_slice(&answer.await??.payload)?;
        let expected: Vec<_> = (0..=at).map(|at| at.to_string()).collect();
        assert_eq!(marks(&view), expected, "the reply to command {at}");
    }
    Ok(())
}
