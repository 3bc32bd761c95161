use anyhow::Result;
use greenroom_host::runtime::{HostSettings, KindSettings, TenantChange};
use greenroom_host::vocab::{Code, Limit};
use greenroom_kit::{TestHost, settings};
use serde_json::{Value, json};

use super::scene::{add, ask, deploy, tenant};

fn with_limit(limit: Limit, value: Option<u64>) -> TenantChange {
    TenantChange { limits: [(limit, value)].into(), ..TenantChange::default() }
}

fn kind_with(limit: Limit, value: u64) -> KindSettings {
    KindSettings { limits: [(limit, value)].into(), ..KindSettings::default() }
}

async fn host_with(settings: HostSettings) -> Result<TestHost> {
    let host = TestHost::start("probe", settings).await?;
    host.host.create_tenant(&tenant("acme")?, &TenantChange::default()).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    Ok(host)
}

/// A command with a payload of so many bytes: JSON may have spaces.
async fn sized(host: &TestHost, of: &str, bytes: usize) -> Result<(), Code> {
    let address = greenroom_host::vocab::Address::new(of, "probe", "sized").map_err(|error| error.code())?;
    let mut payload = br#"{"by":1}"#.to_vec();
    payload.resize(bytes, b' ');
    let asked = host.host.actor(address).ask(greenroom_host::runtime::Command::new("add", payload)).await;
    asked.map(drop).map_err(|error| error.code())
}

#[tokio::test]
async fn a_tenants_own_limit_holds_for_live_actors_and_for_nobody_else() -> Result<()> {
    let host = host_with(settings()).await?;
    let acme = tenant("acme")?;
    assert_eq!(sized(&host, "acme", 100).await, Ok(()));
    host.host.change_tenant(&acme, &with_limit(Limit::CommandBytes, Some(50))).await?;
    assert_eq!(sized(&host, "acme", 50).await, Ok(()));
    // The actor was live when the limit changed; it left after its turns and came back under the new one.
    assert_eq!(sized(&host, "acme", 51).await, Err(Code::PayloadTooLarge));
    assert_eq!(sized(&host, "default", 100).await, Ok(()));
    // It is part of the tenant's record.
    let host = host.crash().await?;
    assert_eq!((sized(&host, "acme", 50).await, sized(&host, "acme", 51).await), (Ok(()), Err(Code::PayloadTooLarge)));
    let view = host.host.tenant(&acme)?;
    assert_eq!((view.limits, view.effective_limits.command_bytes), ([(Limit::CommandBytes, 50)].into(), 50));
    host.host.change_tenant(&acme, &with_limit(Limit::CommandBytes, None)).await?;
    assert_eq!(sized(&host, "acme", 100).await, Ok(()));
    assert_eq!(ask(&host, "acme", "sized", "get", Value::Null).await?.get("total"), Some(&json!(4)));
    Ok(())
}

#[tokio::test]
async fn limits_of_guests_follow_the_tenant() -> Result<()> {
    let host = host_with(settings()).await?;
    let acme = tenant("acme")?;
    let many = async |of: &str, count: u64| {
        let asked = ask(&host, of, "many", "many", json!({ "count": count })).await;
        asked.map(drop).map_err(|error| error.code())
    };
    many("acme", 4).await.map_err(|code| anyhow::anyhow!("{code}"))?;
    host.host.change_tenant(&acme, &with_limit(Limit::TurnEvents, Some(3))).await?;
    assert_eq!((many("acme", 3).await, many("acme", 4).await), (Ok(()), Err(Code::GuestLimit)));
    assert_eq!(many("default", 4).await, Ok(()));
    host.host.change_tenant(&acme, &with_limit(Limit::GuestMemoryBytes, Some(1))).await?;
    // Whoever is on stage still handles what is queued; what is stored is not lost: with room again, it goes on.
    let refused = async || Ok(many("acme", 1).await == Err(Code::GuestOutOfMemory));
    greenroom_kit::eventually("the next activation", refused).await?;
    host.host.change_tenant(&acme, &with_limit(Limit::GuestMemoryBytes, None)).await?;
    greenroom_kit::eventually("the actor to come back", async || Ok(many("acme", 1).await == Ok(()))).await
}

#[tokio::test]
async fn the_most_specific_limit_wins() -> Result<()> {
    let mut settings = settings();
    settings.kinds.insert("probe".to_owned(), kind_with(Limit::CommandBytes, 60));
    settings.kinds.insert("acme/probe".to_owned(), kind_with(Limit::CommandBytes, 80));
    let host = host_with(settings.clone()).await?;
    let acme = tenant("acme")?;
    assert_eq!(
        (sized(&host, "default", 60).await, sized(&host, "default", 61).await),
        (Ok(()), Err(Code::PayloadTooLarge))
    );
    assert_eq!((sized(&host, "acme", 80).await, sized(&host, "acme", 81).await), (Ok(()), Err(Code::PayloadTooLarge)));
    host.host.change_tenant(&acme, &with_limit(Limit::CommandBytes, Some(70))).await?;
    assert_eq!(sized(&host, "acme", 80).await, Ok(()), "the configuration names this kind of this tenant");
    settings.kinds.remove("acme/probe");
    let host = host.crash_into(settings).await?;
    assert_eq!((sized(&host, "acme", 70).await, sized(&host, "acme", 71).await), (Ok(()), Err(Code::PayloadTooLarge)));
    Ok(())
}

