use anyhow::Result;
use greenroom_host::vocab::Code;

use super::scene::{head, hostile, hostile_add, refusal, send};

/// L20: what was drawn while the events were appended cannot be drawn again, so it is refused and not answered
/// otherwise. The journal is untouched: code that does not draw brings the actor back.
#[tokio::test]
async fn a_guest_that_draws_random_numbers_in_replay_is_refused() -> Result<()> {
    let host = hostile().await?;
    for _ in 0..3 {
        hostile_add(&host, "random-in-replay", 1).await?;
    }
    let host = host.crash().await?;
    let (code, words) = refusal(send(&host, "random-in-replay", "get", &[]).await.map_err(Into::into))?;
    assert_eq!(code, Code::ReplayFailed);
    assert!(words.contains("random number"), "{words}");
    assert_eq!(head(&host, "random-in-replay").await?, 3);
    assert_eq!(hostile_add(&host, "good", 2).await?, 2);
    Ok(())
}
