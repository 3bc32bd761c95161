use anyhow::{Context, Result};
use greenroom_host::runtime::Phase;
use greenroom_host::vocab::{Code, Owner};

use super::scene::{FAILURES_MAX, add, get, hostile, phase, recoveries, refused, send, trouble};

/// L35, L55: the failures are told as what they are; then the actor refuses at once, with cause and command, and costs
/// nothing; the others go on. Released, it is as it was.
#[tokio::test]
async fn a_command_that_always_fails_quarantines_its_actor_only() -> Result<()> {
    let host = hostile().await?;
    add(&host, "a", 7).await?;
    for _ in 0..FAILURES_MAX {
        assert_eq!(refused(&host, "a", "trap").await?, Code::GuestTrapped);
    }
    let before = recoveries(&host, "a")?;
    for name in ["get", "trap", "add"] {
        assert_eq!(refused(&host, "a", name).await?, Code::Quarantined);
    }
    assert_eq!(recoveries(&host, "a")?, before, "a quarantined actor was looked up in the store");
    assert_eq!(phase(&host, "a")?, Phase::Quarantined);
    assert_eq!(host.actor("a")?.status().await?.phase, Phase::Quarantined);
    assert_eq!(add(&host, "b", 3).await?, 3, "another actor of the kind");

    let seen = trouble(&host, "a").await?;
    assert_eq!((seen.phase, seen.failures.len()), (Phase::Quarantined, FAILURES_MAX as usize));
    let cause = seen.cause.context("no cause")?;
    assert_eq!((cause.code.as_str(), cause.sequence.map(|at| at.0)), ("GR0040", Some(1)));
    assert!(cause.message.contains("the command traps"), "{}", cause.message);
    assert_eq!(cause.command.context("no command")?.name, "trap");
    let listed = host.host.troubled(&Owner::Host, None, 10)?;
    assert_eq!(listed.iter().map(|actor| actor.key.as_str()).collect::<Vec<_>>(), ["a"]);

    let host = host.crash().await?;
    assert_eq!(refused(&host, "a", "get").await?, Code::Quarantined);
    assert!(host.actor("a")?.retry().await.is_err(), "the command still traps");
    assert_eq!(refused(&host, "a", "get").await?, Code::Quarantined);
    host.actor("a")?.release().await?;
    assert_eq!(get(&host, "a").await?, 7);
    assert_eq!(refused(&host, "a", "trap").await?, Code::GuestTrapped, "it begins anew");
    Ok(())
}

/// A skipped client's command leaves the state alone and is in the list of the dead, payload and all.
#[tokio::test]
async fn a_skipped_command_is_a_dead_letter() -> Result<()> {
    let host = hostile().await?;
    add(&host, "a", 7).await?;
    for _ in 0..FAILURES_MAX {
        assert!(send(&host, "a", "trap", b"{\"x\": 1}").await.is_err());
    }
    host.actor("a")?.skip(&super::scene::operator()).await?;
    assert_eq!(get(&host, "a").await?, 7);
    let host = host.crash().await?;
    let letters = host.host.dead_letters(&greenroom_host::vocab::Tenant::default_tenant(), u64::MAX, 10).await?;
    let [letter] = letters.as_slice() else { anyhow::bail!("{letters:?}") };
    assert_eq!((letter.command.as_str(), letter.reason.label(), letter.code.as_str()), ("trap", "skipped", "GR0040"));
    assert_eq!(letter.payload.as_ref().map(|json| json.get()), Some("{\"x\": 1}"));
    Ok(())
}

/// Failures in a turn of several commands do not count: only the command that fails alone does.
#[tokio::test]
async fn a_batch_with_one_poison_command_counts_once() -> Result<()> {
    let host = hostile().await?;
    add(&host, "a", 1).await?;
    host.actor("a")?.passivate().await?;
    host.store.hold_heads();
    let mut asking = Vec::new();
    for name in ["add", "trap", "add", "get"] {
        let command = greenroom_host::runtime::Command::new(name, 1_u64.to_le_bytes().to_vec());
        asking.push(host.start_asking("a", command)?);
    }
    super::scene::eventually("the recovery", async || Ok(host.store.held_heads() == 1)).await?;
    host.store.release_all_heads();
    let mut codes = Vec::new();
    for answer in asking {
        codes.push(answer.await?.map_err(|error| error.code()).err());
    }
    assert_eq!(codes, [None, Some(Code::GuestTrapped), None, None]);
    assert_eq!(trouble(&host, "a").await?.failures.len(), 1);
    assert_eq!(get(&host, "a").await?, 3);
    Ok(())
}
