use std::sync::Arc;

use anyhow::Result;
use greenroom_host::provider::{Catalog, EventStore, ReadRange, SnapshotStore};
use greenroom_host::runtime::KeyRequest;
use greenroom_host::vocab::{Address, Code, Owner, Scope, Sequence};
use greenroom_kit::{TestHost, settings};

use super::scene::{add, deploy, tenant};

async fn host_with_data() -> Result<TestHost> {
    let host = TestHost::start("probe", settings()).await?;
    host.host.create_tenant(&tenant("acme")?, &Default::default()).await?;
    deploy(&host, "acme", "probe", "probe").await??;
    deploy(&host, "acme", "count", "counter").await??;
    for key in ["a", "b"] {
        add(&host, "acme", key).await?;
    }
    host.host.actor(Address::new("acme", "probe", "a")?).snapshot().await?;
    add(&host, "default", "kept").await?;
    let wanted = |scopes: &[Scope]| KeyRequest {
        name: String::new(),
        scopes: scopes.iter().copied().collect(),
        expires_in_s: None,
    };
    host.host.create_key(&Owner::Host, &wanted(&Scope::ALL)).await?;
    host.host.create_key(&Owner::Tenant(tenant("acme")?), &wanted(&[Scope::Read])).await?;
    Ok(host)
}

#[tokio::test]
async fn a_tenant_with_actors_is_deleted_by_force_only() -> Result<()> {
    let host = host_with_data().await?;
    let refused = host.host.delete_tenant(&tenant("acme")?, false).await.map_err(|error| error.code());
    assert_eq!(refused, Err(Code::TenantInUse));
    add(&host, "acme", "a").await?;
    let default = host.host.delete_tenant(&tenant("default")?, true).await.map_err(|error| error.code());
    assert_eq!(default, Err(Code::InvalidRequest));
    Ok(())
}

#[tokio::test]
async fn a_deleted_tenant_leaves_nothing_that_can_be_read() -> Result<()> {
    let host = host_with_data().await?;
    host.host.delete_tenant(&tenant("acme")?, true).await?;
    gone(&host).await?;
    let host = host.crash().await?;
    gone(&host).await?;
    let again = host.host.create_tenant(&tenant("acme")?, &Default::default()).await;
    assert_eq!(again.map_err(|error| error.code()).map(drop), Err(Code::TenantExists));
    Ok(())
}

async fn gone(host: &TestHost) -> Result<()> {
    assert_eq!(add(host, "acme", "a").await.map_err(|error| error.code()), Err(Code::UnknownTenant));
    let store = Arc::clone(&host.store);
    for key in ["a", "b"] {
        let id = Address::new("acme", "probe", key)?.id();
        let everything = ReadRange { from: Sequence::FIRST, through: Sequence::MAX, batch_bytes: 1 << 20 };
        assert!(store.read(id, everything).next().await?.is_none(), "events of {key}");
        assert!(store.list_snapshots(id).await?.is_empty(), "a snapshot of {key}");
    }
    // One revision is left, of default, and one component: the one that default uses, too.
    assert_eq!(store.record_keys("revision/").await?.len(), 1);
    assert_eq!(store.record_keys("component/").await?.len(), 1);
    assert_eq!(store.record_keys("key/").await?.len(), 1);
    assert!(store.record_keys("audit/acme/").await?.is_empty());
    add(host, "default", "kept").await?;
    Ok(())
}

#[tokio::test]
async fn the_name_of_a_tenant_that_had_no_actors_is_free_again() -> Result<()> {
    let host = TestHost::start("probe", settings()).await?;
    for _ in 0..2 {
        host.host.create_tenant(&tenant("acme")?, &Default::default()).await?;
        deploy(&host, "acme", "probe", "probe").await??;
        host.host.delete_tenant(&tenant("acme")?, false).await?;
    }
    assert_eq!(host.host.tenants().len(), 1);
    Ok(())
}
