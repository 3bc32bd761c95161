use anyhow::Result;
use greenroom_host::runtime::Command;
use greenroom_host::vocab::Code;

use super::scene::{hostile, hostile_add};

/// L100: an endless loop, a memory bomb and endless recursion end in typed errors, while other actors keep answering.
#[tokio::test]
async fn a_guest_over_its_bounds_harms_only_itself() -> Result<()> {
    let host = hostile().await?;
    hostile_add(&host, "good", 1).await?;
    for (name, expected) in [
        ("loop", Code::GuestOutOfTime),
        ("bomb-memory", Code::GuestOutOfMemory),
        ("recurse", Code::GuestTrapped),
        ("large-reply", Code::GuestLimit),
    ] {
        hostile_add(&host, name, 5).await?;
        let attack = host.start_asking(name, Command::new(name, Vec::new()))?;
        let mut answered = 0;
        while !attack.is_finished() || answered < 10 {
            hostile_add(&host, "good", 1).await?;
            answered += 1;
        }
        assert_eq!(attack.await?.map_err(|error| error.code()).err(), Some(expected), "{name}");
        assert_eq!(hostile_add(&host, name, 1).await?, 6, "{name}: its state must be what was stored");
    }
    Ok(())
}
