use anyhow::Result;
use greenroom_host::vocab::Code;
use serde_json::{Value, json};

use super::scene::{command, eventually, get, head, probe, refusal};

/// L53, L54: no event, no tell; its siblings of the same turn are stored.
#[tokio::test]
async fn a_rejected_command_leaves_nothing() -> Result<()> {
    let host = probe().await?;
    host.store.hold_heads();
    let before = host.start_asking("a", command("add", &json!({ "by": 1 })))?;
    let rejected = host.start_asking("a", command("refuse", &Value::Null))?;
    let unknown = host.start_asking("a", command("no-such-command", &Value::Null))?;
    let malformed = host.start_asking("a", command("add", &json!({ "by": "one" })))?;
    let after = host.start_asking("a", command("add", &json!({ "by": 2 })))?;
    eventually("the recovery", async || Ok(host.store.held_heads() == 1)).await?;
    host.store.release_all_heads();

    before.await??;
    after.await??;
    let (code, reason) = refusal(rejected.await?.map_err(Into::into))?;
    assert_eq!(code, Code::Rejected);
    assert!(reason.contains("as-asked"), "{reason}");
    assert_eq!(unknown.await?.map_err(|error| error.code()).err(), Some(Code::UnknownCommand));
    assert_eq!(malformed.await?.map_err(|error| error.code()).err(), Some(Code::MalformedPayload));
    assert_eq!((get(&host, "a").await?, head(&host, "a").await?), (3, 2));

    let host = host.crash().await?;
    assert_eq!((get(&host, "a").await?, head(&host, "told-by-a-rejected-command").await?), (3, 0));
    Ok(())
}
