use anyhow::Result;
use greenroom_host::vocab::Code;

use super::scene::{add, add_each, eventually, get, head, probe, refusal};

/// L38: what a provider reports as corruption reaches the caller as corruption, names the place, harms nobody else, and
/// is not remembered when the store has been repaired.
#[tokio::test]
async fn a_corrupt_journal_is_told_as_such() -> Result<()> {
    let host = probe().await?;
    add_each(&host, "a", 3).await?;
    let host = host.crash().await?;
    host.store.corrupt_reads(true);
    let (code, words) = refusal(get(&host, "a").await)?;
    assert_eq!(code, Code::StoreCorrupt);
    assert!(words.contains("frame 1"), "{words}");
    assert_eq!(add(&host, "new", 1).await?, 1);
    host.store.corrupt_reads(false);
    eventually("the repaired actor", async || Ok(get(&host, "a").await.is_ok_and(|total| total == 3))).await?;
    assert_eq!(head(&host, "a").await?, 3);
    Ok(())
}
