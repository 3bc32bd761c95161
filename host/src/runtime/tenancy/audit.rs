//! What was administered, by whom, and what came of it. Durable, and bounded per owner: the oldest entries go first.
//!
//! An act is written down before it begins, and again with its result when it has ended. A crash in between leaves
//! it as begun. Acts on one tenant cannot push acts on another one, or on the host, out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::frame::codec;
use crate::provider::{SharedProvider, StoreError};
use crate::vocab::{Clock, Owner, Tenant, Timestamp};

/// Entries that are kept of the host: some years of an ordinary one.
const HOST_ENTRIES_MAX: u64 = 10_000;
/// Entries that are kept of each tenant.
const TENANT_ENTRIES_MAX: u64 = 500;
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
    /// Its number in its owner's log: 1 for the first, no gaps.
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
    /// The oldest and the next number of each log that was used since the start.
    ends: Mutex<BTreeMap<Owner, Ends>>,
    /// Held while numbers are looked up.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Ends {
    oldest: u64,
    next: u64,
}

/// An act under way; end it with [`AuditLog::end`].
#[derive(Debug)]
pub(crate) struct Begun {
    owner: Owner,
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
    pub(crate) async fn begin(&self, owner: &Owner, act: Act) -> Result<Begun, StoreError> {
        let act = Act { target: cut(act.target), ..act };
        self.open(owner).await?;
        let entries_max = if *owner == Owner::Host { HOST_ENTRIES_MAX } else { TENANT_ENTRIES_MAX };
        let (number, expired) = {
            let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
            let ends = ends.entry(owner.clone()).or_insert(Ends { oldest: 1, next: 1 });
            let number = ends.next;
            ends.next = ends.next.saturating_add(1);
            let keep_from = ends.next.saturating_sub(entries_max);
            let expired = ends.oldest..keep_from.max(ends.oldest);
            ends.oldest = expired.end;
            (number, expired)
        };
        let at = self.clock.now().0;
        let begun = Begun { owner: owner.clone(), number, at, act };
        self.write(&begun, ActResult::Begun).await?;
        for number in expired {
            self.provider.delete_record(&place(owner, number)).await?;
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
        let key = place(&begun.owner, begun.number);
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
            let number = |key: Option<&String>| key.and_then(|key| key.rsplit('/').next()?.parse::<u64>().ok());
            let next = number(keys.last()).map_or(1, |last| last.saturating_add(1));
            let found = Ends { oldest: number(keys.first()).unwrap_or(next), next };
            self.ends.lock().unwrap_or_else(PoisonError::into_inner).insert(owner.clone(), found);
        }
        Ok(())
    }

    /// The entries of a log below `before`, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn list(&self, owner: &Owner, before: u64, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let end = place(owner, before);
        let mut keys = self.provider.record_keys(&prefix(owner)).await?;
        keys.retain(|key| *key < end);
        let mut entries = Vec::new();
        for key in keys.iter().rev().take(limit.min(LISTED_MAX)) {
            let Some(bytes) = self.provider.record(key).await? else { continue };
            let corrupt = |reason: String| StoreError::Corrupt { place: format!("catalog record {key}"), reason };
            let StoredAct::V1 { at, act, result } =
                codec::decode(&bytes).map_err(|error| corrupt(error.to_string()))?;
            let number = key.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or_default();
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
fn place(owner: &Owner, number: u64) -> String {
    format!("audit/{owner}/{number:020}")
}

fn written(result: ActResult) -> String {
    match result {
        ActResult::Begun => "begun".to_owned(),
        ActResult::Done => "done".to_owned(),
        ActResult::Failed(code) => code,
    }
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
    }
    text
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
        let begun = log(&provider).begin(&Owner::Host, act("createTenant")).await.unwrap();
        let after_crash = log(&provider);
        assert_eq!(after_crash.list(&Owner::Host, u64::MAX, 9).await.unwrap()[0].result, "begun");
        after_crash.end(&begun, ActResult::Failed("GR0105".to_owned())).await.unwrap();
        after_crash.begin(&Owner::Host, act("deleteTenant")).await.unwrap();
        let entries = after_crash.list(&Owner::Host, u64::MAX, 9).await.unwrap();
        let seen: Vec<_> = entries.iter().map(|e| (e.number, e.act.what.as_str(), e.result.as_str())).collect();
        assert_eq!(seen, [(2, "deleteTenant", "begun"), (1, "createTenant", "GR0105")]);
        assert_eq!(after_crash.list(&Owner::Host, 2, 9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_log_is_bounded_and_one_owner_does_not_push_out_another() {
        let provider: SharedProvider = MemoryProvider::new();
        let audit = log(&provider);
        audit.begin(&tenant("b"), act("first")).await.unwrap();
        for _ in 0..TENANT_ENTRIES_MAX + 3 {
            audit.begin(&tenant("a"), act("again")).await.unwrap();
        }
        let kept = provider.record_keys("audit/a/").await.unwrap().len();
        assert_eq!(u64::try_from(kept).unwrap(), TENANT_ENTRIES_MAX);
        assert_eq!(audit.list(&tenant("a"), u64::MAX, 1).await.unwrap()[0].number, TENANT_ENTRIES_MAX + 3);
        assert_eq!(audit.list(&tenant("b"), u64::MAX, 9).await.unwrap()[0].act.what, "first");
        // The bound holds after a restart, too.
        log(&provider).begin(&tenant("a"), act("again")).await.unwrap();
        assert_eq!(provider.record_keys("audit/a/").await.unwrap().len(), kept);
    }
}
