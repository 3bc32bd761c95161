//! Who may do what. As soon as there was a key, every request needs one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use super::TenancyError;
use super::key::{KeyHash, KeyId, KeyText};
use super::key_record::{KeyRecord, KeyRequest, KeyView, NewKey, StoredKey, text_problem};
use crate::frame::codec;
use crate::provider::{SharedProvider, StoreError};
use crate::vocab::{Clock, Code, Owner, Scope, Scopes, Tenant, Timestamp};

const PREFIX: &str = "key/";
const USE_PREFIX: &str = "key-use/";
/// There is such a record from the first key on: a server that asked for keys never stops, whatever becomes of them.
const LOCKED: &str = "access/locked";
/// Keys of one owner, the invalid ones that are still listed included: they are all held in memory.
const KEYS_MAX: usize = 100;
/// Times of last use that are stored at a time; the others wait for the next: bounds what idle bookkeeping writes.
const USES_STORED_MAX: usize = 256;
/// A use is stored when it is later than the stored one by this, milliseconds.
const USE_AGE_MS: u64 = 60_000;

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The key; `None` on a server that has no keys yet.
    pub key: Option<KeyId>,
    /// Whose it is.
    pub owner: Owner,
    /// What it may be used for.
    pub scopes: Scopes,
}

impl Identity {
    /// Whoever reaches a server that has no keys.
    #[must_use]
    pub fn anyone() -> Self {
        Self { key: None, owner: Owner::Host, scopes: Scope::ALL.into() }
    }
}

/// Every key of the host.
pub(crate) struct Keys {
    provider: SharedProvider,
    clock: Arc<dyn Clock>,
    all: RwLock<BTreeMap<KeyId, Arc<Kept>>>,
    locked: AtomicBool,
    /// Held while a record is being stored, so that changes do not overtake each other.
    writing: tokio::sync::Mutex<()>,
}

struct Kept {
    record: KeyRecord,
    used: AtomicU64,
    stored_use: AtomicU64,
}

impl Keys {
    /// Reads what keys there are.
    ///
    /// # Errors
    /// When the store cannot be read or a record in it is not one.
    pub(crate) async fn open(provider: SharedProvider, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let mut all = BTreeMap::new();
        for key in provider.record_keys(PREFIX).await? {
            let corrupt = |reason: String| StoreError::Corrupt { place: format!("catalog record {key}"), reason };
            let bytes = provider.record(&key).await?.ok_or_else(|| corrupt("it is missing".to_owned()))?;
            let StoredKey::V1(record) = codec::decode(&bytes).map_err(|error| corrupt(error.to_string()))?;
            let id = KeyHash(record.hash).id();
            let used = match provider.record(&format!("{USE_PREFIX}{id}")).await? {
                Some(bytes) => codec::decode(&bytes).unwrap_or_default(),
                None => 0,
            };
            all.insert(id, Kept::new(record, used));
        }
        let locked = AtomicBool::new(!all.is_empty() || provider.record(LOCKED).await?.is_some());
        Ok(Self { provider, clock, all: RwLock::new(all), locked, writing: tokio::sync::Mutex::default() })
    }

    /// Whether requests need a key.
    pub(crate) fn locked(&self) -> bool {
        self.locked.load(Ordering::Acquire)
    }

    /// Who presents this key.
    ///
    /// # Errors
    /// When it is no key, or not valid here and now. The reason never holds what was presented.
    pub(crate) fn authenticate(&self, presented: &str) -> Result<Identity, TenancyError> {
        let hash = KeyText::read(presented)?;
        let id = hash.id();
        let invalid = |reason: String| TenancyError::refused(Code::InvalidKey, reason);
        let kept = self.find(id).filter(|kept| hash.is(&kept.record.hash));
        let kept = kept.ok_or_else(|| invalid("this server does not know the key".to_owned()))?;
        let now = self.clock.now();
        if let Some(problem) = kept.record.problem(now) {
            return Err(invalid(format!("the key {id} {problem}")));
        }
        kept.used.fetch_max(now.0, Ordering::Relaxed);
        Ok(Identity { key: Some(id), owner: kept.record.owner.clone(), scopes: kept.record.scopes.clone() })
    }

