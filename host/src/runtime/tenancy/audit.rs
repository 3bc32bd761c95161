//! What was administered, by whom, and what came of it. Durable, and bounded per owner: the oldest entries go first.
//!
//! An act is written down before it begins, and again with its result when it has ended. A crash in between leaves
//! it as begun. Acts on one tenant cannot push acts on another one, or on the host, out; acts on actors and kinds, of which
//! anybody can do many, cannot push out who was let in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::frame::codec;
use crate::provider::{SharedProvider, StoreError};
use crate::runtime::text::cut;
use crate::vocab::{Clock, Owner, Tenant, Timestamp};

/// Entries of each realm that are kept of the host: some years of an ordinary one.
const HOST_ENTRIES_MAX: usize = 10_000;
/// Entries of each realm that are kept of each tenant.
const TENANT_ENTRIES_MAX: usize = 500;
/// What the number of an act on actors or kinds ends with in the catalog.
const OF_ACTORS: char = 'a';
/// Entries in one listing.
const LISTED_MAX: usize = 1_000;
/// Bytes of one text of an entry; longer ones are cut.
const TEXT_BYTES_MAX: usize = 1_200;

/// What the catalog keeps of an act. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredAct {
    /// The first layout.
    V1 { at: u64, act: Act, result: ActResult },
}

/// What an act is about; each has its own bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Realm {
    /// Who is let in, and what they may: tenants, keys.
    Access,
    /// Actors, kinds, the store.
    Actors,
}

/// What somebody set out to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who: the id of a key, `anyone` on a server without keys, `offline` beside a server.
    pub who: String,
    /// What: the operation's name, as `/openapi.json` has it.
    pub what: String,
    /// On what, in words.
    pub target: String,
}

/// What came of an act. Stored by position: new ones go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActResult {
    /// It began; if it stays so, the server ended before it did.
    Begun,
    /// It was done.
    Done,
    /// It was refused or failed; the code says why.
    Failed(String),
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its number in its owner's log: 1 for the first.
    pub number: u64,
    /// When it began.
    pub at: Timestamp,
    /// The act.
    #[serde(flatten)]
    pub act: Act,
    /// `begun`, `done`, or the code of what was in the way.
    pub result: String,
}

/// The audit log.
pub(crate) struct AuditLog {
    provider: SharedProvider,
    clock: Arc<dyn Clock>,
    /// What there is in each log that was used since the start.
    ends: Mutex<BTreeMap<Owner, Ends>>,
    /// Held while numbers are looked up.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Ends {
    next: u64,
    access: VecDeque<u64>,
    actors: VecDeque<u64>,
}

impl Ends {
    /// The next number, and those that go for it.
    fn number(&mut self, realm: Realm, entries_max: usize) -> (u64, Vec<u64>) {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let kept = match realm {
            Realm::Access => &mut self.access,
            Realm::Actors => &mut self.actors,
        };
        kept.push_back(number);
        let surplus = kept.len().saturating_sub(entries_max);
        (number, kept.drain(..surplus).collect())
    }
}

/// An act under way; end it with [`AuditLog::end`].
#[derive(Debug)]
pub(crate) struct Begun {
    owner: Owner,
    realm: Realm,
    number: u64,
    at: u64,
    act: Act,
}

impl AuditLog {
    pub(crate) fn new(provider: SharedProvider, clock: Arc<dyn Clock>) -> Self {
        Self { provider, clock, ends: Mutex::default(), opening: tokio::sync::Mutex::default() }
    }

    /// Writes down that an act begins. Durable when the result arrives.
    ///
    /// # Errors
    /// When the store refuses: then the act must not begin.
    pub(crate) async fn begin(&self, owner: &Owner, realm: Realm, act: Act) -> Result<Begun, StoreError> {
        let act = Act { target: cut(act.target, TEXT_BYTES_MAX), ..act };
        self.open(owner).await?;
        let entries_max = if *owner == Owner::Host { HOST_ENTRIES_MAX } else { TENANT_ENTRIES_MAX };
        let (number, expired) = {
            let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Ends { next: 1, access: VecDeque::new(), actors: VecDeque::new() };
            ends.entry(owner.clone()).or_insert_with(new).number(realm, entries_max)
        };
        let at = self.clock.now().0;
        let begun = Begun { owner: owner.clone(), realm, number, at, act };
        self.write(&begun, ActResult::Begun).await?;
        for number in expired {
            self.provider.delete_record(&place(owner, realm, number)).await?;
        }
        Ok(begun)
    }

