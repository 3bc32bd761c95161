use anyhow::{Context, Result};

use super::bomb;
use super::scene::{create_tenant, metric};
use crate::setting::{Stage, guest};

#[test]
fn compile_seconds_are_charged_to_who_deploys() -> Result<()> {
    let mut stage = Stage::with_settings(&[], "limits.compile_ms = 3_000\n")?;
    let spender = create_tenant(&stage, "spender", &["--quota", "compile_seconds=3"])?;
    let other = create_tenant(&stage, "other", &["--quota", "compile_seconds=3"])?;
    spender.deploy("counter", &guest("counter")?)?.ok()?;
    // A component that fails costs what it took.
    assert_eq!(spender.deploy("bomb", &bomb::slow(11))?.code()?, "GR0028");
    let refused = spender.deploy("quick", &bomb::quick(4))?;
    assert_eq!((refused.status, refused.code()?.as_str()), (429, "GR0032"), "{}", refused.text());
    let retry_after_s: u64 = refused.retry_after.as_deref().context("no Retry-After")?.parse()?;
    assert!((100..=3_600).contains(&retry_after_s), "{retry_after_s}");
    assert!(metric(&stage.client, "greenroom_quota_refusals_total", r#"quota="compile_seconds""#)? >= 1.0);
    assert!(metric(&stage.client, "greenroom_tenant_usage", r#"tenant="spender",quota="compile_seconds""#)? >= 3.0);
    // What was compiled before costs nothing, and others are not concerned.
    spender.deploy("again", &guest("counter")?)?.ok()?;
    assert_eq!(other.deploy("quick", &bomb::quick(4))?.code()?, "GR0027");
    let shown = stage.client.get("/v1/spender")?.ok()?.json()?;
    let used = shown.pointer("/usage/compile_seconds").and_then(|used| used.as_u64());
    assert!(used >= Some(3), "{shown}");
    // A server that comes back after a crash knows what was used.
    stage.kill_and_restart()?;
    let again = stage.client.tenant("spender").deploy("quick", &bomb::quick(5))?;
    assert_eq!((again.status, again.code()?.as_str()), (429, "GR0032"), "{}", again.text());
    Ok(())
}
