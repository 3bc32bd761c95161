use std::time::Duration;

use anyhow::Result;

use super::scene::{appends, eventually, head, hostile, hostile_add, send};

/// A timer can name a command that the running revision does not have. It is struck off once, not tried for ever.
#[tokio::test]
async fn a_timer_whose_command_is_gone_is_dropped() -> Result<()> {
    let host = hostile().await?;
    send(&host, "a", "schedule-unknown", b"").await?;
    eventually("the timer is struck off", async || Ok(head(&host, "a").await? == 2)).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(appends(&host, "a")?, [1, 1], "it was struck off more than once");
    assert_eq!(hostile_add(&host, "a", 7).await?, 7);
    Ok(())
}
