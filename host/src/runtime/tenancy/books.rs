//! How many bytes a tenant stores, for tenants with a quota of them: counted once, then kept up and written down.
//!
//! The figure lives in the tenant's account and moves with every turn. It is written into the catalog when it has moved
//! by a step, and whole when the host shuts down; so a start reads one record instead of all journals. After a crash the
//! record may be a step behind: then the figure is taken to be a step higher than it says, never lower, and once
//! such guesses have added up to a sixteenth of the quota everything is counted again, beside the actors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Tenants, metric};
use crate::actor::Account;
use crate::frame::codec;
use crate::provider::{ReadRange, SharedProvider, StoreError};
use crate::runtime::roll::Roll;
use crate::vocab::{ActorId, Kind, Quota, Sequence, Tenant};

const PREFIX: &str = "stored-bytes/";
/// How often the figures are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A figure is written down when it has moved by this part of the quota …
const STEP_PART: u64 = 64;
/// … but by no less and no more than so many bytes.
const STEP_BYTES: std::ops::RangeInclusive<u64> = /* 4 KiB */ 4 * 1_024 ..= /* 16 MiB */ 16 * 1_024 * 1_024;
/// Guesses may add up to this part of the quota before everything is counted again.
const GUESSED_PART: u64 = 16;
/// Bytes of frames that are read at a time while everything is counted.
const READ_BYTES: usize = /* 1 MiB */ 1_024 * 1_024;
/// What the catalog keeps of a tenant's figure. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredFigure {
    /// The first layout.
    V1(Figure),
}

/// A figure as it was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Figure {
    bytes: u64,
    /// How much of it may be too much, after crashes.
    guessed_bytes: u64,
    /// The host was shut down after it: it is exact but for what was guessed.
    is_final: bool,
}

impl Figure {
    /// What the host goes on with when it starts.
    const fn resumed(self, step: u64) -> Self {
        if self.is_final {
            return Self { is_final: false, ..self };
        }
        let (bytes, guessed_bytes) = (self.bytes.saturating_add(step), self.guessed_bytes.saturating_add(step));
        Self { bytes, guessed_bytes, is_final: false }
    }
}

fn step(quota: u64) -> u64 {
    quota.checked_div(STEP_PART).unwrap_or(0).clamp(*STEP_BYTES.start(), *STEP_BYTES.end())
}

/// The figures of tenants with a quota of stored bytes.
pub(crate) struct Books {
    provider: SharedProvider,
    tenants: Arc<Tenants>,
    /// As they were last written down.
    written: Mutex<BTreeMap<Tenant, Figure>>,
    /// Tenants that had somebody on stage at the last look: their figures are shown once more when nobody is.
    on_stage: Mutex<BTreeSet<Tenant>>,
}

impl Books {
    pub(crate) fn new(provider: SharedProvider, tenants: Arc<Tenants>) -> Arc<Self> {
        Arc::new(Self { provider, tenants, written: Mutex::default(), on_stage: Mutex::default() })
    }

    fn written(&self) -> MutexGuard<'_, BTreeMap<Tenant, Figure>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up the figure of a tenant that has a quota, if it was written down. False: all must be counted; that was
    /// begun, and [`Books::count`] does it.
    ///
    /// # Errors
    /// When the store cannot be read or written, or the record is not one.
    pub(super) async fn resume(&self, tenant: &Tenant, quota: u64) -> Result<bool, StoreError> {
        let account = self.tenants.account(tenant);
        if account.journal.follows() {
            return Ok(true);
        }
        let key = format!("{PREFIX}{tenant}");
        if let Some(bytes) = self.provider.record(&key).await? {
            let corrupt = |reason| StoreError::Corrupt { place: format!("catalog record {key}"), reason };
            let StoredFigure::V1(figure) = codec::decode(&bytes).map_err(|error| corrupt(error.to_string()))?;
            let figure = figure.resumed(step(quota));
            if figure.guessed_bytes <= quota.checked_div(GUESSED_PART).unwrap_or(0) {
                account.journal.follow_from(figure.bytes);
                self.write(tenant, figure).await?;
                return Ok(true);
            }
        }
        account.journal.begin_counting();
        Ok(false)
    }

    /// Counts everything that a tenant's actors of these kinds have stored, beside the actors. Until it ends the quota
    /// refuses nobody.
    ///
    /// # Errors
    /// When the store cannot be read or written; nothing is counted then.
    pub(super) async fn count(&self, tenant: &Tenant, kinds: &[Kind]) -> Result<(), StoreError> {
        let account = self.tenants.account(tenant);
        let counted = self.add_up(tenant, kinds, &account).await;
        match counted {
            Ok(bytes) => {
                account.journal.counted(bytes);
                let bytes = account.journal.bytes().unwrap_or(bytes);
                self.write(tenant, Figure { bytes, guessed_bytes: 0, is_final: false }).await
            }
            Err(error) => {
                account.journal.forget();
                Err(error)
            }
        }
    }

    async fn add_up(&self, tenant: &Tenant, kinds: &[Kind], account: &Account) -> Result<u64, StoreError> {
        let mut sum: u64 = 0;
        let mut roll = Roll::of(&self.provider, tenant, kinds);
        while let Some(page) = roll.next().await? {
            for actor in &page {
                sum = sum.saturating_add(self.stored_by(actor.address.id(), account).await?);
            }
        }
        Ok(sum)
    }

