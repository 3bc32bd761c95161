use std::sync::Arc;

use anyhow::Result;
use greenroom_host::vocab::{Clock, Code, ManualClock, Quota, Timestamp};
use greenroom_kit::{TestHost, eventually, guest, settings};
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
    assert_eq!(
        deploy(&host, "acme", "two", "counter").await?.map_err(|error| error.code()),
        Err(Code::IncompatibleRevision)
    );
    deploy(&host, "default", "three", "probe").await??;
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