    fn find(&self, id: KeyId) -> Option<Arc<Kept>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn of(&self, owner: &Owner) -> Vec<(KeyId, Arc<Kept>)> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let own = all.iter().filter(|(_, kept)| kept.record.owner == *owner);
        own.map(|(id, kept)| (*id, Arc::clone(kept))).collect()
    }

    /// The keys of an owner, oldest first.
    pub(crate) fn list(&self, owner: &Owner) -> Vec<KeyView> {
        let mut views: Vec<KeyView> = self.of(owner).iter().map(|(id, kept)| kept.view(*id)).collect();
        views.sort_by_key(|view| (view.created_at, view.id));
        views
    }

    /// Creates a key. Durable when the result arrives; a crash before it may leave a key that nobody has seen.
    ///
    /// # Errors
    /// When the request is not allowed, the owner has too many keys, or no operator could administer the host.
    pub(crate) async fn create(&self, owner: &Owner, request: &KeyRequest) -> Result<NewKey, TenancyError> {
        let _turn = self.writing.lock().await;
        let now = self.clock.now();
        check(request)?;
        let is_operator = *owner == Owner::Host && request.scopes.contains(&Scope::Admin);
        if !is_operator && !self.has_operator(now, None) {
            return Err(refused(
                "create a key of the host with the scope admin first: with any other key nobody could administer this server (greenroom key create --operator)",
            ));
        }
        self.make_room(owner, now).await?;
        let expires_at = request.expires_in_s.map(|s| now.0.saturating_add(s.saturating_mul(1_000)));
        let name = request.name.clone();
        let (owner, scopes) = (owner.clone(), request.scopes.clone());
        self.add(|hash| KeyRecord {
            hash,
            owner,
            scopes,
            name,
            created_at: now.0,
            expires_at,
            revoked_at: None,
            replaces: None,
        })
        .await
    }

    /// Replaces a key: the new one has the same rights, the old one ends after `overlap_s` seconds, or earlier if it
    /// would have. A crash in between leaves the old one as it was, beside a new one that nobody has seen.
    ///
    /// # Errors
    /// When there is no such valid key.
    pub(crate) async fn rotate(&self, owner: &Owner, id: KeyId, overlap_s: u64) -> Result<NewKey, TenancyError> {
        let _turn = self.writing.lock().await;
        let now = self.clock.now();
        let old = self.own(owner, id)?.record.clone();
        if let Some(problem) = old.problem(now) {
            return Err(refused(&format!("the key {id} {problem}; create a new one")));
        }
        self.make_room(owner, now).await?;
        let lifetime = old.expires_at.map(|at| at.saturating_sub(old.created_at));
        let expires_at = lifetime.map(|ms| now.0.saturating_add(ms));
        let renewed = KeyRecord { created_at: now.0, expires_at, replaces: Some(id), ..old.clone() };
        let new = self.add(|hash| KeyRecord { hash, ..renewed }).await?;
        let end = now.0.saturating_add(overlap_s.saturating_mul(1_000));
        let expires_at = Some(old.expires_at.map_or(end, |at| at.min(end)));
        self.store(id, KeyRecord { expires_at, ..old }).await?;
        Ok(new)
    }

    /// Ends a key now. Durable when the result arrives; from then on no request is let in with it.
    ///
    /// # Errors
    /// When there is no such key, or without it nobody could administer the host.
    pub(crate) async fn revoke(&self, owner: &Owner, id: KeyId) -> Result<KeyView, TenancyError> {
        let _turn = self.writing.lock().await;
        let now = self.clock.now();
        let kept = self.own(owner, id)?;
        if kept.record.revoked_at.is_none() {
            if *owner == Owner::Host && kept.record.problem(now).is_none() && !self.has_operator(now, Some(id)) {
                return Err(refused("this is the last key that can administer the host; create another one first"));
            }
            self.store(id, KeyRecord { revoked_at: Some(now.0), ..kept.record.clone() }).await?;
        }
        Ok(self.own(owner, id)?.view(id))
    }

    /// The scopes of a key.
    ///
    /// # Errors
    /// When the owner has no such key.
    pub(crate) fn scopes(&self, owner: &Owner, id: KeyId) -> Result<Scopes, TenancyError> {
        Ok(self.own(owner, id)?.record.scopes.clone())
    }

    /// Deletes every key of a tenant.
    ///
    /// # Errors
    /// When the store refuses; what was deleted by then stays deleted.
    pub(super) async fn delete_all(&self, tenant: &Tenant) -> Result<(), TenancyError> {
        let _turn = self.writing.lock().await;
        for (id, _) in self.of(&Owner::Tenant(tenant.clone())) {
            self.delete(id).await?;
        }
        Ok(())
    }

    /// Stores when keys were last used, as far as it is due.
    pub(crate) async fn store_uses(&self) {
        let due: Vec<(KeyId, Arc<Kept>)> = {
            let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
            let late = all.iter().filter(|(_, kept)| kept.is_use_due());
            late.take(USES_STORED_MAX).map(|(id, kept)| (*id, Arc::clone(kept))).collect()
        };
        for (id, kept) in due {
            let used = kept.used.load(Ordering::Relaxed);
            let Ok(bytes) = codec::encode(&used) else { continue };
            match self.provider.put_record(&format!("{USE_PREFIX}{id}"), Bytes::from(bytes)).await {
                Ok(()) => kept.stored_use.store(used, Ordering::Relaxed),
                Err(error) => {
                    tracing::debug!(%error, "the time at which keys were used could not be stored");
                    return;
                }
            }
        }
    }

    fn own(&self, owner: &Owner, id: KeyId) -> Result<Arc<Kept>, TenancyError> {
        let kept = self.find(id).filter(|kept| kept.record.owner == *owner);
        kept.ok_or_else(|| TenancyError::refused(Code::UnknownKey, format!("{owner} has no key {id}")))
    }

    /// Whether somebody can administer the host, also without one key.
    fn has_operator(&self, now: Timestamp, without: Option<KeyId>) -> bool {
        let of_host = self.of(&Owner::Host);
        of_host.iter().any(|(id, kept)| {
            Some(*id) != without && kept.record.scopes.contains(&Scope::Admin) && kept.record.problem(now).is_none()
        })
    }

    /// Forgets the oldest key that is not valid any longer, if the owner has as many as there may be.
    async fn make_room(&self, owner: &Owner, now: Timestamp) -> Result<(), TenancyError> {
        let own = self.of(owner);
        if own.len() < KEYS_MAX {
            return Ok(());
        }
        let dead = own.iter().filter(|(_, kept)| kept.record.problem(now).is_some());
        match dead.min_by_key(|(_, kept)| kept.record.created_at) {
            Some((id, _)) => self.delete(*id).await,
            None => Err(refused(&format!("{owner} has {KEYS_MAX} valid keys; revoke one first"))),
        }
    }

    async fn delete(&self, id: KeyId) -> Result<(), TenancyError> {
        self.provider.delete_record(&format!("{PREFIX}{id}")).await?;
        self.provider.delete_record(&format!("{USE_PREFIX}{id}")).await?;
        self.all.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        Ok(())
    }

    async fn add(&self, record: impl FnOnce([u8; 32]) -> KeyRecord) -> Result<NewKey, TenancyError> {
        let (text, hash) = KeyText::generate()?;
        let id = hash.id();
        if self.find(id).is_some() {
            return Err(refused("a key with the same id came out; try again"));
        }
        self.store(id, record(hash.0)).await?;
        self.locked.store(true, Ordering::Release);
        self.provider.put_record(LOCKED, Bytes::new()).await?;
        let view = self.find(id).map(|kept| kept.view(id)).ok_or_else(|| refused("the key was deleted meanwhile"))?;
        Ok(NewKey { text, view })
    }

    async fn store(&self, id: KeyId, record: KeyRecord) -> Result<(), TenancyError> {
        let bytes = codec::encode(&StoredKey::V1(record.clone())).map_err(|error| refused(&error.to_string()))?;
        self.provider.put_record(&format!("{PREFIX}{id}"), Bytes::from(bytes)).await?;
        let before = self.find(id);
        let kept = Kept::new(record, before.as_ref().map_or(0, |kept| kept.used.load(Ordering::Relaxed)));
        self.all.write().unwrap_or_else(PoisonError::into_inner).insert(id, kept);
        Ok(())
    }
}

impl Kept {
    fn new(record: KeyRecord, used: u64) -> Arc<Self> {
        Arc::new(Self { record, used: AtomicU64::new(used), stored_use: AtomicU64::new(used) })
    }

    fn view(&self, id: KeyId) -> KeyView {
        self.record.view(id, self.used.load(Ordering::Relaxed))
    }

    fn is_use_due(&self) -> bool {
        let (used, stored) = (self.used.load(Ordering::Relaxed), self.stored_use.load(Ordering::Relaxed));
        used.saturating_sub(stored) >= USE_AGE_MS
    }
}

fn check(request: &KeyRequest) -> Result<(), TenancyError> {
    if request.scopes.is_empty() {
        return Err(refused("a key needs at least one of the scopes call, deploy, read and admin"));
    }
    if request.expires_in_s == Some(0) {
        return Err(refused("expires_in_s is 0: the key would never be valid"));
    }
    match text_problem(&request.name).filter(|_| !request.name.is_empty()) {
        Some(problem) => Err(refused(&format!("name {problem}"))),
        None => Ok(()),
    }
}

fn refused(reason: &str) -> TenancyError {
    TenancyError::refused(Code::InvalidRequest, reason)
}
