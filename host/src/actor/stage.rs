//! What every actor of a host shares, and what an actor needs from the rooms above it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;

use super::metric::KindMetrics;
use super::{Account, Loads, News, Recorder, RecoveryError, Revision, Supervisor, Tell, TellId, Turnstile};
use crate::decide::{
    PassivationSettings, RecoverySettings, ReplayCost, RetentionSettings, RolloutSettings, SnapshotSettings,
    SupervisionSettings,
};
use crate::provider::SharedProvider;
use crate::sandbox::EventType;
use crate::vocab::{ActorId, Address, Clock, Limits, RevisionId, Sequence, Timestamp};

/// What every actor of a host shares.
pub(crate) struct Stage {
    /// Where everything durable goes.
    pub(crate) provider: SharedProvider,
    /// Where the time of turns comes from.
    pub(crate) clock: Arc<dyn Clock>,
    /// The bounds of the host as a whole; those of an actor come with its code.
    pub(crate) limits: Limits,
    /// How many may recover at once; tenants take turns.
    pub(crate) recoveries: Turnstile,
    /// How many may be live at once; tenants take turns.
    pub(crate) places: Turnstile,
    /// How many may change over to another revision at once; tenants take turns.
    pub(crate) swaps: Turnstile,
    /// What of each tenant is on its way.
    pub(crate) loads: Loads,
    /// The rooms above.
    pub(crate) crew: Arc<dyn Crew>,
    /// Who decides about actors that fail.
    pub(crate) supervisor: Arc<dyn Supervisor>,
}

/// What there is not enough of for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// Every place on stage is taken.
    Places,
    /// There are places, but no instance could be made. The pool has instances for more than all places, so this is not
    /// expected; nobody must stay locked out if it happens.
    Instances,
    /// All guests together use as much memory as they may.
    Memory,
}

/// What the runtime does for actors.
pub(crate) trait Crew: Send + Sync + 'static {
    /// Makes actors passive, first those of tenants with more than their share; called when there is not enough for all.
    fn make_room(&self, shortage: Shortage);
    /// Makes the least recently used actors of this one's tenant passive, so that no more than `live_max` are left.
    fn make_room_among(&self, address: &Arc<Address>, live_max: u64);
    /// Tells followers of an actor's events that its journal grew.
    fn published(&self, actor: ActorId, through: Sequence);
    /// Delivers a tell until it was handled (or given up), then orders the sender to strike it off.
    fn deliver(&self, from: &Arc<Address>, id: TellId, tell: Tell);
    /// Remembers to wake an actor that leaves the stage.
    fn wake_later(&self, address: &Arc<Address>, at: Timestamp);
}

/// The deployed code of one kind.
pub(crate) trait Code: Send + Sync + 'static {
    /// The revision that an actor is to run now: the one that it is assigned, or the one that it is held on because that
    /// one did not bear it.
    fn assigned(&self, address: &Address) -> RevisionId;
    /// The revision that actors run which no rollout has chosen.
    fn stable(&self) -> RevisionId;
    /// Whether the kind has no other revision than this one.
    fn is_only(&self, revision: RevisionId) -> bool;
    /// Whether a revision knows every event type that some revision of the kind declares.
    fn knows_every_event_type(&self, revision: RevisionId) -> bool;
    /// A revision of this kind, ready to run; compiles it if need be.
    fn revision(&self, id: RevisionId) -> BoxFuture<'_, Result<Arc<Revision>, RecoveryError>>;
    /// Whether actors are on their way from one revision to another, so that they may have to go back: then nothing is
    /// deleted that going back needs.
    fn is_rolling(&self) -> bool;
    /// What became of an actor and its revision.
    fn note(&self, address: &Address, news: News);
    /// The event types of a revision of this kind, by the index that frames carry; `None`: no such revision.
    fn event_types(&self, revision: RevisionId) -> Option<Arc<[EventType]>>;
    /// The bounds of its actors, as they are now; an activation keeps those it began with.
    fn limits(&self) -> Arc<Limits>;
    /// What the actors of its tenant use together.
    fn account(&self) -> &Arc<Account>;
    /// What the host does with actors of this kind.
    fn policy(&self) -> &Policy;
    /// Where recent commands are kept for rehearsals.
    fn recorder(&self) -> &Recorder;
    /// The counters of this kind.
    fn metrics(&self) -> &KindMetrics;
}

/// What the host does with actors of a kind.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    /// When snapshots are taken.
    pub(crate) snapshots: SnapshotSettings,
    /// What is deleted behind them.
    pub(crate) retention: RetentionSettings,
    /// When an idle actor leaves.
    pub(crate) passivation: PassivationSettings,
    /// What bounds a recovery.
    pub(crate) recovery: RecoverySettings,
    /// What is done when it fails.
    pub(crate) supervision: SupervisionSettings,
    /// How a new revision takes over.
    pub(crate) rollout: RolloutSettings,
    /// What recovery costs, learned.
    pub(crate) rate: ReplayRate,
}

/// The running means of what recovery costs for a kind. Approximate: concurrent updates may lose one sample.
#[derive(Debug)]
pub(crate) struct ReplayRate {
    event_ps: AtomicU64,
    start_ns: AtomicU64,
}

/// Before the first measurement an event is taken to cost a microsecond, in picoseconds.
const EVENT_PS_GUESS: u64 = 1_000_000;
/// Before the first measurement a start is taken to cost 100 microseconds, in nanoseconds.
const START_NS_GUESS: u64 = 100_000;
/// The newest sample weighs a quarter.
const NEWEST_SHARE: u64 = 4;

impl Default for ReplayRate {
    fn default() -> Self {
        Self { event_ps: AtomicU64::new(EVENT_PS_GUESS), start_ns: AtomicU64::new(START_NS_GUESS) }
    }
}

impl ReplayRate {
    /// Takes a replay of `events` events into account.
    pub(crate) fn replayed(&self, events: u64, elapsed_ns: u64) {
        if let Some(sample) = elapsed_ns.saturating_mul(1_000).checked_div(events) {
            mix(&self.event_ps, sample);
        }
    }

    /// Takes the start of an instance into account.
    pub(crate) fn started(&self, elapsed_ns: u64) {
        mix(&self.start_ns, elapsed_ns);
    }

    /// The costs as they are known now.
    #[expect(clippy::cast_precision_loss, reason = "estimates")]
    pub(crate) fn cost(&self) -> ReplayCost {
        ReplayCost {
            event_ns: self.event_ps.load(Ordering::Relaxed) as f64 / 1_000.0,
            start_ns: self.start_ns.load(Ordering::Relaxed) as f64,
        }
    }
}

fn mix(mean: &AtomicU64, sample: u64) {
    let old = mean.load(Ordering::Relaxed);
    let kept = old.saturating_sub(old / NEWEST_SHARE);
    mean.store(kept.saturating_add(sample / NEWEST_SHARE), Ordering::Relaxed);
}
