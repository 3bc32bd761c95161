use anyhow::Result;
use greenroom_host::runtime::{KeyRequest, TenantChange};
use greenroom_host::vocab::{Address, Grant, Limit, Owner, Quota, Scope};
use greenroom_kit::{TestHost, settings};

use super::scene::{add, deploy, tenant};

#[tokio::test]
async fn tenants_and_keys_survive_a_crash() -> Result<()> {
    let host = TestHost::start("probe", settings()).await?;
    let acme = tenant("acme")?;
    let change = TenantChange {
        display_name: Some("Acme & Söhne".to_owned()),
        weight: Some(7),
        quotas: [(Quota::Kinds, Some(3))].into(),
        grants: Some([Grant::Deploy].into()),
        limits: [(Limit::ReplyBytes, Some(5_000))].into(),
    };
    host.host.create_tenant(&acme, &change).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    add(&host, "acme", "a").await?;
    let wanted = KeyRequest { name: "ops".to_owned(), scopes: Scope::ALL.into(), expires_in_s: None };
    let operator = host.host.create_key(&Owner::Host, &wanted).await?;
    let owner = Owner::Tenant(acme.clone());
    let first = host.host.create_key(&owner, &wanted).await?;
    let second = host.host.rotate_key(&owner, first.view.id, 3_600).await?;
    let third = host.host.create_key(&owner, &wanted).await?;
    host.host.revoke_key(&owner, third.view.id).await?;
    // Who is on stage does not survive, so nobody is.
    host.host.actor(Address::new("acme", "probe", "a")?).passivate().await?;
    let seen = |host: &TestHost| -> Result<_> {
        let mut view = host.host.tenant(&acme)?;
        // It is counted from the start of the host.
        view.usage.cpu_ms = 0;
        Ok((view, host.host.keys(&owner)?))
    };
    let before = seen(&host)?;

    let host = host.crash().await?;
    assert_eq!(seen(&host)?, before);
    assert!(host.host.asks_for_keys());
    for valid in [&operator, &first, &second] {
        host.host.authenticate(valid.text.expose())?;
    }
    assert!(host.host.authenticate(third.text.expose()).is_err());
    add(&host, "acme", "a").await?;
    Ok(())
}

/// The stored bytes hold hashes, never keys.
#[tokio::test]
async fn no_key_is_in_the_store() -> Result<()> {
    use greenroom_host::provider::Catalog;
    let host = TestHost::start("probe", settings()).await?;
    let wanted = KeyRequest { name: "ops".to_owned(), scopes: Scope::ALL.into(), expires_in_s: None };
    let key = host.host.create_key(&Owner::Host, &wanted).await?;
    host.host.authenticate(key.text.expose())?;
    let digits = &key.text.expose()[4..68];
    let secret: Vec<u8> = (0..32).filter_map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()).collect();
    for name in host.store.record_keys("").await? {
        let record = host.store.record(&name).await?.unwrap_or_default();
        assert!(!record.windows(8).any(|window| window == &secret[..8]), "{name}");
        assert!(!String::from_utf8_lossy(&record).contains(&digits[..16]), "{name}");
    }
    Ok(())
}
