use std::sync::Arc;

use anyhow::Result;
use greenroom_host::vocab::Code;
use greenroom_kit::{TestHost, settings};

use super::scene::{add, code, get, probe};

/// L56: two hosts write to one journal; the slower one is refused by the journal, and goes on from what it holds.
#[tokio::test]
async fn another_writer_is_a_conflict_and_the_actor_recovers() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    let other = TestHost::over("probe", Arc::clone(&host.store), settings(), None).await?;
    assert_eq!(add(&other, "a", 10).await?, 11);

    assert_eq!(code(add(&host, "a", 100).await)?, Code::WriteConflict);
    assert_eq!(get(&host, "a").await?, 11, "it must have recovered what the other host wrote");
    assert_eq!(add(&host, "a", 100).await?, 111);
    assert_eq!(code(add(&other, "a", 1_000).await)?, Code::WriteConflict);
    assert_eq!(add(&other, "a", 1_000).await?, 1_111);
    Ok(())
}
