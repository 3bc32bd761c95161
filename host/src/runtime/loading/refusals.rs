//! What is known of components that failed, across restarts: so that nobody makes the host try them again and again.
//!
//! Written down is only what cost a compilation; what the bytes alone tell is told again faster than it is read. A
//! record holds for as long as the host and its limits are the same, and those that depend on time or memory for an
//! hour. They are bounded: whoever has most forgets the oldest of its own first. A crash loses at most the newest record, which costs one more
//! compilation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::frame::codec;
use crate::provider::{SharedProvider, StoreError};
use crate::runtime::text::cut;
use crate::sandbox::{DeployError, Lasting};
use crate::vocab::{Clock, Code, Digest, Owner, Timestamp};

const PREFIX: &str = "refusal/";
/// Components of which it is known that they failed.
const REFUSALS_MAX: usize = 1_024;
/// How long a failure counts that another day may not bring again.
const AWHILE_MS: u64 = /* 1 hour */ 60 * 60 * 1_000;
/// Bytes of a reason; longer ones are cut.
const REASON_BYTES_MAX: usize = 1_000;

/// What the catalog keeps of a refusal. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum StoredRefusal {
    /// The first layout: nobody knows whose deploy it was.
    V1(Record),
    /// With its owner, `-` for the host.
    V2(Record, String),
}

/// A failure, and whose deploy it was.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    record: Record,
    owner: Owner,
}

impl StoredRefusal {
    fn of(known: &Known) -> Self {
        Self::V2(known.record.clone(), known.owner.to_string())
    }

    fn read(self) -> Option<Known> {
        match self {
            Self::V1(record) => Some(Known { record, owner: Owner::Host }),
            Self::V2(record, owner) => Some(Known { record, owner: Owner::new(owner).ok()? }),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The host and its limits.
    host: [u8; 32],
    code: String,
    reason: String,
    at: u64,
    expires_at: Option<u64>,
}

/// A component that failed, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusalView {
    /// The identity of its bytes.
    pub digest: String,
    /// The code of the failure.
    pub code: String,
    /// What was said.
    pub reason: String,
    /// When it failed.
    pub at: Timestamp,
    /// When it is forgotten; without it when the host or its limits change.
    pub expires_at: Option<Timestamp>,
}

/// Every component that is known to fail.
pub(super) struct Refusals {
    provider: SharedProvider,
    clock: Arc<dyn Clock>,
    host: [u8; 32],
    known: Mutex<BTreeMap<Digest, Known>>,
}

impl Refusals {
    /// Reads what is known, and deletes what does not count any longer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn open(
        provider: SharedProvider,
        clock: Arc<dyn Clock>,
        host: Digest,
    ) -> Result<Self, StoreError> {
        let mut known = BTreeMap::new();
        for key in provider.record_keys(PREFIX).await? {
            let read = provider.record(&key).await?.and_then(|bytes| read(&key, &bytes));
            match read {
                Some((digest, one)) if one.record.counts(host.0, clock.now()) => drop(known.insert(digest, one)),
                // Also one that is not understood: it is worth a compilation, not a host that does not start.
                _ => provider.delete_record(&key).await?,
            }
        }
        Ok(Self { provider, clock, host: host.0, known: Mutex::new(known) })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digest, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The refusal of a component that is known to fail.
    pub(super) fn find(&self, digest: Digest) -> Option<DeployError> {
        let known = self.lock();
        let record = known.get(&digest).map(|known| &known.record)?;
        if !record.counts(self.host, self.clock.now()) {
            return None;
        }
        Some(DeployError::Remembered { code: Code::parse(&record.code)?, reason: record.reason.clone() })
    }

    /// Remembers a failure, if it is worth it. Durable when the result arrives.
    ///
    /// # Errors
    /// When the store refuses; it is remembered in memory all the same.
    pub(super) async fn remember(
        &self,
        owner: &Owner,
        digest: Digest,
        refusal: &DeployError,
    ) -> Result<(), StoreError> {
        let now = self.clock.now().0;
        let expires_at = match refusal.lasting() {
            Lasting::Not => return Ok(()),
            Lasting::Awhile => Some(now.saturating_add(AWHILE_MS)),
            Lasting::Always => None,
        };
        let reason = cut(refusal.to_string(), REASON_BYTES_MAX);
        let record = Record { host: self.host, code: refusal.code().to_string(), reason, at: now, expires_at };
        let one = Known { record, owner: owner.clone() };
        let forgotten = {
            let mut known = self.lock();
            known.insert(digest, one.clone());
            oldest_beyond(&mut known, REFUSALS_MAX)
        };
        // A layout that cannot be encoded would be a bug of this file; the memory of this run is worth as much.
        if let Ok(bytes) = codec::encode(&StoredRefusal::of(&one)) {
            self.provider.put_record(&place(digest), Bytes::from(bytes)).await?;
        }
        for digest in forgotten {
            self.provider.delete_record(&place(digest)).await?;
        }
        Ok(())
    }

    /// Forgets a failure; false: it was not known.
    ///
    /// # Errors
    /// When the store refuses; then it may be known again after a restart.
    pub(super) async fn forget(&self, digest: Digest) -> Result<bool, StoreError> {
        let was_known = self.lock().remove(&digest).is_some();
        if was_known {
            self.provider.delete_record(&place(digest)).await?;
        }
        Ok(was_known)
    }

    /// What is known, newest first.
    pub(super) fn list(&self) -> Vec<RefusalView> {
        let now = self.clock.now();
        let known = self.lock();
        let counting = known.iter().filter(|(_, known)| known.record.counts(self.host, now));
        let mut views: Vec<_> = counting.map(|(digest, known)| known.record.view(*digest)).collect();
        views.sort_by_key(|view| std::cmp::Reverse(view.at));
        views
    }
}

impl Record {
    fn counts(&self, host: [u8; 32], now: Timestamp) -> bool {
        self.host == host && self.expires_at.is_none_or(|at| now.0 < at)
    }

