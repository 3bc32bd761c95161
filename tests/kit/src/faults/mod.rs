//! A provider around another one that fails, delays and holds what it is told to, and writes down what was asked.

mod gate;
mod memory;
mod plan;
mod provider;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greenroom_host::provider::{SharedProvider, StoreError};
use greenroom_host::vocab::{ActorId, Sequence};

use gate::Gate;
use memory::Handed;
pub use plan::{AppendFault, LastCall};
use plan::{Death, Plan};

/// One call that reached the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// An append: whose, and the numbers of its first and last event.
    Append(ActorId, Sequence, Sequence),
    /// A question for the head of a journal.
    Head(ActorId),
    /// A read of a journal: whose, from and through which number.
    Read(ActorId, Sequence, Sequence),
    /// A snapshot to be saved.
    SaveSnapshot(ActorId, Sequence),
    /// A snapshot to be loaded, at or below a number.
    LoadSnapshot(ActorId, Sequence),
    /// Events to be deleted through a number.
    DeleteThrough(ActorId, Sequence),
    /// A snapshot to be deleted.
    DeleteSnapshot(ActorId, Sequence),
}

/// A provider that works like the one inside it until it is told not to.
pub struct FaultyProvider {
    inner: SharedProvider,
    plan: Mutex<Plan>,
    calls: Mutex<Vec<Call>>,
    appends: Gate,
    heads: Gate,
    saves: Gate,
    reads: Arc<Gate>,
    handed: Arc<Handed>,
}

impl std::fmt::Debug for FaultyProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyProvider").field("calls", &self.calls).finish_non_exhaustive()
    }
}

impl FaultyProvider {
    /// Works like `inner`.
    pub fn new(inner: SharedProvider) -> Arc<Self> {
        let (plan, calls) = (Mutex::default(), Mutex::default());
        let (appends, heads, saves, reads) = (Gate::default(), Gate::default(), Gate::default(), Arc::default());
        Arc::new(Self { inner, plan, calls, appends, heads, saves, reads, handed: Arc::default() })
    }

    /// The provider inside, for looking at what is stored without being written down.
    pub fn inner(&self) -> &SharedProvider {
        &self.inner
    }

    /// The next appends end like this, in order; those after them end well.
    pub fn next_appends(&self, faults: impl IntoIterator<Item = AppendFault>) {
        self.plan().appends.extend(faults);
    }

    /// Every append from now on goes well.
    pub fn forget_faults(&self) {
        self.plan().appends.clear();
    }

    /// So many of the next reads of journals fail.
    pub fn fail_reads(&self, count: u32) {
        self.plan().reads_to_fail = count;
    }

    /// So many of the next snapshots are not saved.
    pub fn fail_saves(&self, count: u32) {
        self.plan().saves_to_fail = count;
    }

    /// So many of the next deletions fail.
    pub fn fail_deletes(&self, count: u32) {
        self.plan().deletes_to_fail = count;
    }

    /// The snapshot of an actor at this number fails its checksum from now on.
    pub fn corrupt_snapshot(&self, actor: ActorId, sequence: Sequence) {
        self.plan().corrupt_snapshots.push((actor, sequence));
    }

    /// Every snapshot is whole again.
    pub fn heal_snapshots(&self) {
        self.plan().corrupt_snapshots.clear();
    }

    /// From now on appends are decided and stored at once, but nobody learns the result until it is released.
    pub fn hold_appends(&self) {
        self.appends.hold();
    }

    /// Lets so many of the held appends go, the oldest first.
    pub fn release_appends(&self, count: u64) {
        self.appends.release(count);
    }

    /// Lets every append go.
    pub fn release_all_appends(&self) {
        self.appends.open();
    }

    /// How many appends wait for their release.
    pub fn held_appends(&self) -> u64 {
        self.appends.waiting()
    }

    /// From now on questions for heads wait: every recovery begins with one.
    pub fn hold_heads(&self) {
        self.heads.hold();
    }

    /// Lets so many of the held questions for heads go, the oldest first.
    pub fn release_heads(&self, count: u64) {
        self.heads.release(count);
    }

    /// Lets every question for a head go.
    pub fn release_all_heads(&self) {
        self.heads.open();
    }

    /// How many questions for heads wait for their release.
    pub fn held_heads(&self) -> u64 {
        self.heads.waiting()
    }

    /// From now on nobody learns that a snapshot was saved until it is released.
    pub fn hold_saves(&self) {
        self.saves.hold();
    }

    /// Lets every save go.
    pub fn release_all_saves(&self) {
        self.saves.open();
    }

    /// From now on readers of journals get nothing until they are released.
    pub fn hold_reads(&self) {
        self.reads.hold();
    }

    /// Lets every read go.
    pub fn release_all_reads(&self) {
        self.reads.open();
    }

    /// How many reads wait, or waited and were given up.
    pub fn held_reads(&self) -> u64 {
        self.reads.waiting()
    }

    /// From now on, or no longer, what is read of journals fails its checksum.
    pub fn corrupt_reads(&self, are_corrupt: bool) {
        self.plan().reads_are_corrupt = are_corrupt;
    }

    /// The store answers so many more calls, then it dies at one and answers nothing any more.
    pub fn die_after(&self, calls_left: u64, last: LastCall) {
        self.plan().death = Some(Death { calls_left, last });
    }

    /// Whether the store died.
    pub fn is_dead(&self) -> bool {
        self.plan().death.is_some_and(|death| death.calls_left == 0 && death.last == LastCall::Undone)
    }

    /// The store lives again, with what had taken effect.
    pub fn revive(&self) {
        self.plan().death = None;
    }

    /// The most bytes of frames that readers had handed out and the host still held, and how many were handed out
    /// in all, since this was asked last.
    pub fn take_handed_bytes(&self) -> (u64, u64) {
        self.handed.take()
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many of the calls so far `chosen` picks.
    pub fn count(&self, chosen: impl Fn(&Call) -> bool) -> usize {
        self.calls().iter().filter(|call| chosen(call)).count()
    }

    fn note(&self, call: Call) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every call of a dead store says.
fn dead() -> StoreError {
    StoreError::Io { operation: "reach", place: "the test's store".to_owned(), reason: "it died".to_owned() }
}

/// What every injected failure says.
fn injected(operation: &'static str) -> StoreError {
    StoreError::Io { operation, place: "the test's store".to_owned(), reason: "injected".to_owned() }
}
