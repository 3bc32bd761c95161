//! The end of a tenant, and of what it had.
//!
//! Deleted are, in this order: its keys, the events and snapshots of its actors, its revisions, the components that
//! nobody else uses, its audit log, its entry. What stays is the address and the last number of each actor, because
//! numbers are never used again; therefore the name of a tenant that had actors is not given away again. The space
//! of what is deleted is given back by the store when it tidies up. A crash in between: the host goes on when it is
//! started again. From the first step on, the tenant is not there for anybody.

use super::TenancyError;
use super::tenant::{Standing, TenantRecord};
use crate::provider::DeleteGuard;
use crate::runtime::host::Inner;
use crate::vocab::{Code, Kind, Sequence, Tenant};

/// Actors that are read at a time.
const PAGE_ACTORS: usize = 500;

/// Whether a tenant that has actors may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    /// It is refused.
    No,
    /// Its actors are deleted.
    Yes,
}

/// How much of a deletion is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// A crash cut it off somewhere.
    Rest,
}

/// Deletes a tenant; done when the result arrives.
///
/// # Errors
/// When it is unknown, is `default`, or has actors and nobody forces it; when the store refuses.
pub(super) async fn delete(inner: &Inner, tenant: &Tenant, force: Force) -> Result<(), TenancyError> {
    if *tenant == Tenant::default_tenant() {
        let reason = "the tenant default is always there; suspend it, or delete its kinds' actors";
        return Err(TenancyError::refused(Code::InvalidRequest, reason));
    }
    inner.tenants.known(tenant).map_err(crate::actor::AskError::from)?;
    if force == Force::No && has_actors(inner, tenant).await? {
        let reason = format!("tenant {tenant} has actors; force the deletion if their data is to be lost");
        return Err(TenancyError::refused(Code::TenantInUse, reason));
    }
    let deleting = |record, _: &_| Ok(TenantRecord { standing: Standing::Deleting, ..record });
    inner.tenants.change(tenant, deleting).await?;
    finish(inner, tenant, Part::Whole).await
}

/// Does what a deletion has left to do.
///
/// # Errors
/// When the store refuses; the deletion goes on when the host is started again.
pub(super) async fn finish(inner: &Inner, tenant: &Tenant, part: Part) -> Result<(), TenancyError> {
    inner.keys.delete_all(tenant).await?;
    super::face::send_off(inner, tenant).await;
    // After a crash the kinds that had actors may be gone already, and with them the way to find out.
    let mut had_actors = part == Part::Rest;
    for kind in inner.deployments.kinds_of(tenant) {
        had_actors |= delete_actors(inner, tenant, &kind).await?;
    }
    inner.deployments.forget(tenant).await?;
    inner.troubles.forget_tenant(tenant).await?;
    inner.audit.delete(tenant).await?;
    inner.census.forget(tenant);
    inner.books.forget(tenant).await?;
    inner.tenants.gone(tenant, had_actors).await
}

async fn has_actors(inner: &Inner, tenant: &Tenant) -> Result<bool, TenancyError> {
    for kind in inner.deployments.kinds_of(tenant) {
        if !inner.stage.provider.actors(tenant, &kind, None, 1).await?.is_empty() {
            return Ok(true);
        }
    }
    // Somebody may be about to store the first event.
    Ok(inner.directory.is_any_live(|address| address.tenant == *tenant))
}

async fn delete_actors(inner: &Inner, tenant: &Tenant, kind: &Kind) -> Result<bool, TenancyError> {
    let provider = &inner.stage.provider;
    let mut after: Option<String> = None;
    loop {
        let page = provider.actors(tenant, kind, after.as_deref(), PAGE_ACTORS).await?;
        let Some(last) = page.last() else { return Ok(after.is_some()) };
        after = Some(last.address.key.as_str().to_owned());
        for actor in page {
            let id = actor.address.id();
            // The events first: a snapshot alone brings nobody back to life, events without one would.
            provider.delete_through(id, Sequence::MAX, DeleteGuard::Forced).await?;
            for snapshot in provider.list_snapshots(id).await? {
                provider.delete_snapshot(id, snapshot.sequence).await?;
            }
        }
    }
}
