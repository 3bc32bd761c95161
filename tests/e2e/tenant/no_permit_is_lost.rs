use std::time::Duration;

use anyhow::{Result, ensure};
use greenroom_kit::eventually;

use super::fair_share_scene::{Spinners, calls_become, host, send};

/// Traps, time limits, actors that cannot start or be captured, askers that leave, and states that cannot be read: afterwards
/// nobody holds a permit or waits for one, and a call is let in. With one permit, the first that somebody is given and
/// does not look at holds up everybody.
#[tokio::test]
async fn no_permit_is_lost_whatever_guests_do() -> Result<()> {
    let tenants = [("a", 100), ("b", 1), ("c", 1_000)];
    let host = host(1, &tenants, |settings| {
        settings.limits.guest_call_ms = 60;
        settings.limits.guest_replay_ms = 60;
        settings.limits.concurrent_recoveries = 2;
    })
    .await?;
    let keys = ["plain", "loop-in-start", "trap-in-start", "refuse-start", "loop-in-capture", "loop-in-recovered"];
    let commands = ["add", "loop", "trap", "recurse", "bomb-memory", "add", "huge-reply", "unsorted-ends"];
    let mut asking = Vec::new();
    for (tenant, _) in tenants {
        for key in keys {
            for (at, command) in commands.into_iter().enumerate() {
                let address = greenroom_host::vocab::Address::new(tenant, "hostile", key)?;
                let actor = host.host.actor(address);
                let ask = tokio::spawn(async move {
                    let command = greenroom_host::runtime::Command::new(command, Vec::new());
                    if at % 3 == 0 {
                        // Leaves before the answer.
                        let _left = tokio::time::timeout(Duration::from_millis(5), actor.ask(command)).await;
                    } else {
                        let _any = actor.ask(command).await;
                    }
                    if at % 2 == 0 {
                        let _any = actor.snapshot().await;
                        let _any = actor.state(None).await;
                    }
                });
                asking.push(ask);
            }
        }
    }
    for ask in asking {
        ask.await?;
    }
    calls_become(&host, 0, 0).await?;
    for (tenant, _) in tenants {
        send(&host, tenant, "afterwards", "add").await?;
    }
    calls_become(&host, 0, 0).await
}

/// A forced shutdown drops activations in the middle of their waits; calls under way end by themselves.
#[tokio::test]
async fn no_permit_is_lost_in_a_forced_shutdown() -> Result<()> {
    let host = host(1, &[("a", 100), ("b", 100)], |settings| settings.limits.guest_call_ms = 1_000).await?;
    let spinners = (Spinners::start(&host, "a", 8)?, Spinners::start(&host, "b", 8)?);
    eventually("many that wait", async || Ok(host.host.guest_calls().waiting >= 8)).await?;
    host.host.shutdown(Duration::from_millis(1)).await?;
    drop(spinners);
    ensure!(!host.host.is_ready(), "the host still takes commands");
    calls_become(&host, 0, 0).await
}
