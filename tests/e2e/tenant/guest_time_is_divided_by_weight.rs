use std::time::Duration;

use anyhow::{Result, ensure};
use greenroom_host::runtime::TenantChange;
use greenroom_kit::{TestHost, eventually};

use super::fair_share_scene::{Spinners, host};
use super::scene::tenant;

fn cpu_ms(host: &TestHost, of: &str) -> Result<u64> {
    Ok(host.host.tenant(&tenant(of)?)?.usage.cpu_ms)
}

/// Two tenants that both want all CPU get it one to three by their weights, and the other way round once they are changed.
#[tokio::test]
async fn guest_time_is_divided_by_weight() -> Result<()> {
    let host = host(1, &[("one", 100), ("three", 300)], |settings| settings.limits.guest_call_ms = 300).await?;
    let spinners = (Spinners::start(&host, "one", 4)?, Spinners::start(&host, "three", 4)?);
    for (one, three) in [("one", "three"), ("three", "one")] {
        let before = (cpu_ms(&host, one)?, cpu_ms(&host, three)?);
        let used = || -> Result<(u64, u64)> { Ok((cpu_ms(&host, one)? - before.0, cpu_ms(&host, three)? - before.1)) };
        eventually("two seconds of guest time", async || used().map(|(one, three)| one + three > 2_000)).await?;
        let (less, more) = used()?;
        ensure!(more > less * 2 && more < less * 4, "{one} got {less} ms, {three} got {more} ms");
        for (name, weight) in [(one, 300), (three, 100)] {
            let change = TenantChange { weight: Some(weight), ..TenantChange::default() };
            host.host.change_tenant(&tenant(name)?, &change).await?;
        }
    }
    drop(spinners);
    host.host.shutdown(Duration::from_millis(1)).await?;
    Ok(())
}
