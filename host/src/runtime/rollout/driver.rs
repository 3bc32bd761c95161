//! The task of a kind that is rolling: has live actors change over, lets a ramp go on, takes back what fails.
//!
//! It holds nothing that a crash could lose: what is to be is in the record, who is not there yet is seen in the directory.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::act::Acts;
use super::record::CandidateRecord;
use super::state::Looked;
use crate::actor::{AskError, Code as _, Order, Pacer, Ticket};
use crate::decide::{RampStep, ramp_step};
use crate::runtime::Host;
use crate::runtime::deployment::Deployment;
use crate::runtime::directory::Handle;
use crate::runtime::tenancy::{Act, ActResult, Realm};
use crate::vocab::{Code, Kind, Owner, RevisionId, Tenant};

/// While a rollout is under way, it is looked at this often at least: who could not change over is asked again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Beyond the time that changing over may take, so long is waited for an actor that does not take orders.
const GRACE: Duration = Duration::from_secs(2);

/// What the driver does after a look.
enum Next {
    /// It looks again at once.
    Again,
    /// It looks again after so long, or when something changes.
    After(Duration),
    /// Everybody is where they belong, and nothing is to come.
    Done,
}

impl Host {
    /// Has somebody drive the rollout of a kind, if nobody does yet.
    pub(in crate::runtime) fn drive(&self, tenant: &Tenant, kind: &Kind, deployment: &Deployment) {
        deployment.rollout.changed.notify_one();
        if !deployment.rollout.begin_driving() {
            return;
        }
        let (host, tenant, kind) = (self.downgrade(), tenant.clone(), kind.clone());
        self.inner().spawn(drive(host, tenant, kind));
    }
}

async fn drive(host: impl Fn() -> Option<Host> + Send, tenant: Tenant, kind: Kind) {
    loop {
        let Some(host) = host() else { return };
        let Ok(deployment) = host.inner().deployments.find(&tenant, &kind) else { return };
        let mut closing = host.inner().closing.subscribe();
        if *closing.borrow_and_update() {
            return;
        }
        let driver = Driver { host: &host, tenant: &tenant, kind: &kind, deployment: &deployment };
        let next = driver.step().await;
        if matches!(next, Next::Done) {
            deployment.rollout.end_driving();
            // Somebody may have begun anew just before that, and found that it was driven.
            if !driver.has_work() || !deployment.rollout.begin_driving() {
                return;
            }
        }
        // Whoever sleeps must not keep the host alive.
        drop(host);
        match next {
            Next::Again | Next::Done => {}
            Next::After(time) => {
                tokio::select! {
                    () = tokio::time::sleep(time) => {}
                    () = deployment.rollout.changed.notified() => {}
                    _ = closing.changed() => return,
                }
            }
        }
    }
}

struct Driver<'a> {
    host: &'a Host,
    tenant: &'a Tenant,
    kind: &'a Kind,
    deployment: &'a Arc<Deployment>,
}

