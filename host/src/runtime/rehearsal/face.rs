//! Rehearsals, as the library offers them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::RehearsalOptions;
use super::compare::Pair;
use super::places::Place;
use super::report::RehearsalLine;
use super::run::{LINES_MAX, Run};
use super::side::Side;
use crate::actor::{AskError, Code as _, Pacer, Revision};
use crate::runtime::{DeployPlace, Host};
use crate::vocab::{Kind, RevisionId, Tenant};

/// No revision that is stored has this id: a candidate wrote nothing.
const CANDIDATE: RevisionId = RevisionId(0);

/// A rehearsal under way: its lines. Dropping it ends the rehearsal.
#[derive(Debug)]
pub struct Rehearsal {
    lines: mpsc::Receiver<Result<RehearsalLine, AskError>>,
}

impl Rehearsal {
    /// The next line; `None` at the end. Without a summary before it, the rehearsal did not come to its end; it can go on
    /// behind the `after` of the last progress.
    ///
    /// # Errors
    /// What ended the rehearsal: the store, the tenant's suspension, another revision that became active. The last line.
    pub async fn next(&mut self) -> Result<Option<RehearsalLine>, AskError> {
        self.lines.recv().await.transpose()
    }
}

/// A place among the rehearsals, and one among the deploys for as long as the candidate is loaded.
#[derive(Debug)]
pub struct RehearsalPlace {
    rehearsal: Place,
    deploy: DeployPlace,
}

impl Host {
    /// Replays histories of a kind's actors into a component beside the active revision, and tells where the two differ.
    ///
    /// The component passes everything that a deploy passes, at the tenant's expense, but is neither stored nor activated,
    /// and may lack event types: that shows. Nothing is appended, saved or deleted; actors that are live are not asked, their
    /// newest durable event is what counts. It takes at most `rehearsal.cpu_share` of a core, within what the tenant may use.
    ///
    /// # Errors
    /// Why the component may not run, or that the tenant or others rehearse already.
    pub async fn rehearse(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        component: &[u8],
        options: RehearsalOptions,
    ) -> Result<Rehearsal, AskError> {
        let place = self.begin_rehearsal(tenant)?;
        self.rehearse_in(place, tenant, kind, Bytes::copy_from_slice(component), options).await
    }

    /// A place among the rehearsals, to be taken before the component is read.
    ///
    /// # Errors
    /// When the tenant may not deploy now, or it or others rehearse already.
    pub fn begin_rehearsal(&self, tenant: &Tenant) -> Result<RehearsalPlace, AskError> {
        let deploy = self.begin_deploy(tenant)?;
        Ok(RehearsalPlace { rehearsal: self.inner().rehearsals.enter(tenant)?, deploy })
    }

    /// The same as [`Host::rehearse`], in a place that was taken before.
    ///
    /// # Errors
    /// Why the component may not run, or that there is no such kind.
    pub async fn rehearse_in(
        &self,
        place: RehearsalPlace,
        tenant: &Tenant,
        kind: &Kind,
        component: Bytes,
        options: RehearsalOptions,
    ) -> Result<Rehearsal, AskError> {
        let inner = self.inner();
        let RehearsalPlace { rehearsal: place, deploy } = place;
        let deployment = inner.deployments.find_active(tenant, kind)?;
        let component = self.load_candidate(deploy, tenant, component).await?;
        let active = deployment.revision(deployment.active_id()).await?;
        let number = active.number.saturating_add(1);
        let candidate = Arc::new(Revision::alone(CANDIDATE, number, component));
        let of = (tenant, kind);
        let (active, candidate) =
            (Side::new(active, Arc::clone(&deployment), of), Side::new(candidate, Arc::clone(&deployment), of));
        let (out, lines) = mpsc::channel(LINES_MAX);
        let pacer = Arc::new(Pacer::new(inner.rehearsals.cpu_share));
        let stage = Arc::clone(&inner.stage);
        let pair = Pair { stage, deployment, active, candidate, pacer, from: options.from };
        let (tenants, tenant, kind) = (Arc::clone(&inner.tenants), tenant.clone(), kind.clone());
        let run = Run { tenants, tenant, kind, pair, options, out };
        inner.spawn(run.start(place, inner.closing.subscribe()));
        Ok(Rehearsal { lines })
    }
}
