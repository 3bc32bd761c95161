use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use greenroom_host::runtime::{Command, HeldView, Whom};
use greenroom_host::vocab::{Clock, ManualClock, Timestamp};
use greenroom_kit::{TestHost, guest};

use crate::rehearsal::{KIND, version};
use serde_json::json;

use super::scene::{
    a_moment, activate, add, add_revision, all_there, bad, eventually, noted, passivate, rollout, runs, send, tight,
};

async fn host() -> Result<TestHost> {
    TestHost::start("hostile", tight()).await
}

/// The entry of an actor among those that are held.
fn held<'a>(held: &'a [HeldView], key: &str) -> Result<&'a HeldView> {
    held.iter().find(|held| held.key == key).with_context(|| format!("{key} is not held: {held:?}"))
}

/// Activates a revision that is bad in this way: a live actor and a passive one stay on the old code, answer, keep their
/// state, and say why.
async fn stays(mode: &str, word: &str) -> Result<()> {
    let host = host().await?;
    add(&host, "live", 1).await?;
    add(&host, "passive", 1).await?;
    passivate(&host, "passive").await?;
    let revision = add_revision(&host, "hostile", &bad(mode)?).await?;
    assert_eq!((revision, runs(&host, "live").await?), (2, 1), "added is not activated");
    activate(&host, "hostile", 2, Whom::Now).await?;
    let after = all_there(&host, "hostile").await?;
    let of_live = held(&after.held, "live")?;
    assert_eq!((of_live.refused, of_live.on), (2, 1), "{mode}");
    ensure!(of_live.reason.contains(word) && !of_live.code.is_empty(), "{mode}: {of_live:?}");
    assert_eq!((add(&host, "live", 1).await?, runs(&host, "live").await?), (2, 1), "{mode}");
    assert_eq!((add(&host, "passive", 1).await?, runs(&host, "passive").await?), (2, 1), "{mode}");
    held(&rollout(&host, "hostile")?.held, "passive")?;
    // It is not tried again by the next activation, and a crash does not brick it.
    let tried = rollout(&host, "hostile")?.failed;
    passivate(&host, "live").await?;
    assert_eq!((add(&host, "live", 1).await?, rollout(&host, "hostile")?.failed), (3, tried));
    let host = host.crash().await?;
    assert_eq!((add(&host, "live", 1).await?, runs(&host, "live").await?), (4, 1), "{mode}, after a crash");
    Ok(())
}

#[tokio::test]
async fn one_that_traps_in_start_leaves_its_actors_where_they_are() -> Result<()> {
    stays("trap-in-start", "start").await
}

#[tokio::test]
async fn one_that_hangs_in_start_leaves_its_actors_where_they_are() -> Result<()> {
    stays("loop-in-start", "300 ms").await
}

#[tokio::test]
async fn one_that_traps_in_recovered_leaves_its_actors_where_they_are() -> Result<()> {
    stays("trap-in-recovered", "").await
}

#[tokio::test]
async fn one_that_hangs_in_recovered_leaves_its_actors_where_they_are() -> Result<()> {
    stays("loop-in-recovered", "300 ms").await
}

#[tokio::test]
async fn one_that_grows_past_its_memory_leaves_its_actors_where_they_are() -> Result<()> {
    stays("grow-in-start", "memory").await
}

/// With nothing to handle, a live actor's new code must be able to say what its state is.
async fn live_stays(mode: &str) -> Result<()> {
    let host = host().await?;
    add(&host, "a", 1).await?;
    add_revision(&host, "hostile", &bad(mode)?).await?;
    activate(&host, "hostile", 2, Whom::Now).await?;
    let after = all_there(&host, "hostile").await?;
    assert_eq!(held(&after.held, "a")?.on, 1, "{mode}");
    assert_eq!((add(&host, "a", 1).await?, runs(&host, "a").await?), (2, 1), "{mode}");
    Ok(())
}

#[tokio::test]
async fn one_that_cannot_say_what_its_state_is_leaves_live_actors_where_they_are() -> Result<()> {
    for mode in ["trap-in-capture", "loop-in-capture", "large-capture"] {
        live_stays(mode).await?;
    }
    Ok(())
}

