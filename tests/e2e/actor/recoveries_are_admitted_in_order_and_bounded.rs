use anyhow::Result;
use greenroom_host::runtime::Phase;
use greenroom_kit::Call;
use serde_json::Value;

use super::scene::{command, eventually, probe_with};

/// L39, L40: never more than the limit at once; who waits is served in the order of arrival.
#[tokio::test]
async fn recoveries_are_admitted_in_order_and_bounded() -> Result<()> {
    let host = probe_with(|settings| settings.limits.concurrent_recoveries = 2).await?;
    host.store.hold_heads();
    let keys = ["a", "b", "c", "d", "e"];
    let mut asking = Vec::new();
    for (at, key) in (1..).zip(keys) {
        asking.push(host.start_asking(key, command("get", &Value::Null))?);
        if at <= 2 {
            eventually("a recovery", async || Ok(host.store.held_heads() == at)).await?;
        } else {
            let waits = async || Ok(host.actor(key)?.phase() == Phase::WaitingForPermit);
            eventually("a place in the queue", waits).await?;
        }
    }
    assert_eq!(host.store.held_heads(), 2, "more recoveries than the limit allows");
    for done in 1..=3 {
        host.store.release_heads(1);
        eventually("the next in line", async || Ok(host.store.calls().len() == 2 + done)).await?;
        eventually("two again", async || Ok(host.store.held_heads() == 2)).await?;
    }
    host.store.release_all_heads();
    for answer in asking {
        answer.await??;
    }
    let mut expected = Vec::new();
    for key in keys {
        expected.push(Call::Head(host.id(key)?));
    }
    assert_eq!(host.store.calls(), expected);
    Ok(())
}