    /// Bytes of one actor's frames and snapshots that were there when the counting began.
    async fn stored_by(&self, actor: ActorId, account: &Account) -> Result<u64, StoreError> {
        let head = self.provider.head(actor).await?;
        let range = ReadRange { from: head.deleted_through.next(), through: head.sequence, batch_bytes: READ_BYTES };
        let mut sum: u64 = 0;
        let mut reader = self.provider.read(actor, range);
        while let Some(batch) = reader.next().await? {
            // Asked for after they were read: who stored them has said so before.
            let since = account.journal.stored_since(actor).unwrap_or(Sequence::MAX);
            let earlier = batch.iter().filter(|frame| frame.header().first < since);
            sum = earlier.fold(sum, |sum, frame| sum.saturating_add(size(frame.bytes().len())));
        }
        let snapshots = self.provider.list_snapshots(actor).await?;
        Ok(snapshots.iter().fold(sum, |sum, meta| sum.saturating_add(meta.state_bytes)))
    }

    /// Stops to keep a tenant's figure.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn forget(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let followed = self.tenants.account(tenant).journal.follows();
        self.tenants.account(tenant).journal.forget();
        let was_written = self.written().remove(tenant).is_some();
        if followed || was_written {
            self.provider.delete_record(&format!("{PREFIX}{tenant}")).await?;
        }
        Ok(())
    }

    /// Writes down every figure as it is; the host is about to end.
    pub(crate) async fn close(&self) {
        let all: Vec<_> = self.written().iter().map(|(tenant, figure)| (tenant.clone(), *figure)).collect();
        for (tenant, figure) in all {
            let Some(bytes) = self.tenants.account(&tenant).journal.bytes() else { continue };
            if let Err(error) = self.write(&tenant, Figure { bytes, is_final: true, ..figure }).await {
                tracing::warn!(%tenant, %error, "how much it stores is not written down; the next start takes it to be more");
            }
        }
    }

    /// Shows what tenants use of what their actors share.
    fn show(&self) {
        let memory = self.tenants.memory();
        metric::guests_memory(memory.used_bytes(), memory.bytes_max());
        let mut before = self.on_stage.lock().unwrap_or_else(PoisonError::into_inner);
        let used = self.tenants.on_stage(&before);
        before.clear();
        for (tenant, account) in used {
            let live = account.places.taken();
            metric::used(&tenant, Quota::LiveActors, live);
            metric::used(&tenant, Quota::MemoryBytes, account.memory.used_bytes());
            if self.tenants.quota(&tenant, Quota::Snapshots).is_some() {
                metric::used(&tenant, Quota::Snapshots, account.journal.snapshots());
            }
            if let Some(grown) = account.journal.grown(self.tenants.now()) {
                metric::used(&tenant, Quota::JournalBytesPerHour, grown);
            }
            if live > 0 {
                before.insert(tenant);
            }
        }
    }

    /// Writes down the figures that have moved, and shows them.
    async fn look(&self) {
        self.show();
        let all: Vec<_> = self.written().iter().map(|(tenant, figure)| (tenant.clone(), *figure)).collect();
        for (tenant, figure) in all {
            let Some(bytes) = self.tenants.account(&tenant).journal.bytes() else { continue };
            metric::used(&tenant, Quota::JournalBytes, bytes);
            let quota = self.tenants.quota(&tenant, Quota::JournalBytes).unwrap_or(0);
            if bytes.abs_diff(figure.bytes) >= step(quota)
                && let Err(error) = self.write(&tenant, Figure { bytes, ..figure }).await
            {
                tracing::warn!(%tenant, %error, "how much it stores is not written down; it is tried again");
            }
        }
    }

    async fn write(&self, tenant: &Tenant, figure: Figure) -> Result<(), StoreError> {
        let corrupt = |reason| StoreError::Corrupt { place: format!("the figure of {tenant}"), reason };
        let bytes = codec::encode(&StoredFigure::V1(figure)).map_err(|error| corrupt(error.to_string()))?;
        self.provider.put_record(&format!("{PREFIX}{tenant}"), Bytes::from(bytes)).await?;
        self.written().insert(tenant.clone(), figure);
        Ok(())
    }
}

fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Keeps the books for as long as the host lives.
pub(crate) async fn keep_books(books: Weak<Books>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(books) = books.upgrade() else { return };
        books.look().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_never_taken_to_be_lower_than_it_may_be() {
        let written = Figure { bytes: 100, guessed_bytes: 5, is_final: false };
        assert_eq!(written.resumed(10), Figure { bytes: 110, guessed_bytes: 15, is_final: false });
        let exact = Figure { is_final: true, ..written };
        assert_eq!(exact.resumed(10), written, "after an orderly end nothing is guessed");
    }

    #[test]
    fn a_step_is_a_part_of_the_quota_within_bounds() {
        assert_eq!((step(0), step(64 * 8_192), step(u64::MAX)), (4_096, 8_192, 16 * 1_024 * 1_024));
    }

    /// Bytes as they lie in stores. A change that fails here breaks them.
    #[test]
    fn the_stored_layout_does_not_change() {
        let stored = StoredFigure::V1(Figure { bytes: 7, guessed_bytes: 1, is_final: true });
        let bytes = codec::encode(&stored).unwrap();
        assert_eq!(bytes, b"\0\x07\x01\x01");
        assert_eq!(codec::decode::<StoredFigure>(&bytes).unwrap(), stored);
    }
}
