use anyhow::Result;
use serde_json::Value;

use super::scene::{add, probe};

/// L51: accepted without an event, read-only, and read-only on an actor that never stored anything.
#[tokio::test]
async fn a_command_without_events_never_calls_the_store() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    host.store.forget_calls();
    for name in ["nothing", "get", "who", "now"] {
        host.ask("a", name, Value::Null).await?;
    }
    assert_eq!(host.store.calls(), [], "a running actor without events must leave the store alone");
    host.ask("new", "nothing", Value::Null).await?;
    let id = host.id("new")?;
    assert_eq!(host.store.inner().head(id).await?.sequence.0, 0);
    assert_eq!(host.store.count(|call| matches!(call, greenroom_kit::Call::Append(..))), 0);
    Ok(())
}
