use std::sync::Arc;

use anyhow::Result;
use greenroom_host::vocab::{Clock, Code, ManualClock, Timestamp};
use greenroom_kit::TestHost;

use super::scene::{hostile_add, hostile_settings, passivate, refusal, send};

/// L25, L26, L35: an error names its event, a trap its batch, a loop ends by the limit of replay; the others go on.
#[tokio::test]
async fn a_failure_in_replay_names_the_event() -> Result<()> {
    // One time for all events: this guest reads clocks, so a replay batch ends where the time changes.
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp(1_000)));
    let host = TestHost::start_with_clock("hostile", hostile_settings(), clock).await?;
    for (key, expected) in [("refuse-second-event", "event 2"), ("trap-in-replay", "1 to 3")] {
        for _ in 0..3 {
            hostile_add(&host, key, 1).await?;
        }
        passivate(&host, key).await?;
        let (code, words) = refusal(send(&host, key, "get", &[]).await.map_err(Into::into))?;
        assert_eq!(code, Code::ReplayFailed, "{key}");
        assert!(words.contains(expected), "{key}: {words}");
    }
    let (code, _) = refusal(send(&host, "loop-in-recovered", "get", &[]).await.map_err(Into::into))?;
    assert_eq!(code, Code::GuestOutOfTime);
    assert_eq!(hostile_add(&host, "good", 2).await?, 2);
    Ok(())
}