/// The answer of an earlier handling, a timer, and a tell that is under way while the new code hangs: all of it is the host's.
#[tokio::test]
async fn a_swap_that_fails_takes_nothing_from_what_the_host_keeps() -> Result<()> {
    // The guest's timer is set for the moment 5,000.
    let clock = Arc::new(ManualClock::new(Timestamp(4_950)));
    let host =
        TestHost::start_with_clock("hostile", tight(), Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>).await?;
    let by = |by: u64| by.to_le_bytes().to_vec();
    let seven = by(7);
    let once = || Command { idempotency_key: Some("once".to_owned()), ..Command::new("add", by(1)) };
    let first = host.actor("a")?.ask(once()).await?;
    send(&host, "a", "schedule", &by(100)).await?;
    add_revision(&host, "hostile", &bad("loop-in-capture")?).await?;
    // The receiver is busy for as long as the new code hangs.
    let other = host.actor("other")?;
    let busy = tokio::spawn(async move { other.ask(Command::new("loop", Vec::new())).await });
    a_moment().await;
    send(&host, "a", "tell", &seven).await?;
    activate(&host, "hostile", 2, Whom::Now).await?;
    held(&all_there(&host, "hostile").await?.held, "a")?;
    ensure!(busy.await?.is_err(), "it loops");
    let again = host.actor("a")?.ask(once()).await?;
    assert_eq!((again.payload, again.sequence), (first.payload, first.sequence), "handled once, answered twice");
    let total = async |key: &str| anyhow::Ok(send(&host, key, "get", &[]).await?);
    assert_eq!(total("a").await?, by(1), "the timer waits for its time");
    clock.advance_ms(51);
    eventually("the tell to arrive", async || Ok(total("other").await? == seven)).await?;
    eventually("the timer to fire in the old code", async || Ok(total("a").await? == by(101))).await?;
    assert_eq!(runs(&host, "a").await?, 1);
    let host = host.crash().await?;
    assert_eq!(add(&host, "a", 1).await?, 102, "the timer has fired once");
    a_moment().await;
    assert_eq!(send(&host, "other", "get", &[]).await?, seven, "the tell was handled once");
    Ok(())
}

/// A first turn that fails in the new code is handled by the old one: its callers notice nothing.
#[tokio::test]
async fn a_first_turn_that_fails_is_handled_by_the_old_code() -> Result<()> {
    for mode in ["trap-in-handle", "loop-in-handle"] {
        let host = host().await?;
        add(&host, "a", 1).await?;
        add_revision(&host, "hostile", &bad(mode)?).await?;
        let busy = async {
            let mut total = 1;
            while held(&rollout(&host, "hostile")?.held, "a").is_err() {
                let next = add(&host, "a", 1).await?;
                ensure!(next == total + 1, "{mode}: {total}, then {next}");
                total = next;
            }
            Ok(total)
        };
        let swap = async {
            activate(&host, "hostile", 2, Whom::Now).await?;
            anyhow::Ok(())
        };
        // The actor is never without a command for long; if it changed over in a quiet moment, it failed after that.
        let (total, activated) = tokio::join!(tokio::time::timeout(std::time::Duration::from_secs(20), busy), swap);
        activated?;
        match total {
            Ok(Ok(total)) => assert_eq!((add(&host, "a", 1).await?, runs(&host, "a").await?), (total + 1, 1), "{mode}"),
            Ok(Err(error)) => ensure!(format!("{error:#}").contains("stored"), "{error:#}"),
            Err(_) => anyhow::bail!("{mode}: neither held nor failed"),
        }
    }
    Ok(())
}

/// Code that refuses the state is given the journal; with its history deleted there is nothing to give.
#[tokio::test]
async fn one_that_refuses_the_state_replays_or_leaves_its_actors_where_they_are() -> Result<()> {
    let mut settings = tight();
    settings.retention.keep_snapshots = 1;
    settings.retention.delete_events = true;
    let host = TestHost::start("hostile", settings).await?;
    add(&host, "whole", 5).await?;
    add(&host, "cut", 5).await?;
    host.actor("cut")?.snapshot().await?;
    eventually("the events to be deleted", async || Ok(host.actor("cut")?.status().await?.deleted_through.0 == 1))
        .await?;
    add_revision(&host, "hostile", &bad("refuse-state")?).await?;
    activate(&host, "hostile", 2, Whom::Now).await?;
    let after = all_there(&host, "hostile").await?;
    assert_eq!((add(&host, "whole", 1).await?, runs(&host, "whole").await?), (6, 2));
    assert_eq!((add(&host, "cut", 1).await?, runs(&host, "cut").await?), (6, 1));
    ensure!(held(&after.held, "cut")?.reason.contains("deleted"), "{:?}", after.held);
    Ok(())
}

