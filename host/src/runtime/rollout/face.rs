//! Rollouts, as the library offers them.

use std::collections::BTreeMap;

use super::act::Acts;
use super::check::{RollbackCheck, check};
use super::views::{CandidateView, HeldView, LiveView, RolloutEntry, RolloutView};
use super::{Activation, Whom};
use crate::actor::{AskError, Code as _};
use crate::runtime::{Host, Operator};
use crate::vocab::{Kind, Tenant};

/// Held actors that are shown.
const HELD_SHOWN_MAX: usize = 100;

/// What somebody wants done.
enum Wish {
    Activate(Activation),
    RollBack(Option<u32>, Operator),
}

impl Host {
    /// Has actors of a kind run another revision: everybody, a share, a share that grows, or some by name. Durable when
    /// the result arrives; live actors change over from then on, one after the other, without losing a command, and
    /// passive ones when they are called.
    ///
    /// # Errors
    /// When the kind or the revision is unknown, its code cannot be loaded, another rollout is under way, or the store
    /// refuses.
    pub async fn activate(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        activation: &Activation,
    ) -> Result<RolloutView, AskError> {
        self.act(tenant, kind, Wish::Activate(activation.clone())).await
    }

    /// Goes back: from a candidate to the stable revision, else from the stable revision to the one before it, or to any.
    /// State and events stay. Durable when the result arrives; actors change over as in [`Host::activate`].
    ///
    /// # Errors
    /// When there is nowhere to go back to, the code cannot be loaded, or the store refuses.
    pub async fn roll_back(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        to: Option<u32>,
        by: &Operator,
    ) -> Result<RolloutView, AskError> {
        self.act(tenant, kind, Wish::RollBack(to, by.clone())).await
    }

    /// In a task of its own: whoever leaves does not leave an act that is durable and does not hold.
    async fn act(&self, tenant: &Tenant, kind: &Kind, wish: Wish) -> Result<RolloutView, AskError> {
        self.refuse_if_closing()?;
        let deployment = self.inner().deployments.find_active(tenant, kind)?;
        let (host, tenant, kind) = (self.clone(), tenant.clone(), kind.clone());
        let acting = tokio::spawn(async move {
            let provider = &host.inner().stage.provider;
            let acts = Acts { provider, tenant: &tenant, kind: &kind, deployment: &deployment };
            let is_for_all = match &wish {
                Wish::Activate(activation) => {
                    acts.activate(activation).await?;
                    activation.whom == Whom::Now
                }
                Wish::RollBack(to, by) => {
                    acts.roll_back(*to, by).await?;
                    true
                }
            };
            host.drive(&tenant, &kind, &deployment);
            if is_for_all {
                host.retry_after_deploy(&tenant, &kind, deployment.policy().supervision.after_deploy);
            }
            host.rollout(&tenant, &kind)
        });
        acting.await.unwrap_or(Err(AskError::Lost))
    }

    /// Who could not go back, and why; changes nothing. Reads the journals of the kind's actors as far as it must.
    ///
    /// # Errors
    /// When there is nowhere to go back to, or the store cannot be read.
    pub async fn check_roll_back(
        &self,
        tenant: &Tenant,
        kind: &Kind,
        to: Option<u32>,
    ) -> Result<RollbackCheck, AskError> {
        let deployment = self.inner().deployments.find(tenant, kind)?;
        let provider = &self.inner().stage.provider;
        let target = Acts { provider, tenant, kind, deployment: &deployment }.target_of_roll_back(to)?;
        check(self, tenant, kind, &deployment, target).await
    }

    /// How the rollout of a kind goes, and which revisions its live actors run.
    ///
    /// # Errors
    /// When the tenant or kind is unknown.
    pub fn rollout(&self, tenant: &Tenant, kind: &Kind) -> Result<RolloutView, AskError> {
        let deployment = self.inner().deployments.find(tenant, kind)?;
        let mut live: BTreeMap<u32, u64> = BTreeMap::new();
        let mut behind: u64 = 0;
        for handle in self.inner().directory.live_of(tenant, kind, |_| true) {
            let Some(runs) = handle.progress.revision() else { continue };
            let count = live.entry(runs).or_default();
            *count = count.saturating_add(1);
            let is_behind = deployment.assigned_number(&handle.address) != Some(runs);
            behind = behind.saturating_add(u64::from(is_behind));
        }
        let record = deployment.rollout.record();
        let candidate = record.as_ref().and_then(|record| record.candidate.as_ref());
        let history = record.iter().flat_map(|record| &record.history);
        let looked = deployment.rollout.look(HELD_SHOWN_MAX);
        Ok(RolloutView {
            kind: kind.to_string(),
            stable: deployment.number_of(deployment.stable()).unwrap_or_default(),
            candidate: candidate.map(|candidate| CandidateView::of(candidate, &deployment)),
            live: live.into_iter().map(|(revision, actors)| LiveView { revision, actors }).collect(),
            behind,
            moved: looked.moved,
            tried: looked.tried,
            failed: looked.failed,
            pause: looked.pause,
            held_actors: u64::try_from(looked.held_count).unwrap_or(u64::MAX),
            held: looked.held.iter().map(|held| HeldView::of(held, &deployment)).collect(),
            history: history.map(|entry| RolloutEntry::of(entry, &deployment)).collect(),
        })
    }
}
