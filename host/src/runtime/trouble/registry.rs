//! Who is in trouble: in memory for every refusal, durable for what must survive a crash.
//!
//! # Why a crash does not let a poison actor start from zero
//! A failure is durable before anybody learns of it and before the actor is tried again. An actor of which a failure is
//! remembered is written down as *being tried* before it is tried: if the host dies meanwhile, that counts as a failure
//! at the next start, before anything wakes the actor.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dead_letters::DeadLetters;
use super::metric;
use super::record::{ActRecord, CauseRecord, FailureRecord, PREFIX, TroubleRecord, place, prefix};
use super::skips::Skips;
use crate::actor::RequestError;
use crate::decide::{FAILURES_KEPT_MAX, Sentence, SupervisionSettings, recent, sentence};
use crate::provider::{SharedProvider, StoreError};
use crate::runtime::HostSettings;
use crate::sandbox::limit_hit;
use crate::vocab::{ActorId, Address, Clock, Code, Limit, Tenant, Timestamp};

/// Everything about trouble.
pub(in crate::runtime) struct Troubles {
    pub(super) provider: SharedProvider,
    pub(super) clock: Arc<dyn Clock>,
    /// Actors in trouble that are remembered of each tenant.
    actors_max: usize,
    state: Mutex<State>,
    /// Actors and outages in `state`; without any, a look costs one atomic load.
    pub(super) count: AtomicUsize,
    pub(super) skips: Skips,
    pub(in crate::runtime) letters: Arc<DeadLetters>,
    /// Actors at which an operator's act is under way.
    busy: Mutex<HashSet<ActorId>>,
}

/// What the lock protects.
#[derive(Default)]
pub(super) struct State {
    tenants: HashMap<Tenant, OfTenant>,
    /// By tenant: none takes the room of others.
    pub(super) outages: HashMap<Tenant, HashMap<ActorId, Outage>>,
}

#[derive(Default)]
struct OfTenant {
    actors: HashMap<ActorId, Entry>,
    quarantined: usize,
}

/// An actor that failed by its own fault.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) address: Arc<Address>,
    pub(super) record: TroubleRecord,
}

/// An actor that could not be brought back, not by its own fault. In memory only: after a crash it is tried at once.
pub(super) struct Outage {
    pub(super) count: u32,
    pub(super) until: Timestamp,
    pub(super) pause_ms: u64,
    pub(super) code: Code,
    pub(super) message: String,
}

impl State {
    pub(super) fn entry(&self, address: &Address, id: ActorId) -> Option<&Entry> {
        self.tenants.get(&address.tenant)?.actors.get(&id)
    }

    pub(super) fn entries(&self, tenant: Option<&Tenant>) -> impl Iterator<Item = &Entry> {
        let chosen = self.tenants.iter().filter(move |(of, _)| tenant.is_none_or(|tenant| tenant == *of));
        chosen.flat_map(|(_, of)| of.actors.values())
    }

    pub(super) fn outage(&self, address: &Address, id: ActorId) -> Option<&Outage> {
        self.outages.get(&address.tenant)?.get(&id)
    }

    /// Forgets that an actor could not be brought back; whether that was known.
    pub(super) fn forget_outage(&mut self, address: &Address) -> bool {
        let Some(of) = self.outages.get_mut(&address.tenant) else { return false };
        let was_known = of.remove(&address.id()).is_some();
        if of.is_empty() {
            self.outages.remove(&address.tenant);
        }
        was_known
    }

    fn count(&self) -> usize {
        let in_trouble = self.tenants.values().map(|of| of.actors.len()).sum::<usize>();
        in_trouble.saturating_add(self.outages.values().map(HashMap::len).sum())
    }
}

impl OfTenant {
    /// Room for one more: the one that failed longest ago and is not quarantined is forgotten, if there is one.
    fn make_room(&mut self, actors_max: usize) -> Option<Option<Entry>> {
        if self.actors.len() < actors_max {
            return Some(None);
        }
        if self.actors.len() <= self.quarantined {
            return None;
        }
        let restarting = self.actors.iter().filter(|(_, entry)| entry.record.quarantined_at.is_none());
        let oldest = restarting.min_by_key(|(_, entry)| entry.record.until()).map(|(id, _)| *id)?;
        Some(self.actors.remove(&oldest))
    }

    fn recount(&mut self, tenant: &Tenant) {
        let quarantined = self.actors.values().filter(|entry| entry.record.quarantined_at.is_some()).count();
        self.quarantined = quarantined;
        metric::in_quarantine(tenant, quarantined);
    }
}

