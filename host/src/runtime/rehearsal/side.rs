//! One of the two revisions: the kind as its actors know it, with this revision's code in any case.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::actor::{Account, Code, KindMetrics, News, Policy, Recorder, RecoveryError, ReplayRate, Revision};
use crate::runtime::deployment::Deployment;
use crate::sandbox::EventType;
use crate::vocab::{Address, Kind, Limits, RevisionId, Tenant};

/// One of the two revisions.
pub(super) struct Side {
    pub(super) revision: Arc<Revision>,
    of: Arc<Deployment>,
    /// The kind's, but for what is learned of its speed: a slow candidate must not change when live actors are saved.
    policy: Policy,
    /// Nobody's: what is replayed here is no recovery of an actor.
    metrics: KindMetrics,
}

impl Side {
    pub(super) fn new(revision: Arc<Revision>, of: Arc<Deployment>, (tenant, kind): (&Tenant, &Kind)) -> Self {
        let Policy { snapshots, retention, passivation, recovery, supervision, rollout, rate: _ } = of.policy();
        let policy = Policy {
            snapshots: snapshots.clone(),
            retention: retention.clone(),
            passivation: passivation.clone(),
            recovery: recovery.clone(),
            supervision: supervision.clone(),
            rollout: rollout.clone(),
            rate: ReplayRate::default(),
        };
        Self { revision, policy, metrics: KindMetrics::unseen(tenant, kind), of }
    }

    /// How long a recovery may take, milliseconds.
    pub(super) const fn limit_ms(&self) -> u64 {
        self.policy.recovery.time_limit_ms
    }
}

impl Code for Side {
    fn assigned(&self, _: &Address) -> RevisionId {
        self.revision.id
    }

    fn stable(&self) -> RevisionId {
        self.revision.id
    }

    fn is_only(&self, _: RevisionId) -> bool {
        false
    }

    fn knows_every_event_type(&self, revision: RevisionId) -> bool {
        self.of.knows_every_event_type(revision)
    }

    fn revision(&self, _: RevisionId) -> BoxFuture<'_, Result<Arc<Revision>, RecoveryError>> {
        ready(Ok(Arc::clone(&self.revision))).boxed()
    }

    fn is_rolling(&self) -> bool {
        false
    }

    fn note(&self, _: &Address, _: News) {}

    fn event_types(&self, revision: RevisionId) -> Option<Arc<[EventType]>> {
        self.of.event_types(revision)
    }

    fn limits(&self) -> Arc<Limits> {
        self.of.limits()
    }

    fn account(&self) -> &Arc<Account> {
        self.of.account()
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn recorder(&self) -> &Recorder {
        self.of.recorder()
    }

    fn metrics(&self) -> &KindMetrics {
        &self.metrics
    }
}