impl Driver<'_> {
    fn acts(&self) -> Acts<'_> {
        let provider = &self.host.inner().stage.provider;
        Acts { provider, tenant: self.tenant, kind: self.kind, deployment: self.deployment }
    }

    async fn step(&self) -> Next {
        if self.host.inner().tenants.active(self.tenant).is_err() {
            self.deployment.rollout.watch_anew();
            // Nothing of it runs. Its actors come back on what they are assigned when it is active again.
            return Next::After(LOOK_AGAIN);
        }
        match self.go_on().await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(tenant = %self.tenant, kind = %self.kind, code = %error.code(), %error, "a rollout cannot go on now; it is tried again");
                Next::After(LOOK_AGAIN)
            }
        }
    }

    async fn go_on(&self) -> Result<Next, AskError> {
        let record = self.acts().record();
        let candidate = record.candidate();
        if let Some(candidate) = &record.candidate
            && self.deployment.rollout.is_failing()
        {
            self.take_back(candidate).await?;
            return Ok(Next::Again);
        }
        let behind = self.behind();
        if !behind.is_empty() {
            // Loaded here, so that nobody who changes over waits for it.
            self.deployment.revision(record.stable()).await?;
            if let Some(candidate) = candidate {
                self.deployment.revision(candidate).await?;
            }
            let count = behind.len();
            self.swap(behind).await;
            let left = self.behind().len();
            // Who could not change over now is not asked again and again.
            return Ok(if left < count { Next::Again } else { Next::After(LOOK_AGAIN) });
        }
        let Some(seen) = &record.candidate else { return Ok(Next::Done) };
        let of = RevisionId(seen.revision);
        match seen.with_ramp(|ramp| ramp_step(ramp, self.deployment.rollout.now())) {
            Some(RampStep::GoTo(stage)) => {
                self.acts().reach(seen, stage).await?;
                tracing::info!(tenant = %self.tenant, kind = %self.kind, revision = ?self.deployment.number_of(of), stage, "a ramp goes on");
                Ok(Next::Again)
            }
            Some(RampStep::Complete) if self.deployment.rollout.is_hopeless() => {
                // Too few for the thresholds, but nobody could run it: it is not made the code that new actors begin with.
                self.take_back(seen).await?;
                Ok(Next::Again)
            }
            Some(RampStep::Complete) => {
                self.acts().complete(seen).await?;
                tracing::info!(tenant = %self.tenant, kind = %self.kind, revision = ?self.deployment.number_of(of), "a rollout is complete");
                Ok(Next::Again)
            }
            Some(RampStep::Wait(ms)) => Ok(Next::After(Duration::from_millis(ms).min(LOOK_AGAIN))),
            Some(RampStep::Stay) | None => Ok(Next::After(LOOK_AGAIN)),
        }
    }

    fn has_work(&self) -> bool {
        self.acts().record().candidate().is_some() || !self.behind().is_empty()
    }

    /// Live actors that run another revision than they are to run.
    fn behind(&self) -> Vec<Arc<Handle>> {
        let is_behind = |handle: &Handle| {
            let runs = handle.progress.revision();
            !handle.is_leaving() && runs.is_some() && runs != self.deployment.assigned_number(&handle.address)
        };
        self.host.inner().directory.live_of(self.tenant, self.kind, is_behind)
    }

    /// Has them change over, a bounded number at a time and with rests, until all have or the candidate is failing.
    async fn swap(&self, behind: Vec<Arc<Handle>>) {
        let pacer = Pacer::new(f64::from(self.deployment.policy().rollout.swap_percent) / 100.0);
        let swaps_max = usize::try_from(self.host.inner().stage.limits.concurrent_swaps).unwrap_or(usize::MAX);
        let mut closing = self.host.inner().closing.subscribe();
        let mut waiting = behind.into_iter();
        let mut under_way = FuturesUnordered::new();
        loop {
            while !self.stops() && under_way.len() < swaps_max {
                let Some(handle) = waiting.next() else { break };
                under_way.push(self.swap_one(handle));
            }
            if under_way.next().await.is_none() {
                return;
            }
            if waiting.len() > 0 && !self.stops() {
                tokio::select! {
                    () = pacer.rest() => {}
                    // Whoever takes a long time is not rested for as long.
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                    _ = closing.changed() => {}
                }
                // A rest that was cut short was no work either.
                pacer.resume();
            }
        }
    }

    /// Whether nobody else is to change over now.
    fn stops(&self) -> bool {
        *self.host.inner().closing.borrow() || self.deployment.rollout.is_failing()
    }

    async fn swap_one(&self, handle: Arc<Handle>) {
        let within = Duration::from_millis(self.deployment.policy().rollout.swap_ms).saturating_add(GRACE);
        let place = self.host.inner().stage.swaps.enter(self.tenant).await;
        let (ticket, stub) = Ticket::new(place);
        let ordering = async {
            // Who leaves comes back on what it is assigned.
            let _left = handle.orders.send(Order::Swap(ticket)).await;
        };
        if tokio::time::timeout(within, ordering).await.is_ok() {
            stub.ended(within).await;
        }
    }

    /// Writes down that the candidate failed, and says so where operators look.
    async fn take_back(&self, seen: &CandidateRecord) -> Result<(), AskError> {
        let number = self.deployment.number_of(RevisionId(seen.revision)).unwrap_or_default();
        let Looked { failed, tried, .. } = self.deployment.rollout.look(0);
        let why = format!("{failed} of {tried} actors failed on revision {number}");
        let act = Act {
            who: "host".to_owned(),
            what: "rollBack".to_owned(),
            target: format!("{}/{}: {why}", self.tenant, self.kind),
        };
        let audit = &self.host.inner().audit;
        let begun = audit.begin(&Owner::Tenant(self.tenant.clone()), Realm::Actors, act).await?;
        let taken_back = self.acts().take_back(seen, &why).await;
        let result = match &taken_back {
            Ok(_) => ActResult::Done,
            Err(error) => ActResult::Failed(error.code().to_string()),
        };
        audit.end(&begun, result).await?;
        if taken_back? {
            tracing::error!(tenant = %self.tenant, kind = %self.kind, code = %Code::RolloutTakenBack, failed, tried, revision = number,
                "too many actors failed on a new revision; everybody goes back to the stable one");
        }
        Ok(())
    }
}
