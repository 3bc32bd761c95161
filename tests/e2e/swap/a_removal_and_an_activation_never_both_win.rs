use anyhow::{Result, ensure};
use greenroom_host::runtime::{AskError, RequestError, Whom};
use greenroom_kit::{TestHost, guest};

use super::scene::{activate, add, add_revision, all_there, noted, of, rollout, runs, tight};

/// One of the two comes first, and the other one says so. Whoever wins, actors answer, also after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_and_an_activation_never_both_win() -> Result<()> {
    let mut settings = tight();
    settings.rollout.watch_ms = 0;
    let mut host = TestHost::start("hostile", settings).await?;
    let (tenant, kind) = of("hostile")?;
    let (mut total, mut removed, mut activated) = (add(&host, "a", 1).await?, 0, 0);
    for round in 1..=12 {
        let number = add_revision(&host, "hostile", &noted(guest("hostile")?, round)).await?;
        let (first, second) =
            (activate(&host, "hostile", number, Whom::Now), host.host.remove_revision(&tenant, &kind, number));
        // Who is polled first takes turns.
        let (active, gone) = if round % 2 == 0 {
            tokio::join!(first, second)
        } else {
            let (gone, active) = tokio::join!(second, first);
            (active, gone)
        };
        match (active, gone) {
            (Ok(_), Err(AskError::Request(RequestError::RevisionInUse { revision, .. }))) => {
                ensure!(revision == number);
                activated += 1;
            }
            (Err(AskError::Request(RequestError::UnknownRevision { revision, .. })), Ok(())) => {
                ensure!(revision == number, "revision {revision} is said to be unknown, not {number}");
                removed += 1;
            }
            other => anyhow::bail!("round {round}: {other:?}"),
        }
        all_there(&host, "hostile").await?;
        total += 1;
        assert_eq!(add(&host, "a", 1).await?, total);
        if round % 3 == 0 {
            host = host.crash().await?;
            total += 1;
            assert_eq!(add(&host, "a", 1).await?, total);
        }
    }
    ensure!(runs(&host, "a").await? == rollout(&host, "hostile")?.stable);
    ensure!(activated + removed == 12, "{activated} and {removed}");
    Ok(())
}
