use anyhow::Result;
use greenroom_host::runtime::Reply;
use greenroom_host::vocab::Code;
use greenroom_kit::TestHost;
use serde_json::json;

use super::scene::{add, command, get, head, passivate, probe, probe_with, refusal};

/// The first reply, again, after passivation, a crash and from a snapshot; another command under it is refused.
#[tokio::test]
async fn an_idempotency_key_is_remembered_across_everything() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    let first = keyed(&host, "key", "add", 10).await?;
    add(&host, "a", 100).await?;
    assert_eq!(keyed(&host, "key", "add", 10).await?, first);
    passivate(&host, "a").await?;
    assert_eq!(keyed(&host, "key", "add", 10).await?, first, "after passivation");
    let host = host.crash().await?;
    assert_eq!(keyed(&host, "key", "add", 10).await?, first, "after a crash");
    host.actor("a")?.snapshot().await?;
    let host = host.crash().await?;
    assert_eq!(keyed(&host, "key", "add", 10).await?, first, "from a snapshot");

    let (code, words) = refusal(keyed(&host, "key", "snapshot", 10).await)?;
    assert_eq!(code, Code::InvalidIdempotencyKey);
    assert!(words.contains("add"), "{words}");
    assert_eq!((get(&host, "a").await?, head(&host, "a").await?), (111, 3));
    Ok(())
}

/// The oldest key is forgotten beyond the limit, live and after a crash alike.
#[tokio::test]
async fn the_window_of_idempotency_keys_is_bounded() -> Result<()> {
    let host = probe_with(|settings| settings.limits.idempotency_keys = 2).await?;
    for key in ["k1", "k2", "k3"] {
        keyed(&host, key, "add", 1).await?;
    }
    let host = host.crash().await?;
    keyed(&host, "k2", "add", 1).await?;
    keyed(&host, "k3", "add", 1).await?;
    assert_eq!(get(&host, "a").await?, 3, "the two newest must be remembered");
    keyed(&host, "k1", "add", 1).await?;
    assert_eq!(get(&host, "a").await?, 4, "the oldest must be forgotten");
    Ok(())
}

async fn keyed(host: &TestHost, key: &str, name: &str, by: u64) -> Result<Reply> {
    Ok(host.actor("a")?.ask(command(name, &json!({ "by": by })).with_idempotency_key(key)).await?)
}
