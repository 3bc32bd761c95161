use anyhow::{Result, ensure};
use greenroom_host::vocab::{Sequence, Tenant};
use greenroom_kit::{TestHost, settings};
use serde_json::json;

/// Instances that only look, of one tenant at the same time.
const LOOKS: u64 = 8;
const FEEDS: usize = 64;
/// More than fit between a feed and its reader.
const EVENTS: u64 = 300;

/// What renders events takes a place among those who look, however many read them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_feeds_hold_few_instances() -> Result<()> {
    let host = TestHost::start("probe", settings()).await?;
    host.ask("a", "many", json!({ "count": EVENTS })).await?;
    let used = || -> Result<u64> { Ok(host.host.tenant(&Tenant::default_tenant())?.usage.memory_bytes) };
    let each = used()?;
    host.actor("a")?.passivate().await?;
    ensure!(used()? == 0);
    let mut readers = Vec::new();
    for _ in 0..FEEDS {
        let mut feed = host.actor("a")?.events(Sequence::ZERO, EVENTS, false).await?;
        readers.push(tokio::spawn(async move {
            let mut count = 0_u64;
            while feed.next().await?.is_some() {
                count += 1;
            }
            anyhow::Ok(count)
        }));
    }
    let (mut most, mut looks) = (0, 0_u32);
    while readers.iter().any(|reader| !reader.is_finished()) {
        most = most.max(used()?);
        looks += 1;
        tokio::task::yield_now().await;
    }
    ensure!(most <= LOOKS * each, "{most} bytes are more than {LOOKS} instances of {each}");
    ensure!(looks > 10 && most > 0, "nobody was seen at work");
    for reader in readers {
        ensure!(reader.await?? == EVENTS);
    }
    Ok(())
}
