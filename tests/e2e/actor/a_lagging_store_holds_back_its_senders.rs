use anyhow::{Result, ensure};
use greenroom_host::vocab::Code;
use serde_json::json;

use super::scene::{add, command, eventually, get, head, probe_with};

const PIPELINED: u32 = 4;
const MAILBOX: u32 = 8;

/// L67: while the store acknowledges nothing, so many turns and so many commands wait, and no more; every other sender
/// is told at once, and nothing of theirs is stored. Those who waited are served when the store goes on.
#[tokio::test]
async fn a_lagging_store_holds_back_its_senders() -> Result<()> {
    let host = probe_with(|settings| {
        settings.limits.turn_commands = 1;
        settings.limits.pipelined_turns = PIPELINED;
        settings.limits.mailbox_commands = MAILBOX;
    })
    .await?;
    add(&host, "a", 1).await?;
    host.store.hold_appends();
    let mut waiting = Vec::new();
    let mut refused = 0;
    // One by one, so that the mailbox is full because the store lags and for no other reason.
    while refused < 50 {
        let asking = host.start_asking("a", command("add", &json!({ "by": 1 })))?;
        eventually("a refusal, or a place", async || {
            let mailbox = host.actor("a")?.status().await?.mailbox as u64;
            let placed = host.store.held_appends() + mailbox;
            Ok(asking.is_finished() || placed > waiting.len() as u64)
        })
        .await?;
        if asking.is_finished() {
            assert_eq!(asking.await?.map_err(|error| error.code()).err(), Some(Code::MailboxFull));
            refused += 1;
        } else {
            waiting.push(asking);
        }
    }
    let inside = waiting.len() as u64;
    assert_eq!(host.store.held_appends(), u64::from(PIPELINED));
    ensure!(inside <= u64::from(PIPELINED + MAILBOX), "{inside} commands are held in memory");

    host.store.release_all_appends();
    for answer in waiting {
        answer.await??;
    }
    assert_eq!((get(&host, "a").await?, head(&host, "a").await?), (inside + 1, inside + 1));
    Ok(())
}
