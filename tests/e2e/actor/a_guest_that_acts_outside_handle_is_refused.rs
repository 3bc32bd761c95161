use anyhow::Result;
use greenroom_host::vocab::Code;

use super::scene::{head, hostile, hostile_add, passivate, send};

/// L19, L21: effects in `start` and in replay end the recovery with a typed error; the journal stays as it is.
#[tokio::test]
async fn a_guest_that_acts_outside_handle_is_refused() -> Result<()> {
    let host = hostile().await?;
    let started = send(&host, "effect-in-start", "add", &[]).await;
    assert_eq!(started.map_err(|error| error.code()).err(), Some(Code::InvalidOutcome));

    hostile_add(&host, "effect-in-replay", 1).await?;
    passivate(&host, "effect-in-replay").await?;
    let replayed = send(&host, "effect-in-replay", "add", &[]).await;
    assert_eq!(replayed.map_err(|error| error.code()).err(), Some(Code::ReplayFailed));
    assert_eq!((head(&host, "effect-in-start").await?, head(&host, "effect-in-replay").await?), (0, 1));
    Ok(())
}
