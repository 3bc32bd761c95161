//! What actors' tasks ask of the registry.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::metric;
use super::record::{CauseRecord, TroubleRecord};
use super::registry::{Inserted, Outage, Troubles, seed};
use crate::actor::{AskError, DeadLetter, Failure, Phase, RecoveryError, Supervisor};
use crate::decide::{Sentence, SupervisionSettings, pause_ms, recent, sentence};
use crate::provider::StoreError;
use crate::vocab::{ActorId, Address, Code, Sequence, Timestamp};

/// Actors of one tenant that are remembered because the store or the machine was in the way; more are tried again by each
/// call. So many of one tenant leave room for those of others, whose number is bounded by `live_actors`.
const OUTAGES_MAX: usize = 10_000;
/// Bytes of what is remembered of an outage in words.
const OUTAGE_BYTES_MAX: usize = 200;
/// A store that does not confirm a record by then does not hold up the actor; the record is in memory all the same.
const STORED_WITHIN: Duration = Duration::from_secs(5);

impl Supervisor for Troubles {
    fn refusal(&self, address: &Address, id: ActorId) -> Option<AskError> {
        let refusal = self.standing(address, id).map(|standing| standing.refusal(address))?;
        metric::turned_away(address, refusal.code());
        Some(refusal)
    }

    fn knows(&self, address: &Address, id: ActorId) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let state = self.lock();
        state.entry(address, id).is_some() || state.outage(address, id).is_some()
    }

    fn begins<'a>(&'a self, address: &'a Arc<Address>) -> BoxFuture<'a, ()> {
        async move {
            let now = self.clock.now().0;
            if let Some(record) = self.change(address, |record| record.trying_since = Some(now)) {
                self.keep(address, &record).await;
            }
        }
        .boxed()
    }

    fn succeeded<'a>(&'a self, address: &'a Arc<Address>, settings: &'a SupervisionSettings) -> BoxFuture<'a, ()> {
        async move {
            {
                let mut state = self.lock();
                if state.forget_outage(address) {
                    self.count.fetch_sub(1, Ordering::AcqRel);
                }
            }
            let Some(record) = self.change(address, |record| record.trying_since = None) else { return };
            if record.quarantined_at.is_none() && recent(settings, &record.past(), self.clock.now()) == 0 {
                self.logged(address, self.remove(address)).await;
            } else {
                self.keep(address, &record).await;
            }
        }
        .boxed()
    }

    fn is_last_try(&self, address: &Address, settings: &SupervisionSettings) -> bool {
        let past = self.record(address).map(|record| record.past()).unwrap_or_default();
        sentence(settings, &past, self.clock.now(), 0) == Sentence::Quarantine
    }

    fn failed<'a>(
        &'a self,
        address: &'a Arc<Address>,
        failure: Failure,
        settings: &'a SupervisionSettings,
    ) -> BoxFuture<'a, Option<Sentence>> {
        self.convict(address, failure, settings).boxed()
    }

    fn outage(&self, address: &Arc<Address>, error: &RecoveryError, settings: &SupervisionSettings) -> Option<u64> {
        let (id, now) = (address.id(), self.clock.now());
        let mut state = self.lock();
        let outages = state.outages.entry(address.tenant.clone()).or_default();
        let before = outages.get(&id).map_or(0, |outage| outage.count);
        if before == 0 && outages.len() >= OUTAGES_MAX {
            return None;
        }
        let count = before.saturating_add(1);
        let pause_ms = pause_ms(settings, count, seed(id));
        let until = Timestamp(now.0.saturating_add(pause_ms));
        let message = crate::runtime::text::cut(error.to_string(), OUTAGE_BYTES_MAX);
        if outages.insert(id, Outage { count, until, pause_ms, code: error.code(), message }).is_none() {
            self.count.fetch_add(1, Ordering::AcqRel);
        }
        drop(state);
        metric::backs_off(address, "outage");
        Some(pause_ms)
    }

    fn skips(&self, id: ActorId) -> Option<Arc<[Sequence]>> {
        self.skips.of(id)
    }

    fn bury(&self, letter: DeadLetter) -> BoxFuture<'_, ()> {
        async move {
            if tokio::time::timeout(STORED_WITHIN, self.letters.bury(letter)).await.is_err() {
                tracing::error!("a dead letter was not confirmed by the store in time; it may be lost");
            }
        }
        .boxed()
    }
}