    /// Writes down what came of an act.
    ///
    /// # Errors
    /// When the store refuses; the entry then says that the act began.
    pub(crate) async fn end(&self, begun: &Begun, result: ActResult) -> Result<(), StoreError> {
        let ends = |owner: &Owner| self.ends.lock().unwrap_or_else(PoisonError::into_inner).contains_key(owner);
        if begun.owner != Owner::Host && !ends(&begun.owner) {
            return Ok(()); // the tenant was deleted meanwhile, and its log with it
        }
        self.write(begun, result).await
    }

    async fn write(&self, begun: &Begun, result: ActResult) -> Result<(), StoreError> {
        let stored = StoredAct::V1 { at: begun.at, act: begun.act.clone(), result };
        let key = place(&begun.owner, begun.realm, begun.number);
        let bytes = codec::encode(&stored)
            .map_err(|error| StoreError::Corrupt { place: key.clone(), reason: error.to_string() })?;
        self.provider.put_record(&key, Bytes::from(bytes)).await
    }

    /// Looks up where a log ends, the first time that it is used.
    async fn open(&self, owner: &Owner) -> Result<(), StoreError> {
        let is_open = || self.ends.lock().unwrap_or_else(PoisonError::into_inner).contains_key(owner);
        if is_open() {
            return Ok(());
        }
        let _turn = self.opening.lock().await;
        if !is_open() {
            let keys = self.provider.record_keys(&prefix(owner)).await?;
            let mut found = Ends { next: 1, access: VecDeque::new(), actors: VecDeque::new() };
            for (realm, number) in keys.iter().filter_map(|key| numbered(key)) {
                found.next = found.next.max(number.saturating_add(1));
                match realm {
                    Realm::Access => found.access.push_back(number),
                    Realm::Actors => found.actors.push_back(number),
                }
            }
            self.ends.lock().unwrap_or_else(PoisonError::into_inner).insert(owner.clone(), found);
        }
        Ok(())
    }

    /// The entries of a log below `before`, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn list(&self, owner: &Owner, before: u64, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let keys = self.provider.record_keys(&prefix(owner)).await?;
        let older = keys.iter().rev().filter_map(|key| Some((key, numbered(key)?.1))).filter(|(_, at)| *at < before);
        let mut entries = Vec::new();
        for (key, number) in older.take(limit.min(LISTED_MAX)) {
            let Some(bytes) = self.provider.record(key).await? else { continue };
            let corrupt = |reason: String| StoreError::Corrupt { place: format!("catalog record {key}"), reason };
            let StoredAct::V1 { at, act, result } =
                codec::decode(&bytes).map_err(|error| corrupt(error.to_string()))?;
            entries.push(AuditEntry { number, at: Timestamp(at), act, result: written(result) });
        }
        Ok(entries)
    }

    /// Deletes a tenant's log.
    ///
    /// # Errors
    /// When the store refuses; what was deleted by then stays deleted.
    pub(super) async fn delete(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let owner = Owner::Tenant(tenant.clone());
        for key in self.provider.record_keys(&prefix(&owner)).await? {
            self.provider.delete_record(&key).await?;
        }
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).remove(&owner);
        Ok(())
    }
}

fn prefix(owner: &Owner) -> String {
    format!("audit/{owner}/")
}

/// Numbers have a fixed width, so that the catalog's order is theirs.
fn place(owner: &Owner, realm: Realm, number: u64) -> String {
    let place = format!("audit/{owner}/{number:020}");
    if realm == Realm::Actors { format!("{place}{OF_ACTORS}") } else { place }
}

/// Realm and number of an entry's place.
fn numbered(key: &str) -> Option<(Realm, u64)> {
    let number = key.rsplit('/').next()?;
    match number.strip_suffix(OF_ACTORS) {
        Some(number) => Some((Realm::Actors, number.parse().ok()?)),
        None => Some((Realm::Access, number.parse().ok()?)),
    }
}

