use anyhow::Result;
use greenroom_host::runtime::OnFull;
use greenroom_host::vocab::Code;
use serde_json::json;

use super::scene::{add, command, eventually, get, probe_with};

/// L61, L67: over the bound a command is refused at once, or its sender waits; those inside are not harmed.
#[tokio::test]
async fn a_full_mailbox_refuses_or_holds_back() -> Result<()> {
    let host = probe_with(|settings| settings.limits.mailbox_commands = 4).await?;
    add(&host, "a", 1).await?;
    let host = host.crash().await?;
    host.store.hold_heads();
    let one = || command("add", &json!({ "by": 1 }));
    let mut inside = Vec::new();
    for _ in 0..4 {
        inside.push(host.start_asking("a", one())?);
    }
    eventually("the recovery", async || Ok(host.store.held_heads() == 1)).await?;
    let refused = host.actor("a")?.ask(one()).await;
    assert_eq!(refused.map_err(|error| error.code()).err(), Some(Code::MailboxFull));

    let mut waiting = one();
    waiting.on_full = OnFull::Wait;
    let waiting = host.start_asking("a", waiting)?;
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    assert!(!waiting.is_finished());
    host.store.release_all_heads();
    for answer in inside {
        answer.await??;
    }
    waiting.await??;
    assert_eq!(get(&host, "a").await?, 6);
    Ok(())
}
