use anyhow::Result;
use greenroom_host::vocab::Code;
use serde_json::Value;

use super::scene::{add, code, get, head, probe};

/// L45, L46: events are applied in the turn that appends them; one at which `apply` panics takes its turn with it.
#[tokio::test]
async fn an_event_that_cannot_be_applied_is_never_stored() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 2).await?;
    assert_eq!(code(host.ask("a", "poison", Value::Null).await)?, Code::GuestTrapped);
    assert_eq!((get(&host, "a").await?, head(&host, "a").await?), (2, 1));
    assert_eq!(get(&host.crash().await?, "a").await?, 2, "the actor must be recoverable");
    Ok(())
}