    fn view(&self, digest: Digest) -> RefusalView {
        RefusalView {
            digest: digest.to_string(),
            code: self.code.clone(),
            reason: self.reason.clone(),
            at: Timestamp(self.at),
            expires_at: self.expires_at.map(Timestamp),
        }
    }
}

fn place(digest: Digest) -> String {
    format!("{PREFIX}{digest}")
}

fn read(key: &str, bytes: &Bytes) -> Option<(Digest, Known)> {
    let digest = Digest::parse(key.strip_prefix(PREFIX)?)?;
    Some((digest, codec::decode::<StoredRefusal>(bytes).ok()?.read()?))
}

/// Takes the oldest of whoever has most out until the rest is within the bound: nobody makes the host forget what others
/// made it learn.
fn oldest_beyond(known: &mut BTreeMap<Digest, Known>, bound: usize) -> Vec<Digest> {
    let mut forgotten = Vec::new();
    while known.len() > bound {
        let mut counts: BTreeMap<&Owner, usize> = BTreeMap::new();
        for one in known.values() {
            *counts.entry(&one.owner).or_default() += 1;
        }
        let Some(most) = counts.into_iter().max_by_key(|(_, count)| *count).map(|(owner, _)| owner.clone()) else {
            break;
        };
        let own = known.iter().filter(|(_, one)| one.owner == most);
        let Some(oldest) = own.min_by_key(|(_, one)| one.record.at).map(|(digest, _)| *digest) else { break };
        known.remove(&oldest);
        forgotten.push(oldest);
    }
    forgotten
}

/// Bytes of the catalog are a refusal or an error; see `fuzzing`.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz_refusal(bytes: &[u8]) {
    if let Some(known) = crate::frame::fuzz::record::<StoredRefusal>(bytes).and_then(StoredRefusal::read) {
        let again = StoredRefusal::of(&known).read();
        assert_eq!(again.as_ref(), Some(&known), "a refusal changes when it is written in the newest layout");
        let _looked = known.record.view(Digest::of(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::memory::MemoryProvider;
    use crate::vocab::ManualClock;

    const HOST: Digest = Digest([1; 32]);

    fn out_of_time(digest: Digest) -> DeployError {
        DeployError::CompileOutOfTime { digest, limit_ms: 5 }
    }

    async fn open(provider: &SharedProvider, clock: &Arc<ManualClock>, host: Digest) -> Refusals {
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
        Refusals::open(Arc::clone(provider), clock, host).await.unwrap()
    }

    fn scene() -> (SharedProvider, Arc<ManualClock>) {
        (MemoryProvider::new(), Arc::new(ManualClock::new(Timestamp(1_000))))
    }

    #[tokio::test]
    async fn a_failure_is_known_after_a_restart_with_its_code() {
        let (provider, clock) = scene();
        let digest = Digest::of(b"bad");
        let refusal = DeployError::Compile { digest, reason: "no".to_owned() };
        open(&provider, &clock, HOST).await.remember(&Owner::Host, digest, &refusal).await.unwrap();
        clock.advance_ms(u64::from(u32::MAX));
        let again = open(&provider, &clock, HOST).await;
        let found = again.find(digest).expect("it is known");
        assert_eq!(found.code(), Code::CompileFailed);
        assert!(found.to_string().contains(&refusal.to_string()), "{found}");
        assert!(again.find(Digest::of(b"other")).is_none());
    }

    #[tokio::test]
    async fn a_failure_for_lack_of_time_counts_for_an_hour_to_the_millisecond() {
        let (provider, clock) = scene();
        let digest = Digest::of(b"slow");
        let refusals = open(&provider, &clock, HOST).await;
        refusals.remember(&Owner::Host, digest, &out_of_time(digest)).await.unwrap();
        clock.advance_ms(AWHILE_MS - 1);
        assert!(refusals.find(digest).is_some() && refusals.list().len() == 1);
        clock.advance_ms(1);
        assert!(refusals.find(digest).is_none() && refusals.list().is_empty());
        open(&provider, &clock, HOST).await;
        assert!(provider.record_keys(PREFIX).await.unwrap().is_empty(), "it was not deleted");
    }

    #[tokio::test]
    async fn another_host_or_other_limits_try_again() {
        let (provider, clock) = scene();
        let digest = Digest::of(b"bad");
        let refusal = DeployError::Compile { digest, reason: "no".to_owned() };
        open(&provider, &clock, HOST).await.remember(&Owner::Host, digest, &refusal).await.unwrap();
        assert!(open(&provider, &clock, Digest([2; 32])).await.find(digest).is_none());
    }

    #[tokio::test]
    async fn what_says_nothing_of_the_component_is_not_remembered() {
        let (provider, clock) = scene();
        let refusals = open(&provider, &clock, HOST).await;
        let digest = Digest::of(b"good");
        let unavailable = DeployError::CompilerUnavailable { reason: "killed".to_owned() };
        for refusal in [unavailable, DeployError::HostEnds] {
            refusals.remember(&Owner::Host, digest, &refusal).await.unwrap();
        }
        assert!(refusals.find(digest).is_none() && provider.record_keys(PREFIX).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_is_forgotten_is_forgotten_for_good() {
        let (provider, clock) = scene();
        let digest = Digest::of(b"bad");
        let refusals = open(&provider, &clock, HOST).await;
        refusals.remember(&Owner::Host, digest, &out_of_time(digest)).await.unwrap();
        assert!(refusals.forget(digest).await.unwrap());
        assert!(!refusals.forget(digest).await.unwrap());
        assert!(refusals.find(digest).is_none());
        assert!(open(&provider, &clock, HOST).await.find(digest).is_none());
    }

    #[tokio::test]
    async fn the_oldest_is_forgotten_first_in_memory_and_in_the_store() {
        let (provider, clock) = scene();
        let refusals = open(&provider, &clock, HOST).await;
        let digests: Vec<Digest> = (0..=REFUSALS_MAX).map(|n| Digest::of(&n.to_le_bytes())).collect();
        for digest in &digests {
            clock.advance_ms(1);
            refusals.remember(&Owner::Host, *digest, &out_of_time(*digest)).await.unwrap();
        }
        assert_eq!(provider.record_keys(PREFIX).await.unwrap().len(), REFUSALS_MAX);
        assert!(refusals.find(digests[0]).is_none() && refusals.find(digests[1]).is_some());
    }

    #[tokio::test]
    async fn a_tenant_makes_the_host_forget_its_own_failures_only() {
        let (provider, clock) = scene();
        let refusals = open(&provider, &clock, HOST).await;
        let (noisy, quiet) = (Owner::new("noisy").unwrap(), Owner::new("quiet").unwrap());
        let of_quiet = Digest::of(b"of quiet");
        refusals.remember(&quiet, of_quiet, &out_of_time(of_quiet)).await.unwrap();
        for n in 0..REFUSALS_MAX + 10 {
            clock.advance_ms(1);
            let digest = Digest::of(&n.to_le_bytes());
            refusals.remember(&noisy, digest, &out_of_time(digest)).await.unwrap();
        }
        assert!(refusals.find(of_quiet).is_some(), "the oldest of all, and not the noisy one's");
        let again = open(&provider, &clock, HOST).await;
        assert_eq!((again.find(of_quiet).is_some(), again.list().len()), (true, REFUSALS_MAX));
    }

    /// Bytes as they lie in stores. A change that fails here breaks them.
    #[test]
    fn the_stored_layouts_do_not_change() {
        let record = Record { host: [7; 32], code: "GR0026".into(), reason: "no".into(), at: 5, expires_at: Some(9) };
        let known = Known { record, owner: Owner::new("acme").unwrap() };
        let tail = b"\x06GR0026\x02no\x05\x01\x09";
        let old = [b"\0".as_slice(), &[7; 32], tail].concat();
        let new = [b"\x01".as_slice(), &[7; 32], tail, b"\x04acme"].concat();
        assert_eq!(codec::encode(&StoredRefusal::of(&known)).unwrap(), new);
        let read = |bytes: &[u8]| codec::decode::<StoredRefusal>(bytes).unwrap().read();
        assert_eq!(read(&new), Some(known.clone()));
        assert_eq!(read(&old), Some(Known { owner: Owner::Host, ..known }));
    }

    #[tokio::test]
    async fn a_record_that_is_not_understood_is_worth_a_compilation_only() {
        let (provider, clock) = scene();
        let digest = Digest::of(b"x");
        provider.put_record(&place(digest), Bytes::from_static(b"\xff\xff\xff")).await.unwrap();
        provider.put_record("refusal/nonsense", Bytes::new()).await.unwrap();
        assert!(open(&provider, &clock, HOST).await.find(digest).is_none());
        assert!(provider.record_keys(PREFIX).await.unwrap().is_empty());
    }

    #[test]
    fn a_long_reason_is_cut_between_letters() {
        assert_eq!(cut("ä".repeat(600), REASON_BYTES_MAX).len(), 1_000);
        assert_eq!(cut(format!("x{}", "ä".repeat(600)), REASON_BYTES_MAX).len(), 999);
    }
}
