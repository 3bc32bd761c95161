use anyhow::Result;
use greenroom_host::vocab::Code;
use serde_json::{Value, json};

use super::scene::{code, probe_with};

/// L110: timers and undelivered tells beyond the bound are refused; cancelling makes room again.
#[tokio::test]
async fn pending_effects_are_bounded() -> Result<()> {
    let host = probe_with(|settings| settings.limits.pending_effects = 3).await?;
    let set = async |timer: u32| -> Result<Value> {
        host.ask("a", "set-timer", json!({ "timer": timer.to_string(), "in_ms": 3_600_000 })).await
    };
    for timer in 0..3 {
        set(timer).await?;
    }
    assert_eq!(code(set(3).await)?, Code::GuestLimit);
    host.ask("a", "cancel-timer", json!({ "timer": "0" })).await?;
    set(3).await?;
    Ok(())
}

/// The host holds their payloads in memory, so their bytes are bounded too.
#[tokio::test]
async fn pending_effects_are_bounded_in_bytes() -> Result<()> {
    let host = probe_with(|settings| settings.limits.pending_effect_bytes = 100).await?;
    let set = async |timer: &str| -> Result<Value> {
        host.ask("a", "set-timer", json!({ "timer": timer, "in_ms": 3_600_000 })).await
    };
    set("one").await?;
    assert_eq!(code(set(&"x".repeat(90)).await)?, Code::GuestLimit);
    set("two").await?;
    Ok(())
}