#[tokio::test]
async fn no_limit_passes_the_hosts_ceiling() -> Result<()> {
    let mut settings = settings();
    settings.ceilings = [(Limit::CommandBytes, 2_000_000)].into();
    let host = host_with(settings.clone()).await?;
    let acme = tenant("acme")?;
    let refused = host.host.change_tenant(&acme, &with_limit(Limit::CommandBytes, Some(2_000_001))).await;
    assert_eq!(refused.map_err(|error| error.code()).err(), Some(Code::LimitAboveCeiling));
    assert!(host.host.tenant(&acme)?.limits.is_empty(), "nothing was changed");
    host.host.change_tenant(&acme, &with_limit(Limit::CommandBytes, Some(2_000_000))).await?;
    assert_eq!(
        (sized(&host, "acme", 2_000_000).await, sized(&host, "acme", 2_000_001).await),
        (Ok(()), Err(Code::PayloadTooLarge))
    );
    assert_eq!(sized(&host, "default", 1_048_577).await, Err(Code::PayloadTooLarge), "others stay at the limit");
    // A ceiling that is lowered later cuts what was allowed before.
    settings.ceilings.clear();
    let host = host.crash_into(settings).await?;
    assert_eq!(
        (sized(&host, "acme", 1_048_576).await, sized(&host, "acme", 1_048_577).await),
        (Ok(()), Err(Code::PayloadTooLarge))
    );
    Ok(())
}

#[tokio::test]
async fn one_tenant_may_have_more_memory_than_the_others() -> Result<()> {
    let mut settings = settings();
    settings.limits.live_actors = 8;
    settings.limits.guest_memory_bytes = 1;
    settings.ceilings = [(Limit::GuestMemoryBytes, 64 * 1_024 * 1_024)].into();
    settings.kinds.insert("default/probe".to_owned(), kind_with(Limit::GuestMemoryBytes, 64 * 1_024 * 1_024));
    let host = host_with(settings).await?;
    add(&host, "default", "a").await?;
    assert_eq!(add(&host, "acme", "a").await.map_err(|error| error.code()), Err(Code::GuestOutOfMemory));
    Ok(())
}

#[tokio::test]
async fn a_turn_takes_as_many_commands_and_bytes_as_its_limits_say() -> Result<()> {
    let host = host_with(settings()).await?;
    let acme = tenant("acme")?;
    for (limit, value) in [(Limit::TurnCommands, 3), (Limit::TurnBytes, 250)] {
        let only = TenantChange {
            limits: [
                (Limit::TurnCommands, None),
                (Limit::TurnBytes, None),
                (limit, Some(value)),
                (Limit::PipelinedTurns, Some(1)),
            ]
            .into(),
            ..TenantChange::default()
        };
        host.host.change_tenant(&acme, &only).await?;
        let address = greenroom_host::vocab::Address::new("acme", "probe", limit.as_str())?;
        let add = || {
            let mut payload = br#"{"by":1}"#.to_vec();
            payload.resize(100, b' ');
            greenroom_host::runtime::Command::new("add", payload)
        };
        let actor = host.host.actor(address.clone());
        host.store.hold_appends();
        actor.tell(add()).await?;
        greenroom_kit::eventually("the first append", async || Ok(host.store.held_appends() == 1)).await?;
        // The only turn that may wait for the store does: these wait for it in the mailbox, and then go three by three.
        for _ in 0..7 {
            actor.tell(add()).await?;
        }
        host.store.release_all_appends();
        actor.ask(greenroom_host::runtime::Command::new("get", "")).await?;
        let id = address.id();
        let sizes: Vec<u64> = host
            .store
            .calls()
            .into_iter()
            .filter_map(|call| match call {
                greenroom_kit::Call::Append(actor, first, last) if actor == id => Some(last.0 - first.0 + 1),
                _ => None,
            })
            .collect();
        assert_eq!(sizes, [1, 3, 3, 1], "{limit}");
    }
    Ok(())
}

#[tokio::test]
async fn an_idempotency_key_has_as_many_bytes_as_the_limit_says() -> Result<()> {
    let host = host_with(settings()).await?;
    host.host.change_tenant(&tenant("acme")?, &with_limit(Limit::IdempotencyKeyBytes, Some(8))).await?;
    let ask = async |of: &str, key: &str| {
        let address = greenroom_host::vocab::Address::new(of, "probe", "keyed").map_err(|error| error.code())?;
        let command = greenroom_host::runtime::Command::new("add", r#"{"by":1}"#).with_idempotency_key(key);
        host.host.actor(address).ask(command).await.map(drop).map_err(|error| error.code())
    };
    assert_eq!(ask("acme", "12345678").await, Ok(()));
    assert_eq!(ask("acme", "123456789").await, Err(Code::InvalidIdempotencyKey));
    assert_eq!(ask("default", "123456789").await, Ok(()));
    Ok(())
}