/// Code that cannot replay is found where it must: at an actor that it has to bring back from its journal.
#[tokio::test]
async fn one_that_cannot_replay_leaves_passive_actors_where_they_are() -> Result<()> {
    // The last one would fold the same journal into another state each time.
    for mode in ["trap-in-replay", "loop-in-replay", "random-in-replay"] {
        let host = host().await?;
        add(&host, "a", 1).await?;
        passivate(&host, "a").await?;
        add_revision(&host, "hostile", &bad(mode)?).await?;
        activate(&host, "hostile", 2, Whom::Now).await?;
        assert_eq!((add(&host, "a", 1).await?, runs(&host, "a").await?), (2, 1), "{mode}");
        assert_eq!(held(&rollout(&host, "hostile")?.held, "a")?.refused, 2, "{mode}");
    }
    Ok(())
}

/// Code that would bring an actor back, but not within the time that this may take.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_slower_than_a_recovery_may_be_leaves_passive_actors_where_they_are() -> Result<()> {
    let mut settings = tight();
    settings.recovery.time_limit_ms = 300;
    settings.limits.replay_batch_events = 10;
    settings.snapshots.every_events = 0;
    settings.snapshots.on_passivation = false;
    let host = TestHost::start(KIND, settings).await?;
    host.ask("a", "many", json!({ "count": 2_000 })).await?;
    passivate(&host, "a").await?;
    add_revision(&host, KIND, &version("is-slow")?).await?;
    activate(&host, KIND, 2, Whom::Now).await?;
    assert_eq!(host.ask("a", "add", json!({ "by": 1 })).await?, json!({ "total": 2_001, "marks": 0 }));
    assert_eq!(runs(&host, "a").await?, 1);
    let rollout = rollout(&host, KIND)?;
    ensure!(held(&rollout.held, "a")?.reason.contains("300 ms"), "{:?}", rollout.held);
    Ok(())
}

/// A command that fails in any code is nobody's fault but its own: the actor may be tried again.
#[tokio::test]
async fn a_poison_command_in_the_first_turn_is_not_held_against_the_candidate() -> Result<()> {
    let host = host().await?;
    add(&host, "a", 1).await?;
    add_revision(&host, "hostile", &noted(guest("hostile")?, 1)).await?;
    let poison = async {
        for _ in 0..50 {
            let _failed = send(&host, "a", "trap", &[]).await;
        }
        anyhow::Ok(())
    };
    let (sent, activated) = tokio::join!(poison, activate(&host, "hostile", 2, Whom::Now));
    sent?;
    activated?;
    let after = all_there(&host, "hostile").await?;
    assert_eq!((after.held_actors, add(&host, "a", 1).await?, runs(&host, "a").await?), (0, 2, 2));
    Ok(())
}

/// An operator who activates anew has it tried again.
#[tokio::test]
async fn a_held_actor_is_tried_again_when_somebody_activates_anew() -> Result<()> {
    let host = host().await?;
    add(&host, "a", 1).await?;
    add_revision(&host, "hostile", &bad("trap-in-start")?).await?;
    activate(&host, "hostile", 2, Whom::Now).await?;
    assert_eq!(all_there(&host, "hostile").await?.held_actors, 1);
    assert_eq!(add_revision(&host, "hostile", &noted(guest("hostile")?, 2)).await?, 3);
    activate(&host, "hostile", 3, Whom::Now).await?;
    let after = all_there(&host, "hostile").await?;
    assert_eq!((after.held_actors, runs(&host, "a").await?, add(&host, "a", 1).await?), (0, 3, 2));
    Ok(())
}

/// A candidate with events of its own that cannot replay older ones: what it took over is stored before it appends anything,
/// so that a crash does not leave a journal that no revision reads.
#[tokio::test]
async fn one_that_cannot_replay_what_it_took_over_comes_back_from_that() -> Result<()> {
    let host = host().await?;
    add(&host, "a", 1).await?;
    add(&host, "a", 1).await?;
    add_revision(&host, "hostile", &bad("forgetful")?).await?;
    activate(&host, "hostile", 2, Whom::Now).await?;
    all_there(&host, "hostile").await?;
    assert_eq!(runs(&host, "a").await?, 2, "it reads the state, and changed over");
    let snapshots = host.store.inner().list_snapshots(host.id("a")?).await?;
    assert_eq!(snapshots.first().map(|meta| meta.sequence.0), Some(2), "of the old code, behind the last event");
    send(&host, "a", "extra", &[]).await?;
    let host = host.crash().await?;
    assert_eq!(host.state("a").await?.get("total"), Some(&serde_json::json!(2)));
    assert_eq!(runs(&host, "a").await?, 2);
    Ok(())
}
