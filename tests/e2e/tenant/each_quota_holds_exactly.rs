use std::sync::Arc;

use anyhow::Result;
use greenroom_host::vocab::{Clock, Code, ManualClock, Owner, Quota, Timestamp};
use greenroom_kit::{Call, TestHost, eventually, guest, settings};
use serde_json::json;

use super::scene::{add, ask, deploy, tenant, with_quota};

async fn host_with(quota: Quota, value: u64) -> Result<TestHost> {
    let host = TestHost::start("probe", settings()).await?;
    host.host.create_tenant(&tenant("acme")?, &with_quota(quota, value)).await?;
    Ok(host)
}

#[tokio::test]
async fn as_many_actors_as_the_quota_says_and_not_one_more() -> Result<()> {
    let host = host_with(Quota::Actors, 3).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    for key in ["a", "b", "c", "a"] {
        add(&host, "acme", key).await?;
    }
    let refused = add(&host, "acme", "d").await.map_err(|error| error.code());
    assert_eq!(refused, Err(Code::ActorQuota));
    add(&host, "acme", "c").await?;
    // A reply may be a moment ahead of the figure.
    let acme = tenant("acme")?;
    eventually("the figure", async || Ok(host.host.tenant(&acme)?.usage.actors == Some(3))).await?;
    // Others are not concerned, and a higher quota lets in one more.
    for key in ["a", "b", "c", "d"] {
        add(&host, "default", key).await?;
    }
    host.host.change_tenant(&tenant("acme")?, &with_quota(Quota::Actors, 4)).await?;
    add(&host, "acme", "d").await?;
    assert_eq!(add(&host, "acme", "e").await.map_err(|error| error.code()), Err(Code::ActorQuota));
    Ok(())
}

