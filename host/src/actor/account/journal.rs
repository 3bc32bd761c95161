//! What a tenant stores: bytes of its journals and snapshots, how fast they grow, and how many snapshots.
//!
//! Counted are the bytes of frames, and of snapshots the guest's state. What the host itself must store (a tell that
//! was delivered, a timer that fired) is counted and never refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Account, OverQuota};
use crate::decide::DebtBucket;
use crate::vocab::{ActorId, Quota, Sequence, Timestamp};

/// Without a quota.
const UNBOUNDED: u64 = u64::MAX;

/// What a tenant stores, and how much that may be.
#[derive(Debug)]
pub(crate) struct JournalAccount {
    /// Whether bytes are counted: there is a quota of them.
    follows: AtomicBool,
    bytes: AtomicU64,
    bytes_max: AtomicU64,
    /// While what is there is counted for the first time: the first number that each actor stored since.
    counting: Mutex<Option<HashMap<ActorId, Sequence>>>,
    is_counting: AtomicBool,
    growth_max: AtomicU64,
    growth: Mutex<Option<DebtBucket>>,
    follows_snapshots: AtomicBool,
    snapshots: AtomicU64,
    snapshots_max: AtomicU64,
}

impl Default for JournalAccount {
    fn default() -> Self {
        let (none, unbounded) = (|| AtomicU64::new(0), || AtomicU64::new(UNBOUNDED));
        Self {
            follows: AtomicBool::new(false),
            bytes: none(),
            bytes_max: unbounded(),
            counting: Mutex::default(),
            is_counting: AtomicBool::new(false),
            growth_max: unbounded(),
            growth: Mutex::default(),
            follows_snapshots: AtomicBool::new(false),
            snapshots: none(),
            snapshots_max: unbounded(),
        }
    }
}

fn get(bound: &AtomicU64) -> Option<u64> {
    Some(bound.load(Ordering::Relaxed)).filter(|max| *max != UNBOUNDED)
}

fn set(bound: &AtomicU64, max: Option<u64>) {
    bound.store(max.unwrap_or(UNBOUNDED), Ordering::Relaxed);
}

impl JournalAccount {
    fn growth(&self) -> MutexGuard<'_, Option<DebtBucket>> {
        self.growth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the quotas; what is stored already is not taken away.
    pub(crate) fn set_max(&self, bytes: Option<u64>, per_hour: Option<u64>, snapshots: Option<u64>) {
        set(&self.bytes_max, bytes);
        set(&self.snapshots_max, snapshots);
        if snapshots.is_none() {
            self.follows_snapshots.store(false, Ordering::Relaxed);
        }
        let was = get(&self.growth_max);
        set(&self.growth_max, per_hour);
        if was != per_hour {
            // A rate that changed begins with a full hour of its own.
            *self.growth() = None;
        }
    }

    /// Whether anything more may be stored: asked before guests are called, so that what cannot be stored costs nothing.
    pub(crate) fn is_open(&self, now: impl FnOnce() -> Timestamp) -> Result<(), OverQuota> {
        if let Some(limit) = get(&self.growth_max) {
            let now = now();
            if !self.growth().get_or_insert_with(|| DebtBucket::full(limit, now)).is_open(limit, now) {
                return Err(OverQuota { quota: Quota::JournalBytesPerHour, limit });
            }
        }
        match get(&self.bytes_max) {
            Some(limit) if !self.is_counting() && self.bytes.load(Ordering::Relaxed) >= limit => {
                Err(OverQuota { quota: Quota::JournalBytes, limit })
            }
            _ => Ok(()),
        }
    }

