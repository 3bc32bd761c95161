use std::time::Duration;

use anyhow::Result;
use greenroom_host::runtime::{AskError, Command, HostSettings, Phase};
use greenroom_host::vocab::Code;
use greenroom_kit::{Call, TestHost};

use super::scene::{add, add_each, command, eventually, get, head, probe, refusal, settings_with};

/// Long enough for a recovery on a busy machine, short enough to wait for.
const LIMIT_MS: u64 = 1_500;

fn limited(settings: &mut HostSettings) {
    settings.recovery.time_limit_ms = LIMIT_MS;
    settings.limits.concurrent_recoveries = 1;
}

fn asking(
    host: &TestHost,
    key: &str,
) -> Result<tokio::task::JoinHandle<Result<greenroom_host::runtime::Reply, AskError>>> {
    host.start_asking(key, Command::new("get", Vec::new()))
}

/// L31, L32, L42: a store that does not answer is waited for only so long; who waits for a permit meanwhile loses none
/// of its time; what the store says too late reaches nobody.
#[tokio::test]
async fn a_store_that_hangs_ends_the_recovery_and_not_that_of_who_waits() -> Result<()> {
    let host = probe().await?;
    add_each(&host, "a", 3).await?;
    add_each(&host, "b", 4).await?;
    let host = host.crash_into(settings_with(limited)).await?;
    host.store.hold_reads();
    let first = asking(&host, "a")?;
    eventually("the read", async || Ok(host.store.held_reads() == 1)).await?;
    let second = asking(&host, "b")?;
    eventually("the queue", async || Ok(host.actor("b")?.phase() == Phase::WaitingForPermit)).await?;

    let (code, words) = refusal(first.await?.map_err(Into::into))?;
    assert_eq!(code, Code::RecoveryOutOfTime);
    assert!(words.contains("0 of 3 events"), "{words}");
    host.store.release_all_reads();
    let reply = second.await??;
    assert_eq!(reply.sequence.0, 4, "the wait for the permit was taken from its recovery");

    // The late answer of the first read has nobody to go to: the next recovery reads for itself.
    host.store.forget_calls();
    eventually("the next try", async || Ok(get(&host, "a").await.is_ok_and(|total| total == 3))).await?;
    let id = host.id("a")?;
    assert_eq!(host.store.count(|call| matches!(call, Call::Read(actor, ..) if *actor == id)), 1);
    assert_eq!((add(&host, "a", 1).await?, head(&host, "a").await?), (4, 4));
    Ok(())
}

/// L31: the same if not even the head of the journal is known; a kind may have a limit of its own.
#[tokio::test]
async fn the_limit_holds_from_the_first_question_and_per_kind() -> Result<()> {
    let host = probe().await?;
    add(&host, "a", 1).await?;
    let own = greenroom_host::runtime::KindSettings {
        recovery: Some(greenroom_host::runtime::RecoverySettings { time_limit_ms: 100 }),
        ..Default::default()
    };
    let host = host.crash_into(settings_with(|settings| drop(settings.kinds.insert("probe".to_owned(), own)))).await?;
    host.store.hold_heads();
    let asking = host.start_asking("a", command("add", &serde_json::json!({ "by": 1 })))?;
    let told = tokio::time::timeout(Duration::from_secs(20), asking).await??;
    assert_eq!(told.map_err(|error| error.code()).err(), Some(Code::RecoveryOutOfTime));
    host.store.release_all_heads();
    eventually("the next try", async || Ok(get(&host, "a").await.is_ok_and(|total| total == 1))).await?;
    assert_eq!(head(&host, "a").await?, 1, "the refused command must not have been handled");
    Ok(())
}