#[tokio::test]
async fn commands_to_new_keys_that_arrive_together_do_not_pass_the_quota() -> Result<()> {
    let host = Arc::new(host_with(Quota::Actors, 5).await?);
    deploy(&host, "acme", "probe", "probe").await??;
    let tasks: Vec<_> = (0..40)
        .map(|index| {
            let host = Arc::clone(&host);
            tokio::spawn(async move { add(&host, "acme", &format!("k{index}")).await.map_err(|error| error.code()) })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        match task.await? {
            Ok(_) => done += 1,
            Err(code) => assert_eq!(code, Code::ActorQuota),
        }
    }
    assert_eq!(done, 5);
    Ok(())
}

#[tokio::test]
async fn actors_that_were_there_before_the_quota_count() -> Result<()> {
    let host = TestHost::start("probe", settings()).await?;
    host.host.create_tenant(&tenant("acme")?, &Default::default()).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    add(&host, "acme", "a").await?;
    add(&host, "acme", "b").await?;
    // Live, and nothing stored yet.
    ask(&host, "acme", "looked-at", "get", serde_json::Value::Null).await?;
    host.host.change_tenant(&tenant("acme")?, &with_quota(Quota::Actors, 3)).await?;
    assert_eq!(add(&host, "acme", "c").await.map_err(|error| error.code()), Err(Code::ActorQuota));
    add(&host, "acme", "looked-at").await?;
    let host = host.crash().await?;
    assert_eq!(add(&host, "acme", "c").await.map_err(|error| error.code()), Err(Code::ActorQuota));
    add(&host, "acme", "looked-at").await?;
    Ok(())
}

#[tokio::test]
async fn a_place_that_was_not_used_is_given_back() -> Result<()> {
    let host = host_with(Quota::Actors, 1).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    ask(&host, "acme", "only-looked-at", "get", serde_json::Value::Null).await?;
    assert_eq!(add(&host, "acme", "a").await.map_err(|error| error.code()), Err(Code::ActorQuota));
    let looked_at = greenroom_host::vocab::Address::new("acme", "probe", "only-looked-at")?;
    host.host.actor(looked_at).passivate().await?;
    add(&host, "acme", "a").await?;
    Ok(())
}

#[tokio::test]
async fn as_many_kinds_as_the_quota_says_and_not_one_more() -> Result<()> {
    let host = host_with(Quota::Kinds, 2).await?;
    deploy(&host, "acme", "one", "probe").await??;
    deploy(&host, "acme", "two", "probe").await??;
    let refused = deploy(&host, "acme", "three", "probe").await?.map_err(|error| error.code());
    assert_eq!(refused, Err(Code::KindQuota));
    // A new revision is no new kind.
    deploy(&host, "acme", "two", "counter").await??;
    deploy(&host, "default", "three", "probe").await??;
    Ok(())
}

#[tokio::test]
async fn as_many_revisions_as_the_quota_says_and_not_one_more() -> Result<()> {
    let host = host_with(Quota::Revisions, 2).await?;
    deploy(&host, "acme", "one", "probe").await??;
    deploy(&host, "acme", "two", "probe").await??;
    let refused = deploy(&host, "acme", "three", "probe").await?.map_err(|error| error.code());
    assert_eq!(refused, Err(Code::RevisionQuota));
    // The same bytes as the active revision change nothing.
    deploy(&host, "acme", "two", "probe").await??;
    assert_eq!(host.host.tenant(&tenant("acme")?)?.usage.revisions, 2);
    host.host.change_tenant(&tenant("acme")?, &with_quota(Quota::Revisions, 3)).await?;
    deploy(&host, "acme", "three", "probe").await??;
    Ok(())
}

#[tokio::test]
async fn a_tenant_without_a_quota_of_its_own_has_the_hosts() -> Result<()> {
    let mut settings = settings();
    settings.tenants.default_quotas.set(Quota::Kinds, Some(1));
    let host = TestHost::start("probe", settings).await?;
    let refused = |code| Err::<u32, _>(code);
    let second = deploy(&host, "default", "two", "probe").await?.map_err(|error| error.code());
    assert_eq!(second, refused(Code::KindQuota), "a tenant that was there from the start");
    let acme = tenant("acme")?;
    host.host.create_tenant(&acme, &Default::default()).await?;
    deploy(&host, "acme", "one", "probe").await??;
    let second = deploy(&host, "acme", "two", "probe").await?.map_err(|error| error.code());
    assert_eq!(second, refused(Code::KindQuota), "one that was created later");
    assert_eq!(host.host.tenant(&acme)?.quotas.get(&Quota::Kinds), Some(&1), "it is shown");
    // Its own quota wins, also over a crash, and without it the host's is back.
    host.host.change_tenant(&acme, &with_quota(Quota::Kinds, 2)).await?;
    deploy(&host, "acme", "two", "probe").await??;
    let host = host.crash().await?;
    host.host.change_tenant(&acme, &with_quota(Quota::Kinds, 3)).await?;
    deploy(&host, "acme", "three", "probe").await??;
    let change = greenroom_host::runtime::TenantChange { quotas: [(Quota::Kinds, None)].into(), ..Default::default() };
    host.host.change_tenant(&acme, &change).await?;
    let fourth = deploy(&host, "acme", "four", "probe").await?.map_err(|error| error.code());
    assert_eq!(fourth, refused(Code::KindQuota));
    Ok(())
}

#[tokio::test]
async fn as_many_component_bytes_as_the_quota_says_and_not_one_more() -> Result<()> {
    let (probe, counter) = (guest("probe")?.len(), guest("counter")?.len());
    let both = u64::try_from(probe + counter)?;
    let host = host_with(Quota::ComponentBytes, both - 1).await?;
    deploy(&host, "acme", "one", "probe").await??;
    // The same bytes count once.
    deploy(&host, "acme", "two", "probe").await??;
    let refused = deploy(&host, "acme", "three", "counter").await?.map_err(|error| error.code());
    assert_eq!(refused, Err(Code::ComponentQuota));
    host.host.change_tenant(&tenant("acme")?, &with_quota(Quota::ComponentBytes, both)).await?;
    deploy(&host, "acme", "three", "counter").await??;
    let usage = host.host.tenant(&tenant("acme")?)?.usage;
    assert_eq!((usage.kinds, usage.component_bytes), (3, both));
    Ok(())
}

#[tokio::test]
async fn as_many_commands_a_second_as_the_quota_says_and_not_one_more() -> Result<()> {
    let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
    let host =
        TestHost::start_with_clock("probe", settings(), Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>).await?;
    host.host.create_tenant(&tenant("acme")?, &with_quota(Quota::CommandsPerSecond, 3)).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    for round in 0..3 {
        for _ in 0..3 {
            add(&host, "acme", "a").await?;
        }
        let refused = add(&host, "acme", "a").await.map_err(|error| error.code());
        assert_eq!(refused, Err(Code::CommandQuota), "round {round}");
        add(&host, "default", "a").await?;
        clock.advance_ms(1_000);
    }
    let state = ask(&host, "acme", "a", "get", json!(null)).await?;
    assert_eq!(state.get("total"), Some(&json!(9)), "what was refused was not handled");
    Ok(())
}

/// How many actors of the tenant are live, and how many bytes of memory they use.
fn live(host: &TestHost) -> Result<(u64, u64)> {
    let usage = host.host.tenant(&tenant("acme")?)?.usage;
    Ok((usage.live_actors, usage.memory_bytes))
}

#[tokio::test]
async fn as_many_live_actors_as_the_quota_says_and_the_one_called_longest_ago_leaves() -> Result<()> {
    let host = host_with(Quota::LiveActors, 2).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    for round in 0..2 {
        for key in ["a", "b", "c", "d"] {
            add(&host, "acme", key).await?;
            assert!(live(&host)?.0 <= 2, "round {round}, {key}");
        }
    }
    add(&host, "default", "a").await?;
    for key in ["a", "b", "c", "d"] {
        assert_eq!(ask(&host, "acme", key, "get", json!(null)).await?.get("total"), Some(&json!(2)), "{key}");
    }
    host.host.change_tenant(&tenant("acme")?, &with_quota(Quota::LiveActors, 4)).await?;
    for key in ["a", "b", "c", "d"] {
        add(&host, "acme", key).await?;
    }
    eventually("four of them", async || Ok(live(&host)?.0 == 4)).await
}

#[tokio::test]
async fn who_gets_no_place_in_time_is_told_so_and_its_timers_and_tells_wait() -> Result<()> {
    let host = host_with(Quota::LiveActors, 1).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    add(&host, "acme", "b").await?;
    ask(&host, "acme", "a", "tell-add", json!({ "key": "b", "by": 10 })).await?;
    // The tell needs the other's place, which the sender gives up for it.
    eventually("the tell", async || {
        let view = ask(&host, "acme", "b", "get", json!(null)).await?;
        Ok(view.get("total") == Some(&json!(11)))
    })
    .await?;
    // Somebody who cannot leave: its turn is being stored.
    host.store.hold_appends();
    let busy = greenroom_host::vocab::Address::new("acme", "probe", "a")?;
    let busy = host.host.actor(busy);
    let adding =
        tokio::spawn(async move { busy.ask(greenroom_host::runtime::Command::new("add", r#"{"by":1}"#)).await });
    eventually("its append", async || Ok(host.store.held_appends() > 0)).await?;
    assert_eq!(add(&host, "acme", "c").await.map_err(|error| error.code()), Err(Code::LiveActorQuota));
    host.store.release_all_appends();
    adding.await??;
    eventually("its place", async || Ok(add(&host, "acme", "c").await.is_ok())).await
}

#[tokio::test]
async fn as_much_memory_as_the_quota_says_and_not_one_more_instance() -> Result<()> {
    let host = host_with(Quota::MemoryBytes, u64::MAX >> 1).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    add(&host, "acme", "a").await?;
    let each = live(&host)?.1;
    assert!(each > 0);
    let acme = tenant("acme")?;
    host.host.change_tenant(&acme, &with_quota(Quota::MemoryBytes, 2 * each)).await?;
    add(&host, "acme", "b").await?;
    assert_eq!(live(&host)?.1, 2 * each, "exactly at the quota");
    assert_eq!(add(&host, "acme", "c").await.map_err(|error| error.code()), Err(Code::MemoryQuota));
    for key in ["a", "b", "c"] {
        add(&host, "default", key).await?;
    }
    // Nothing is wrong with the actor: nobody remembers it, and it need not pause.
    assert!(host.host.troubled(&Owner::Tenant(acme), None, 10)?.is_empty());
    // Whoever was called longest ago leaves for it, so that a repetition finds room.
    eventually("room", async || match add(&host, "acme", "c").await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Code::MemoryQuota => Ok(false),
        Err(error) => Err(error.into()),
    })
    .await?;
    assert!(live(&host)?.1 <= 2 * each);
    for (key, total) in [("a", 2), ("b", 2), ("c", 2)] {
        eventually(key, async || {
            let view = add(&host, "acme", key).await;
            Ok(view.is_ok_and(|view| view.get("total") == Some(&json!(total))))
        })
        .await?;
    }
    Ok(())
}

async fn stored(host: &TestHost) -> Result<u64> {
    let acme = tenant("acme")?;
    eventually("the count", async || Ok(host.host.tenant(&acme)?.usage.journal_bytes.is_some())).await?;
    Ok(host.host.tenant(&acme)?.usage.journal_bytes.unwrap_or_default())
}

#[tokio::test]
async fn as_many_stored_bytes_as_the_quota_says_and_not_one_more() -> Result<()> {
    let host = TestHost::start("probe", settings()).await?;
    let acme = tenant("acme")?;
    host.host.create_tenant(&acme, &Default::default()).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    // What was there before the quota counts, snapshots too.
    add(&host, "acme", "a").await?;
    host.host.change_tenant(&acme, &with_quota(Quota::JournalBytes, 1 << 40)).await?;
    let before = stored(&host).await?;
    add(&host, "acme", "a").await?;
    let each = stored(&host).await? - before;
    assert_eq!(each, before, "two frames of one kind");
    let snapshot = greenroom_host::vocab::Address::new("acme", "probe", "a")?;
    host.host.actor(snapshot).snapshot().await?;
    let with_snapshot = stored(&host).await?;
    assert!(with_snapshot > 2 * each);
    host.host.change_tenant(&acme, &with_quota(Quota::JournalBytes, with_snapshot + 2 * each)).await?;
    for key in ["a", "b"] {
        add(&host, "acme", key).await?;
    }
    assert_eq!(stored(&host).await?, with_snapshot + 2 * each, "exactly at the quota");
    let refused = host.host.actor(greenroom_host::vocab::Address::new("acme", "probe", "b")?).snapshot().await;
    assert_eq!(refused.map_err(|error| error.code()), Err(Code::JournalQuota));
    assert_eq!(stored(&host).await?, with_snapshot + 2 * each, "a snapshot that is refused takes nothing");
    for key in ["a", "c"] {
        assert_eq!(add(&host, "acme", key).await.map_err(|error| error.code()), Err(Code::JournalQuota), "{key}");
    }
    add(&host, "default", "a").await?;
    // What only reads is served, and a byte less than one more turn needs is not enough.
    ask(&host, "acme", "a", "get", json!(null)).await?;
    host.host.change_tenant(&acme, &with_quota(Quota::JournalBytes, with_snapshot + 3 * each - 1)).await?;
    assert_eq!(add(&host, "acme", "b").await.map_err(|error| error.code()), Err(Code::JournalQuota));
    host.host.change_tenant(&acme, &with_quota(Quota::JournalBytes, with_snapshot + 3 * each)).await?;
    eventually("a turn with room", async || Ok(add(&host, "acme", "b").await.is_ok())).await?;
    assert_eq!(ask(&host, "acme", "b", "get", json!(null)).await?.get("total"), Some(&json!(2)));
    Ok(())
}

#[tokio::test]
async fn a_start_reads_how_much_is_stored_and_counts_it_once() -> Result<()> {
    let host = host_with(Quota::JournalBytes, 1 << 40).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    for key in ["a", "b", "c"] {
        add(&host, "acme", key).await?;
    }
    let exact = stored(&host).await?;
    let reads = |host: &TestHost| host.store.calls().iter().filter(|call| matches!(call, Call::Read(..))).count();
    host.host.shutdown(std::time::Duration::from_secs(10)).await?;
    let host = host.crash().await?;
    let before = reads(&host);
    assert_eq!(stored(&host).await?, exact, "after an orderly end");
    let host = host.crash().await?;
    let after_crash = stored(&host).await?;
    assert!(after_crash >= exact, "never less than there is");
    assert_eq!(reads(&host), before, "no journal was read for it");
    Ok(())
}

#[tokio::test]
async fn bytes_that_retention_deletes_are_given_back() -> Result<()> {
    let mut settings = settings();
    settings.retention.delete_events = true;
    settings.retention.keep_snapshots = 1;
    let host = TestHost::start("probe", settings).await?;
    let acme = tenant("acme")?;
    host.host.create_tenant(&acme, &with_quota(Quota::JournalBytes, 1 << 40)).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    let actor = host.host.actor(greenroom_host::vocab::Address::new("acme", "probe", "a")?);
    let mut figures = Vec::new();
    for _ in 0..4 {
        for _ in 0..10 {
            add(&host, "acme", "a").await?;
        }
        actor.snapshot().await?;
        // The snapshot is answered for before what is behind it is deleted.
        add(&host, "acme", "a").await?;
        actor.snapshot().await?;
        figures.push(stored(&host).await?);
    }
    let (least, most) = (figures.iter().min(), figures.iter().max());
    assert!(least.zip(most).is_some_and(|(least, most)| most - least < 64), "it does not grow: {figures:?}");
    Ok(())
}

#[tokio::test]
async fn a_timer_past_the_quota_waits_and_is_not_lost() -> Result<()> {
    let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
    let host =
        TestHost::start_with_clock("probe", settings(), Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>).await?;
    let acme = tenant("acme")?;
    host.host.create_tenant(&acme, &with_quota(Quota::JournalBytes, 1 << 40)).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    ask(&host, "acme", "a", "set-timer", json!({ "timer": "t", "in_ms": 1_000 })).await?;
    let full = stored(&host).await?;
    host.host.change_tenant(&acme, &with_quota(Quota::JournalBytes, full)).await?;
    clock.advance_ms(2_000);
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let marks = async || -> Result<serde_json::Value> {
        Ok(ask(&host, "acme", "a", "get", json!(null)).await?.get("marks").cloned().unwrap_or_default())
    };
    assert_eq!(marks().await?, json!([]));
    host.host.change_tenant(&acme, &with_quota(Quota::JournalBytes, 1 << 40)).await?;
    eventually("the timer", async || Ok(marks().await? == json!(["t by timer t"]))).await
}

#[tokio::test]
async fn as_many_bytes_an_hour_as_the_quota_says_and_then_as_they_trickle_back() -> Result<()> {
    let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
    let host =
        TestHost::start_with_clock("probe", settings(), Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>).await?;
    let acme = tenant("acme")?;
    host.host.create_tenant(&acme, &with_quota(Quota::JournalBytesPerHour, 1 << 30)).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    add(&host, "acme", "a").await?;
    let each = host.host.tenant(&acme)?.usage.journal_bytes_per_hour.unwrap_or_default();
    assert!(each > 0);
    host.host.change_tenant(&acme, &with_quota(Quota::JournalBytesPerHour, 3 * each)).await?;
    for _ in 0..3 {
        add(&host, "acme", "a").await?;
    }
    for key in ["a", "b"] {
        assert_eq!(add(&host, "acme", key).await.map_err(|error| error.code()), Err(Code::JournalGrowthQuota), "{key}");
    }
    ask(&host, "acme", "a", "get", json!(null)).await?;
    add(&host, "default", "a").await?;
    clock.advance_ms(20 * 60 * 1_000);
    add(&host, "acme", "a").await?;
    assert_eq!(add(&host, "acme", "a").await.map_err(|error| error.code()), Err(Code::JournalGrowthQuota));
    Ok(())
}

#[tokio::test]
async fn as_many_snapshots_as_the_quota_says_and_a_new_one_takes_the_place_of_an_old() -> Result<()> {
    let mut settings = settings();
    settings.retention.keep_snapshots = 5;
    let host = TestHost::start("probe", settings).await?;
    let acme = tenant("acme")?;
    host.host.create_tenant(&acme, &Default::default()).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    let actor =
        |key: &str| -> Result<_> { Ok(host.host.actor(greenroom_host::vocab::Address::new("acme", "probe", key)?)) };
    for _ in 0..2 {
        add(&host, "acme", "a").await?;
        actor("a")?.snapshot().await?;
    }
    // What was there before the quota counts.
    host.host.change_tenant(&acme, &with_quota(Quota::Snapshots, 3)).await?;
    for key in ["a", "b", "c"] {
        add(&host, "acme", key).await?;
    }
    actor("b")?.snapshot().await?;
    assert_eq!(host.host.tenant(&acme)?.usage.snapshots, Some(3), "exactly at the quota");
    let refused = actor("c")?.snapshot().await;
    assert_eq!(refused.map_err(|error| error.code()), Err(Code::SnapshotQuota));
    ask(&host, "acme", "c", "get", json!(null)).await?;
    // Its oldest goes for it: an actor that has one never gets stuck with it.
    assert_eq!(actor("a")?.snapshot().await?.0, 3);
    eventually("two of a", async || {
        let id = greenroom_host::vocab::Address::new("acme", "probe", "a")?.id();
        let listed = host.store.inner().list_snapshots(id).await?;
        Ok(listed.iter().map(|meta| meta.sequence.0).collect::<Vec<_>>() == [3, 2])
    })
    .await?;
    eventually("the figure", async || Ok(host.host.tenant(&acme)?.usage.snapshots == Some(3))).await
}