/// Why an actor may not be brought on stage now.
pub(in crate::runtime) enum Standing {
    Quarantined { code: Code, message: String },
    Waits { after_ms: u64, why: String },
}

impl Standing {
    pub(in crate::runtime) const fn phase(&self) -> Phase {
        match self {
            Self::Quarantined { .. } => Phase::Quarantined,
            Self::Waits { .. } => Phase::Restarting,
        }
    }

    fn refusal(self, address: &Address) -> AskError {
        let address = address.to_string();
        match self {
            Self::Quarantined { code, message } => {
                AskError::Quarantined { address, reason: format!("{code}, {message}") }
            }
            Self::Waits { after_ms, why } => AskError::Restarting { address, reason: why, after_ms },
        }
    }
}

impl Troubles {
    /// Why an actor may not be brought on stage now; `None`: it may.
    pub(in crate::runtime) fn standing(&self, address: &Address, id: ActorId) -> Option<Standing> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let now = self.clock.now();
        let state = self.lock();
        if let Some(entry) = state.entry(address, id) {
            let record = &entry.record;
            if record.quarantined_at.is_some() {
                let (code, message) = (record.code(), record.cause.message.clone());
                return Some(Standing::Quarantined { code, message });
            }
            // A clock that goes back does not make the pause longer.
            let pause_ms = record.failures.last().map_or(0, |last| last.waited_ms);
            let after_ms = record.until().since_ms(now).min(pause_ms);
            if after_ms > 0 {
                let why = format!("{}, {}", record.code(), record.cause.message);
                return Some(Standing::Waits { after_ms, why });
            }
        }
        let outage = state.outage(address, id)?;
        let after_ms = outage.until.since_ms(now).min(outage.pause_ms);
        (after_ms > 0).then(|| Standing::Waits { after_ms, why: format!("{}, {}", outage.code, outage.message) })
    }

    async fn convict(
        &self,
        address: &Arc<Address>,
        failure: Failure,
        settings: &SupervisionSettings,
    ) -> Option<Sentence> {
        let (id, now, cause) = (address.id(), self.clock.now(), CauseRecord::of(&failure));
        metric::failed(address, failure.code);
        let mut sentence = None;
        let mut convict = |record: &mut TroubleRecord| {
            // What is long past is of no use to anybody.
            let kept = usize::try_from(recent(settings, &record.past(), now)).unwrap_or(usize::MAX);
            record.failures.drain(..record.failures.len().saturating_sub(kept));
            sentence = Some(record.convict(id, cause.clone(), settings, now));
        };
        let record = match self.change(address, &mut convict) {
            Some(record) => record,
            None => {
                let mut record = TroubleRecord::new(address, cause.clone());
                convict(&mut record);
                match self.insert(address, record.clone()) {
                    Inserted::NoRoom => {
                        tracing::error!(actor = %address, code = %failure.code, "a failure is not remembered: the tenant has too many actors in trouble (limits.troubled_actors)");
                        return None;
                    }
                    Inserted::There { evicted } => {
                        if let Some(evicted) = evicted {
                            let key = super::record::place(&evicted.tenant, evicted.id());
                            self.logged(&evicted, self.provider.delete_record(&key)).await;
                        }
                        record
                    }
                }
            }
        };
        self.keep(address, &record).await;
        match sentence {
            Some(Sentence::Quarantine) => {
                metric::quarantined(address, failure.code);
                tracing::error!(actor = %address, code = %failure.code, sequence = ?record.cause.shown_sequence().map(|sequence| sequence.0), failures = record.failures.len(), cause = %record.cause.message, "quarantined: nothing of this actor runs until an operator says retry, skip, release or purge");
            }
            Some(Sentence::Restart { after_ms }) if after_ms > 0 => metric::backs_off(address, "failure"),
            _ => {}
        }
        sentence
    }

    /// Stores a record as well as it goes: what is in memory holds in any case.
    async fn keep(&self, address: &Address, record: &TroubleRecord) {
        self.logged(address, self.store(address, record)).await;
    }

    async fn logged(&self, address: &Address, storing: impl Future<Output = Result<(), StoreError>> + Send) {
        match tokio::time::timeout(STORED_WITHIN, storing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(actor = %address, code = %error.code(), %error, "what is remembered of an actor in trouble is not durable");
            }
            Err(_) => {
                tracing::error!(actor = %address, "what is remembered of an actor in trouble may not be durable: the store does not answer");
            }
        }
    }
}
