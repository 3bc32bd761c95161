//! Events that replays leave out, as an operator decided. The journal holds each decision as a record of the host; the
//! catalog holds their numbers, because a recovery must know them before it reaches the record.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::record::encode;
use crate::frame::codec;
use crate::provider::{SharedProvider, StoreError};
use crate::vocab::{ActorId, Address, Sequence, Tenant};

/// Where the catalog keeps all of them.
const PREFIX: &str = "skip/";
/// Events of one actor that can be skipped: whoever needs more should deploy code that can read them, or purge.
pub(super) const SKIPS_MAX: usize = 1_000;

/// What the catalog keeps of an actor's skips. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredSkips {
    /// The first layout: the events' numbers, ascending.
    V1(Vec<u64>),
}

/// The skipped events of all actors.
pub(super) struct Skips {
    provider: SharedProvider,
    all: RwLock<HashMap<ActorId, Arc<[Sequence]>>>,
}

impl Skips {
    /// # Errors
    /// When the store cannot be read, or a record in it is not one.
    pub(super) async fn open(provider: SharedProvider) -> Result<Self, StoreError> {
        let mut all = HashMap::new();
        for key in provider.record_keys(PREFIX).await? {
            let corrupt = |reason: String| StoreError::Corrupt { place: format!("catalog record {key}"), reason };
            let Some(bytes) = provider.record(&key).await? else { continue };
            let StoredSkips::V1(numbers) = codec::decode(&bytes).map_err(|error| corrupt(error.to_string()))?;
            let id = key.rsplit('/').next().and_then(actor_id);
            let id = id.ok_or_else(|| corrupt("its key names no actor".to_owned()))?;
            all.insert(id, numbers.into_iter().map(Sequence).collect());
        }
        Ok(Self { provider, all: RwLock::new(all) })
    }

    /// The skipped events of an actor, ascending.
    pub(super) fn of(&self, id: ActorId) -> Option<Arc<[Sequence]>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// From now on replays of the actor leave that event out. Durable when the result arrives.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn add(&self, address: &Address, sequence: Sequence) -> Result<(), StoreError> {
        let id = address.id();
        let mut numbers: Vec<Sequence> = self.of(id).map(|known| known.to_vec()).unwrap_or_default();
        if let Err(at) = numbers.binary_search(&sequence) {
            numbers.insert(at, sequence);
        }
        let stored = StoredSkips::V1(numbers.iter().map(|number| number.0).collect());
        self.provider.put_record(&place(&address.tenant, id), encode("skips", &stored)?).await?;
        self.all.write().unwrap_or_else(PoisonError::into_inner).insert(id, numbers.into());
        Ok(())
    }

    /// Forgets the skips of an actor whose events are gone.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn forget(&self, address: &Address) -> Result<(), StoreError> {
        let id = address.id();
        if self.of(id).is_some() {
            self.provider.delete_record(&place(&address.tenant, id)).await?;
            self.all.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
        Ok(())
    }

    /// Forgets those of a whole tenant.
    ///
    /// # Errors
    /// When the store refuses; what was deleted by then stays deleted.
    pub(super) async fn forget_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        for key in self.provider.record_keys(&format!("{PREFIX}{tenant}/")).await? {
            self.provider.delete_record(&key).await?;
            if let Some(id) = key.rsplit('/').next().and_then(actor_id) {
                self.all.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
            }
        }
        Ok(())
    }
}

/// Where the catalog keeps which events of an actor are left out.
pub(in crate::runtime) fn place(tenant: &Tenant, id: ActorId) -> String {
    format!("{PREFIX}{tenant}/{id}")
}

/// An id as it is written in keys of the catalog: 32 hexadecimal digits.
pub(super) fn actor_id(text: &str) -> Option<ActorId> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some(ActorId(u128::from_str_radix(text, 16).ok()?.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::memory::MemoryProvider;

    #[tokio::test]
    async fn skips_are_kept_in_order_once_and_over_a_crash() {
        let provider: SharedProvider = MemoryProvider::new();
        let address = Address::new("acme", "k", "a").unwrap();
        let skips = Skips::open(Arc::clone(&provider)).await.unwrap();
        for sequence in [9, 3, 9] {
            skips.add(&address, Sequence(sequence)).await.unwrap();
        }
        let skips = Skips::open(Arc::clone(&provider)).await.unwrap();
        assert_eq!(skips.of(address.id()).as_deref(), Some([Sequence(3), Sequence(9)].as_slice()));
        assert_eq!(skips.of(Address::new("acme", "k", "b").unwrap().id()), None);
        skips.forget(&address).await.unwrap();
        assert_eq!(Skips::open(provider).await.unwrap().of(address.id()), None);
    }

    #[test]
    fn an_id_reads_as_it_is_written() {
        let id = Address::new("acme", "k", "a").unwrap().id();
        assert_eq!(actor_id(&id.to_string()), Some(id));
        assert_eq!(actor_id("12"), None);
        assert_eq!(actor_id("+0000000000000000000000000000012"), None);
    }
}
