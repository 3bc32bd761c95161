use anyhow::Result;
use greenroom_host::vocab::Code;
use serde_json::{Value, json};

use super::scene::{AppendFault, add, code, command, eventually, get, head, probe};

/// L47, L55: what ran ahead of a failed append is gone, and nobody was told of it.
#[tokio::test]
async fn a_read_behind_a_failed_append_is_not_told_of_lost_state() -> Result<()> {
    for (fault, expected) in [
        (AppendFault::Failed, Code::StoreFailed),
        (AppendFault::Rejected, Code::StoreFailed),
        (AppendFault::UnknownLost, Code::OutcomeUnknown),
    ] {
        let host = probe().await?;
        add(&host, "a", 1).await?;
        host.store.hold_appends();
        host.store.next_appends([fault]);
        let adding = host.start_asking("a", command("add", &json!({ "by": 10 })))?;
        eventually("the append", async || Ok(host.store.held_appends() == 1)).await?;
        let reading = host.start_asking("a", command("get", &Value::Null))?;
        let repeated = host.start_asking("a", command("nothing", &Value::Null))?;
        // Time for both to reach the gate; the outcome is the same if they do not.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        host.store.release_all_appends();

        assert_eq!(code(adding.await?.map_err(Into::into))?, expected, "{fault:?}");
        // Either it waited at the gate and shares the fate of the append, or it came later and sees what is durable.
        for answer in [reading.await?, repeated.await?] {
            match answer {
                Err(error) => assert_eq!(error.code(), expected, "{fault:?}"),
                Ok(reply) => {
                    let view: Value = serde_json::from_slice(&reply.payload)?;
                    assert_eq!(view.get("total"), Some(&json!(1)), "{fault:?}: it was told of a lost event");
                }
            }
        }
        assert_eq!((get(&host, "a").await?, head(&host, "a").await?), (1, 1), "{fault:?}");
        assert_eq!(add(&host, "a", 2).await?, 3, "{fault:?}: the next command must work");
    }
    Ok(())
}