    /// Takes the bytes of a frame that is about to be stored; exactly at the quota is allowed.
    pub(crate) fn take(&self, actor: ActorId, first: Sequence, bytes: u64, now: Timestamp) -> Result<(), OverQuota> {
        if let Some(limit) = get(&self.bytes_max)
            && !self.is_counting()
        {
            let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= limit);
            let taken = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
            taken.map_err(|_| OverQuota { quota: Quota::JournalBytes, limit })?;
        } else {
            self.add(actor, first, bytes);
        }
        self.grow(bytes, now);
        Ok(())
    }

    /// Counts the bytes of a frame of the host's own.
    pub(crate) fn must_take(&self, actor: ActorId, first: Sequence, bytes: u64, now: Timestamp) {
        self.add(actor, first, bytes);
        self.grow(bytes, now);
    }

    fn add(&self, actor: ActorId, first: Sequence, bytes: u64) {
        if !self.follows.load(Ordering::Relaxed) {
            return;
        }
        if self.is_counting()
            && let Some(since) = self.counting.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            since.entry(actor).or_insert(first);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn grow(&self, bytes: u64, now: Timestamp) {
        if let Some(limit) = get(&self.growth_max) {
            self.growth().get_or_insert_with(|| DebtBucket::full(limit, now)).take(bytes, limit, now);
        }
    }

    /// Gives back bytes that were not stored after all, or are deleted.
    pub(crate) fn give(&self, bytes: u64) {
        // While what is there is being counted, what is deleted may have been counted or not: it stays counted.
        if self.follows.load(Ordering::Relaxed) && !self.is_counting() {
            let less = |used: u64| Some(used.saturating_sub(bytes));
            _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// Whether bytes are counted.
    pub(crate) fn follows(&self) -> bool {
        self.follows.load(Ordering::Relaxed)
    }

    fn is_counting(&self) -> bool {
        self.is_counting.load(Ordering::Acquire)
    }

    /// Takes a place for one more snapshot; exactly as many as the quota says. With `replaces`, one is taken in any case:
    /// an older one of the same actor goes for it.
    fn take_snapshot(&self, replaces: bool) -> Result<(), OverQuota> {
        let max = get(&self.snapshots_max);
        let more = |kept: u64| (replaces || max.is_none_or(|max| kept < max)).then(|| kept.saturating_add(1));
        let taken = self.snapshots.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(drop).map_err(|_| OverQuota { quota: Quota::Snapshots, limit: max.unwrap_or(UNBOUNDED) })
    }

    /// Whether there are more snapshots than there may be.
    pub(crate) fn has_too_many_snapshots(&self) -> bool {
        get(&self.snapshots_max).is_some_and(|max| self.snapshots.load(Ordering::Relaxed) > max)
    }

    /// A snapshot was deleted.
    pub(crate) fn snapshot_deleted(&self, state_bytes: u64) {
        self.give_snapshot();
        self.give(state_bytes);
    }

    fn give_snapshot(&self) {
        let less = |kept: u64| Some(kept.saturating_sub(1));
        _ = self.snapshots.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// How many snapshots there are.
    pub(crate) fn snapshots(&self) -> u64 {
        self.snapshots.load(Ordering::Relaxed)
    }

    /// Begins to count snapshots; false: they are counted already.
    pub(crate) fn begin_snapshots(&self) -> bool {
        let begins = !self.follows_snapshots.swap(true, Ordering::Relaxed);
        if begins {
            self.snapshots.store(0, Ordering::Relaxed);
        }
        begins
    }

    /// Adds the snapshots that were there already.
    pub(crate) fn count_snapshots(&self, snapshots: u64) {
        self.snapshots.fetch_add(snapshots, Ordering::Relaxed);
    }

    /// How many bytes are stored; `None`: they are not counted, or not yet.
    pub(crate) fn bytes(&self) -> Option<u64> {
        (self.follows() && !self.is_counting()).then(|| self.bytes.load(Ordering::Relaxed))
    }

    /// How much of an hour's worth is used; `None`: there is no quota of it.
    pub(crate) fn grown(&self, now: Timestamp) -> Option<u64> {
        let limit = get(&self.growth_max)?;
        Some(self.growth().get_or_insert_with(|| DebtBucket::full(limit, now)).used(limit, now))
    }

    /// From now on bytes are counted; so many there are already.
    pub(crate) fn follow_from(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.follows.store(true, Ordering::Relaxed);
    }

    /// From now on bytes are counted; those that are there are being counted. Follow with [`Self::counted`].
    pub(crate) fn begin_counting(&self) {
        *self.counting.lock().unwrap_or_else(PoisonError::into_inner) = Some(HashMap::new());
        self.is_counting.store(true, Ordering::Release);
        self.follow_from(0);
    }

    /// The first number that an actor stored since the counting began: frames from there on are counted already.
    pub(crate) fn stored_since(&self, actor: ActorId) -> Option<Sequence> {
        self.counting.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(&actor).copied()
    }

    /// Adds what was there when the counting began.
    pub(crate) fn counted(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.is_counting.store(false, Ordering::Release);
        *self.counting.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Stops to count bytes.
    pub(crate) fn forget(&self) {
        self.follows.store(false, Ordering::Relaxed);
        self.is_counting.store(false, Ordering::Release);
        *self.counting.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The place of a snapshot that is being taken; unless it is kept, dropping it gives it back.
#[derive(Debug)]
pub(in super::super) struct SnapshotPlace {
    account: Arc<Account>,
    is_kept: bool,
    /// What was taken for its state.
    state_bytes: u64,
}

impl SnapshotPlace {
    /// Takes a place; `replaces`: an older snapshot of the same actor goes if there are too many.
    ///
    /// # Errors
    /// When the tenant may keep no more.
    pub(in super::super) fn take(account: &Arc<Account>, replaces: bool) -> Result<Self, OverQuota> {
        account.journal.take_snapshot(replaces)?;
        Ok(Self { account: Arc::clone(account), is_kept: false, state_bytes: 0 })
    }

    /// Takes the bytes of its state, now that they are known; with `replaced_bytes`, an older one of the same actor goes for
    /// it, and one that is no larger is let in whatever is stored.
    ///
    /// # Errors
    /// When the tenant would store more than it may.
    pub(in super::super) fn weigh(
        &mut self,
        state_bytes: u64,
        replaced_bytes: u64,
        now: Timestamp,
    ) -> Result<(), OverQuota> {
        let journal = &self.account.journal;
        if journal.follows() {
            let max = get(&journal.bytes_max).filter(|_| !journal.is_counting()).unwrap_or(UNBOUNDED);
            let more = |used: u64| {
                let sum = used.saturating_add(state_bytes);
                let fits = state_bytes <= replaced_bytes || sum.saturating_sub(replaced_bytes) <= max;
                fits.then_some(sum)
            };
            let taken = journal.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
            taken.map_err(|_| OverQuota { quota: Quota::JournalBytes, limit: max })?;
            self.state_bytes = state_bytes;
        }
        journal.grow(state_bytes, now);
        Ok(())
    }

    /// The snapshot is saved.
    pub(in super::super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for SnapshotPlace {
    fn drop(&mut self) {
        if !self.is_kept {
            self.account.journal.snapshot_deleted(self.state_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTOR: ActorId = ActorId([1; 16]);
    const NOW: Timestamp = Timestamp(1);

    fn take(account: &JournalAccount, bytes: u64) -> Result<(), OverQuota> {
        account.take(ACTOR, Sequence(1), bytes, NOW)
    }

    #[test]
    fn exactly_the_quota_is_stored_and_not_one_byte_more() {
        let account = JournalAccount::default();
        account.set_max(Some(100), None, None);
        account.follow_from(40);
        assert_eq!((take(&account, 60), account.is_open(|| NOW).is_err()), (Ok(()), true));
        let over = OverQuota { quota: Quota::JournalBytes, limit: 100 };
        assert_eq!(take(&account, 1), Err(over));
        account.give(1);
        assert_eq!((account.is_open(|| NOW), take(&account, 2), take(&account, 1)), (Ok(()), Err(over), Ok(())));
        account.must_take(ACTOR, Sequence(9), 50, NOW);
        assert_eq!(account.bytes(), Some(150), "what the host must store is counted");
    }

    #[test]
    fn what_is_stored_while_the_rest_is_counted_is_counted_once() {
        let account = JournalAccount::default();
        account.set_max(Some(100), None, None);
        account.begin_counting();
        take(&account, 70).unwrap();
        assert_eq!((account.bytes(), account.stored_since(ACTOR)), (None, Some(Sequence(1))));
        account.take(ACTOR, Sequence(5), 5, NOW).unwrap();
        assert_eq!(account.stored_since(ACTOR), Some(Sequence(1)), "the first number stays");
        account.counted(25);
        assert_eq!((account.bytes(), account.stored_since(ACTOR)), (Some(100), None));
        assert!(take(&account, 1).is_err());
    }

    #[test]
    fn growth_is_bounded_by_the_hour() {
        let account = JournalAccount::default();
        account.set_max(None, Some(100), None);
        take(&account, 100).unwrap();
        let over = OverQuota { quota: Quota::JournalBytesPerHour, limit: 100 };
        assert_eq!((account.is_open(|| NOW), account.grown(NOW)), (Err(over), Some(100)));
        assert_eq!(account.is_open(|| Timestamp(40_000)), Ok(()), "after 36 seconds there is room for one byte");
        account.set_max(None, None, None);
        assert_eq!((account.is_open(|| NOW), account.grown(NOW)), (Ok(()), None));
    }

    #[test]
    fn exactly_as_many_snapshots_as_the_quota_says() {
        let account = Arc::new(Account::default());
        account.journal.set_max(None, None, Some(1));
        drop(SnapshotPlace::take(&account, false).unwrap());
        SnapshotPlace::take(&account, false).unwrap().keep();
        let over = OverQuota { quota: Quota::Snapshots, limit: 1 };
        assert_eq!(SnapshotPlace::take(&account, false).unwrap_err(), over);
        assert!(!account.journal.has_too_many_snapshots());
        SnapshotPlace::take(&account, true).unwrap().keep();
        assert!(account.journal.has_too_many_snapshots(), "an older one must go for it");
        account.journal.snapshot_deleted(10);
        assert_eq!((account.journal.snapshots(), account.journal.has_too_many_snapshots()), (1, false));
    }

    #[test]
    fn snapshots_are_stored_up_to_the_quota_of_bytes_and_not_one_byte_more() {
        let account = Arc::new(Account::default());
        account.journal.set_max(Some(100), None, None);
        account.journal.follow_from(80);
        let weighed = |state_bytes, replaced_bytes| {
            let mut place = SnapshotPlace::take(&account, false).unwrap();
            place.weigh(state_bytes, replaced_bytes, NOW).map(|()| place)
        };
        let over = OverQuota { quota: Quota::JournalBytes, limit: 100 };
        assert_eq!(weighed(21, 0).unwrap_err(), over);
        drop(weighed(20, 0).unwrap());
        assert_eq!(account.journal.bytes(), Some(80), "one that was not saved takes nothing");
        weighed(20, 0).unwrap().keep();
        assert_eq!(account.journal.bytes(), Some(100));
        assert_eq!(weighed(1, 0).unwrap_err(), over);
        assert_eq!(weighed(21, 20).unwrap_err(), over, "what it replaces is smaller");
        weighed(20, 20).unwrap().keep();
        account.journal.snapshot_deleted(20);
        assert_eq!(account.journal.bytes(), Some(100));
        account.journal.give(50);
        weighed(30, 0).unwrap().keep();
        assert_eq!(account.journal.bytes(), Some(80));
    }

    #[test]
    fn snapshots_count_towards_what_may_be_stored_in_an_hour() {
        let account = Arc::new(Account::default());
        account.journal.set_max(None, Some(100), None);
        let mut place = SnapshotPlace::take(&account, false).unwrap();
        place.weigh(60, 0, NOW).unwrap();
        assert_eq!(account.journal.grown(NOW), Some(60));
    }
}
