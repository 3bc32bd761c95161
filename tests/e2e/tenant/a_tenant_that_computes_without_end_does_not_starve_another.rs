use std::time::Duration;

use anyhow::{Result, ensure};
use greenroom_kit::eventually;

use super::fair_share_scene::{Spinners, host, send};

/// Every actor of one tenant spins for the whole call limit, many more of them than calls may run; another tenant's commands
/// are answered meanwhile, more than a hundred of them within one such call.
#[tokio::test]
async fn a_tenant_that_computes_without_end_does_not_starve_another() -> Result<()> {
    let host = host(2, &[("hog", 100), ("victim", 100)], |settings| settings.limits.guest_call_ms = 10_000).await?;
    send(&host, "victim", "v", "add").await?;
    let spinners = Spinners::start(&host, "hog", 16)?;
    eventually("all calls taken by spinners", async || {
        let calls = host.host.guest_calls();
        Ok(calls.running == calls.max && calls.waiting >= 8)
    })
    .await?;
    for _ in 0..150 {
        send(&host, "victim", "v", "add").await?;
    }
    ensure!(spinners.stopped() == 0, "the answers took as long as a whole call of a spinner");
    // An actor that was passive is brought back as well, and the state is read.
    send(&host, "victim", "new", "add").await?;
    let state = host.host.actor(greenroom_host::vocab::Address::new("victim", "hostile", "v")?).state(None).await?;
    ensure!(state.state.get() == "{\"total\":151}", "{}", state.state);
    ensure!(spinners.stopped() == 0, "bringing an actor on stage took as long as a whole call of a spinner");
    drop(spinners);
    // Forced: what spins is not waited for.
    host.host.shutdown(Duration::from_millis(1)).await?;
    Ok(())
}

/// The same on one core: a call that runs gives way to those that have not begun, also of its own tenant.
#[tokio::test]
async fn short_calls_go_on_beside_a_long_one_of_the_same_tenant() -> Result<()> {
    let host = host(1, &[("acme", 100)], |settings| settings.limits.guest_call_ms = 10_000).await?;
    let spinners = Spinners::start(&host, "acme", 1)?;
    eventually("the spinner", async || Ok(host.host.guest_calls().running == 1)).await?;
    for _ in 0..50 {
        send(&host, "acme", "short", "add").await?;
    }
    ensure!(spinners.stopped() == 0, "short calls waited for the long one");
    drop(spinners);
    host.host.shutdown(Duration::from_millis(1)).await?;
    Ok(())
}
