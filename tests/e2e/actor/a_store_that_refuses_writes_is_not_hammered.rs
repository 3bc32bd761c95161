use std::time::Duration;

use anyhow::Result;
use greenroom_host::vocab::Code;
use greenroom_kit::Call;

use super::scene::{AppendFault, add, code, eventually, get, probe};

/// L55: every lost append costs a recovery; when they keep being lost, the recoveries come slower and slower. A tell
/// that cannot be struck off must not keep the host busy meanwhile.
#[tokio::test]
async fn a_store_that_refuses_writes_is_not_hammered() -> Result<()> {
    let host = probe().await?;
    host.ask("sender", "tell-add", serde_json::json!({ "key": "receiver", "by": 1 })).await?;
    eventually("the tell", async || Ok(get(&host, "receiver").await? == 1)).await?;
    let host = host.crash().await?;
    add(&host, "a", 1).await?;
    host.store.forget_calls();
    host.store.next_appends([AppendFault::Failed; 1_000]);
    let sender = host.id("sender")?;
    get(&host, "sender").await?;
    for _ in 0..4 {
        assert_eq!(code(add(&host, "a", 1).await)?, Code::StoreFailed);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let recoveries = host.store.count(|call| *call == Call::Head(sender));
    assert!(recoveries < 20, "{recoveries} recoveries of an actor that nobody called");
    host.store.forget_faults();
    eventually("the store to work again", async || Ok(add(&host, "a", 1).await.is_ok())).await?;
    assert_eq!(get(&host, "a").await?, 2);
    Ok(())
}
