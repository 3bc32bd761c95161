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
