use anyhow::Result;
use greenroom_host::vocab::{Code, ErrorKind};
use serde_json::json;

use super::scene::{AppendFault, add, command, get, head, probe};

/// L57: the caller is told that it is not known; a repetition under the same key is applied once, whether or not
/// the first try was stored.
#[tokio::test]
async fn an_unknown_outcome_repeated_under_its_key_is_applied_once() -> Result<()> {
    for fault in [AppendFault::UnknownStored, AppendFault::UnknownLost] {
        let host = probe().await?;
        add(&host, "a", 1).await?;
        host.store.next_appends([fault]);
        let keyed = || command("add", &json!({ "by": 10 })).with_idempotency_key("payment-1");
        let Err(error) = host.actor("a")?.ask(keyed()).await else { anyhow::bail!("{fault:?} was not reported") };
        assert_eq!((error.code(), error.kind()), (Code::OutcomeUnknown, ErrorKind::Unknown));

        let again = host.actor("a")?.ask(keyed()).await?;
        assert_eq!(again.sequence.0, 2, "{fault:?}");
        let once_more = host.actor("a")?.ask(keyed()).await?;
        assert_eq!(once_more, again, "{fault:?}");
        assert_eq!((get(&host, "a").await?, head(&host, "a").await?), (11, 2), "{fault:?}");
    }
    Ok(())
}