fn written(result: ActResult) -> String {
    match result {
        ActResult::Begun => "begun".to_owned(),
        ActResult::Done => "done".to_owned(),
        ActResult::Failed(code) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::memory::MemoryProvider;
    use crate::vocab::ManualClock;

    fn log(provider: &SharedProvider) -> AuditLog {
        AuditLog::new(Arc::clone(provider), Arc::new(ManualClock::new(Timestamp(5))))
    }

    fn act(what: &str) -> Act {
        Act { who: "anyone".to_owned(), what: what.to_owned(), target: "acme".to_owned() }
    }

    fn tenant(name: &str) -> Owner {
        Owner::Tenant(Tenant::new(name).unwrap())
    }

    #[tokio::test]
    async fn an_act_is_there_from_its_beginning_and_later_with_its_result() {
        let provider: SharedProvider = MemoryProvider::new();
        let begun = log(&provider).begin(&Owner::Host, Realm::Access, act("createTenant")).await.unwrap();
        let after_crash = log(&provider);
        assert_eq!(after_crash.list(&Owner::Host, u64::MAX, 9).await.unwrap()[0].result, "begun");
        after_crash.end(&begun, ActResult::Failed("GR0105".to_owned())).await.unwrap();
        after_crash.begin(&Owner::Host, Realm::Access, act("deleteTenant")).await.unwrap();
        let entries = after_crash.list(&Owner::Host, u64::MAX, 9).await.unwrap();
        let seen: Vec<_> = entries.iter().map(|e| (e.number, e.act.what.as_str(), e.result.as_str())).collect();
        assert_eq!(seen, [(2, "deleteTenant", "begun"), (1, "createTenant", "GR0105")]);
        assert_eq!(after_crash.list(&Owner::Host, 2, 9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_log_is_bounded_and_one_owner_does_not_push_out_another() {
        let provider: SharedProvider = MemoryProvider::new();
        let audit = log(&provider);
        audit.begin(&tenant("b"), Realm::Access, act("first")).await.unwrap();
        for _ in 0..TENANT_ENTRIES_MAX + 3 {
            audit.begin(&tenant("a"), Realm::Access, act("again")).await.unwrap();
        }
        let kept = provider.record_keys("audit/a/").await.unwrap().len();
        assert_eq!(kept, TENANT_ENTRIES_MAX);
        let newest = audit.list(&tenant("a"), u64::MAX, 1).await.unwrap()[0].number;
        assert_eq!(usize::try_from(newest).unwrap(), TENANT_ENTRIES_MAX + 3);
        assert_eq!(audit.list(&tenant("b"), u64::MAX, 9).await.unwrap()[0].act.what, "first");
        // The bound holds after a restart, too.
        log(&provider).begin(&tenant("a"), Realm::Access, act("again")).await.unwrap();
        assert_eq!(provider.record_keys("audit/a/").await.unwrap().len(), kept);
    }

    #[tokio::test]
    async fn acts_on_actors_do_not_push_out_who_was_let_in() {
        let provider: SharedProvider = MemoryProvider::new();
        let audit = log(&provider);
        audit.begin(&tenant("a"), Realm::Access, act("createKey")).await.unwrap();
        for _ in 0..TENANT_ENTRIES_MAX + 3 {
            audit.begin(&tenant("a"), Realm::Actors, act("passivate")).await.unwrap();
        }
        // After a restart, too.
        let audit = log(&provider);
        audit.begin(&tenant("a"), Realm::Actors, act("passivate")).await.unwrap();
        let entries = audit.list(&tenant("a"), u64::MAX, LISTED_MAX).await.unwrap();
        assert_eq!(entries.len(), TENANT_ENTRIES_MAX + 1);
        let oldest = entries.last().unwrap();
        assert_eq!((oldest.number, oldest.act.what.as_str()), (1, "createKey"));
        let numbers: Vec<u64> = entries.iter().map(|entry| entry.number).collect();
        assert!(numbers.is_sorted_by(|a, b| a > b), "{numbers:?}");
    }
}
