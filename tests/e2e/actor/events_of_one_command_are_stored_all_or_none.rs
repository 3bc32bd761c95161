use anyhow::Result;
use greenroom_host::vocab::Code;
use serde_json::json;

use super::scene::{AppendFault, appends, code, get, head, probe, total};

/// L50: one append for all; the reply sees the state after all; a failed one leaves none.
#[tokio::test]
async fn events_of_one_command_are_stored_all_or_none() -> Result<()> {
    let host = probe().await?;
    let reply = host.ask("a", "many", json!({ "count": 500 })).await?;
    assert_eq!((total(&reply)?, head(&host, "a").await?), (500, 500));
    assert_eq!(appends(&host, "a")?, [500]);

    host.store.next_appends([AppendFault::Failed]);
    assert_eq!(code(host.ask("a", "many", json!({ "count": 7 })).await)?, Code::StoreFailed);
    assert_eq!((get(&host, "a").await?, head(&host, "a").await?), (500, 500));
    Ok(())
}