impl Troubles {
    /// Reads who is in trouble. An actor that was being tried when the host ended has failed once more.
    ///
    /// # Errors
    /// When the store cannot be read or written, or a record in it is not one.
    pub(in crate::runtime) async fn open(
        provider: SharedProvider,
        clock: Arc<dyn Clock>,
        settings: &HostSettings,
    ) -> Result<Self, StoreError> {
        let skips = Skips::open(Arc::clone(&provider)).await?;
        let letters = DeadLetters::new(Arc::clone(&provider), Arc::clone(&clock), settings.dead_letters.clone());
        let actors_max = usize::try_from(settings.limits.troubled_actors).unwrap_or(usize::MAX);
        let troubles = Self {
            provider,
            clock,
            actors_max,
            state: Mutex::default(),
            count: AtomicUsize::new(0),
            skips,
            letters: Arc::new(letters),
            busy: Mutex::default(),
        };
        for key in troubles.provider.record_keys(PREFIX).await? {
            let Some(bytes) = troubles.provider.record(&key).await? else { continue };
            let (address, record) = TroubleRecord::decode(&key, &bytes)?;
            let policy = settings.policy_of(&address.tenant, &address.kind);
            troubles.restore(&key, Entry { address, record }, &policy.supervision).await?;
        }
        Ok(troubles)
    }

    async fn restore(&self, key: &str, mut entry: Entry, settings: &SupervisionSettings) -> Result<(), StoreError> {
        if let Some(since) = entry.record.trying_since.take() {
            let at = Timestamp(since);
            let message = "the host ended while it brought the actor back; it may have died of it".to_owned();
            let code = Code::AttemptCutOff.number();
            let cause = CauseRecord { code, message, poison: None, ..entry.record.cause.clone() };
            let sentence = entry.convict(cause, settings, at);
            tracing::warn!(actor = %entry.address, code = %Code::AttemptCutOff, ?sentence, "the host ended while it brought the actor back");
            self.provider.put_record(key, entry.record.encode()?).await?;
        }
        let is_old = recent(settings, &entry.record.past(), self.clock.now()) == 0;
        if is_old && entry.record.quarantined_at.is_none() {
            return self.provider.delete_record(key).await;
        }
        let mut state = self.lock();
        let of = state.tenants.entry(entry.address.tenant.clone()).or_default();
        let tenant = entry.address.tenant.clone();
        of.actors.insert(entry.address.id(), entry);
        of.recount(&tenant);
        self.count.store(state.count(), Ordering::Release);
        Ok(())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The actor's record, if it is in trouble.
    pub(super) fn record(&self, address: &Address) -> Option<TroubleRecord> {
        Some(self.lock().entry(address, address.id())?.record.clone())
    }

    /// Changes the record of an actor, in memory; `None`: it is not in trouble.
    pub(super) fn change(&self, address: &Address, change: impl FnOnce(&mut TroubleRecord)) -> Option<TroubleRecord> {
        let mut state = self.lock();
        let of = state.tenants.get_mut(&address.tenant)?;
        let record = &mut of.actors.get_mut(&address.id())?.record;
        let before = record.quarantined_at.is_some();
        change(record);
        let changed = record.clone();
        if changed.quarantined_at.is_some() != before {
            of.recount(&address.tenant);
        }
        Some(changed)
    }

    /// Makes a record for an actor that an operator quarantines, whatever the bound.
    pub(super) fn insert_beyond_limits(&self, address: &Arc<Address>, record: TroubleRecord) {
        let mut state = self.lock();
        let of = state.tenants.entry(address.tenant.clone()).or_default();
        of.actors.insert(address.id(), Entry { address: Arc::clone(address), record });
        of.recount(&address.tenant);
        self.count.store(state.count(), Ordering::Release);
    }

    /// Makes a record for an actor that has none, if there is room.
    pub(super) fn insert(&self, address: &Arc<Address>, record: TroubleRecord) -> Inserted {
        let mut state = self.lock();
        let of = state.tenants.entry(address.tenant.clone()).or_default();
        let Some(evicted) = of.make_room(self.actors_max) else {
            metric::unremembered(&address.tenant);
            limit_hit(&address.tenant, Limit::TroubledActors);
            return Inserted::NoRoom;
        };
        of.actors.insert(address.id(), Entry { address: Arc::clone(address), record });
        of.recount(&address.tenant);
        self.count.store(state.count(), Ordering::Release);
        Inserted::There { evicted: evicted.map(|entry| entry.address) }
    }

    /// Stores the record of an actor. Durable when the result arrives.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn store(&self, address: &Address, record: &TroubleRecord) -> Result<(), StoreError> {
        self.provider.put_record(&place(&address.tenant, address.id()), record.encode()?).await
    }

    /// Forgets an actor: first in the store, then in memory, so that a crash in between leaves it in trouble.
    ///
    /// # Errors
    /// When the store refuses; the actor stays where it is.
    pub(super) async fn remove(&self, address: &Address) -> Result<(), StoreError> {
        self.provider.delete_record(&place(&address.tenant, address.id())).await?;
        let mut state = self.lock();
        state.forget_outage(address);
        if let Some(of) = state.tenants.get_mut(&address.tenant) {
            of.actors.remove(&address.id());
            of.recount(&address.tenant);
        }
        self.count.store(state.count(), Ordering::Release);
        Ok(())
    }

    /// Forgets everything of a tenant that is deleted.
    ///
    /// # Errors
    /// When the store refuses; what was deleted by then stays deleted.
    pub(in crate::runtime) async fn forget_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        for key in self.provider.record_keys(&prefix(tenant)).await? {
            self.provider.delete_record(&key).await?;
        }
        self.skips.forget_tenant(tenant).await?;
        self.letters.forget_tenant(tenant).await?;
        let mut state = self.lock();
        state.tenants.remove(tenant);
        state.outages.remove(tenant);
        metric::in_quarantine(tenant, 0);
        self.count.store(state.count(), Ordering::Release);
        Ok(())
    }

    /// The host ends in order: who is being tried now did not end it.
    pub(in crate::runtime) async fn host_ends(&self) {
        let trying: Vec<Arc<Address>> = {
            let state = self.lock();
            let trying = state.entries(None).filter(|entry| entry.record.trying_since.is_some());
            trying.map(|entry| Arc::clone(&entry.address)).collect()
        };
        for address in trying {
            let Some(record) = self.change(&address, |record| record.trying_since = None) else { continue };
            if let Err(error) = self.store(&address, &record).await {
                tracing::warn!(actor = %address, %error, "the next start takes an attempt for one that ended the host");
            }
        }
    }

    /// Lets one operator's act on an actor begin; ends with the result.
    ///
    /// # Errors
    /// When another one is under way.
    pub(super) fn begin_act(&self, address: &Address) -> Result<Busy<'_>, RequestError> {
        let id = address.id();
        if self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
            return Ok(Busy { troubles: self, id });
        }
        Err(RequestError::ActUnderWay(address.to_string()))
    }

    /// Actors at which an act must be finished that a crash cut off.
    pub(super) fn cut_off_acts(&self) -> Vec<(Arc<Address>, ActRecord)> {
        let state = self.lock();
        let acts =
            state.entries(None).filter_map(|entry| Some((Arc::clone(&entry.address), entry.record.act.clone()?)));
        acts.collect()
    }
}

/// Whether there was room for another actor in trouble.
pub(super) enum Inserted {
    There {
        /// Whose record was forgotten for it, and must be deleted from the store.
        evicted: Option<Arc<Address>>,
    },
    NoRoom,
}

/// An operator's act under way.
pub(super) struct Busy<'a> {
    troubles: &'a Troubles,
    id: ActorId,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.troubles.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Entry {
    /// One more failure: what becomes of the actor.
    pub(super) fn convict(&mut self, cause: CauseRecord, settings: &SupervisionSettings, now: Timestamp) -> Sentence {
        self.record.convict(self.address.id(), cause, settings, now)
    }
}

impl TroubleRecord {
    /// One more failure: what becomes of the actor.
    pub(super) fn convict(
        &mut self,
        id: ActorId,
        cause: CauseRecord,
        settings: &SupervisionSettings,
        now: Timestamp,
    ) -> Sentence {
        let sentence = sentence(settings, &self.past(), now, seed(id));
        let waited_ms = match sentence {
            Sentence::Restart { after_ms } => after_ms,
            Sentence::Quarantine => 0,
        };
        self.failures.push(FailureRecord { at: now.0, waited_ms, code: cause.code });
        let over = self.failures.len().saturating_sub(FAILURES_KEPT_MAX);
        self.failures.drain(..over);
        self.cause = cause;
        self.trying_since = None;
        if sentence == Sentence::Quarantine {
            self.quarantined_at.get_or_insert(now.0);
        }
        sentence
    }
}

/// What spreads the pauses of different actors.
pub(super) fn seed(id: ActorId) -> u64 {
    id.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
