//! Who is on stage: at most one activation per actor, found by everyone, bounded in number.
//!
//! # Why an actor cannot be on stage twice
//! An entry is inserted before its task starts and removed after its task has ended, by the same id. A sender that
//! finds a closed mailbox waits for that end before it looks again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use foldhash::fast::RandomState;
use futures_util::future::join_all;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::deploy::Deployments;
use super::tenancy::Census;
use super::{AskError, OnFull};
use crate::actor::{Actor, Code as _, Mail, Order, Progress, Shortage, Stage};
use crate::decide::{LiveActor, MemoryHolder, cleared_at_once, who_leaves, who_leaves_of_each, who_makes_room};
use crate::sandbox::{Cpu, limit_hit};
use crate::vocab::{ActorId, Address, Kind, Limit, Limits, Tenant};

/// Orders that wait for one actor; senders wait for room.
const ORDERS_MAX: usize = 64;

/// Whether an activation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Stay {
    /// Nobody told it to leave.
    Stays,
    /// It was told to leave, and is counted among those that were.
    Leaves,
    /// It is not on stage any more.
    Gone,
}

/// One activation, as others see it.
pub(super) struct Handle {
    pub(super) address: Arc<Address>,
    pub(super) mailbox: mpsc::Sender<Mail>,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) progress: Arc<Progress>,
    /// The bounds of this activation.
    pub(super) limits: Arc<Limits>,
    /// The directory's stamp at the last use; the smallest leaves first.
    last_used: AtomicU64,
    /// A [`Stay`].
    stay: AtomicU8,
    /// Its task; set right after it is spawned, so that a shutdown can force it.
    task: OnceLock<AbortHandle>,
    /// Ends when the activation has ended.
    gone: watch::Receiver<()>,
}

impl Handle {
    /// Whether it was told to leave, or is gone.
    pub(super) fn is_leaving(&self) -> bool {
        self.stay.load(Ordering::Acquire) != Stay::Stays as u8
    }

    /// Tells it to leave; whether it was not told before and is there.
    fn begins_to_leave(&self) -> bool {
        let (before, after) = (Stay::Stays as u8, Stay::Leaves as u8);
        self.stay.compare_exchange(before, after, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// It is gone; whether it was told to leave before.
    fn ends(&self) -> bool {
        self.stay.swap(Stay::Gone as u8, Ordering::AcqRel) == Stay::Leaves as u8
    }

    /// Waits until the activation has ended.
    pub(super) async fn gone(&self) {
        let mut gone = self.gone.clone();
        while gone.changed().await.is_ok() {}
    }
}

/// Actors that were not told to leave.
struct Staying {
    live: Vec<LiveActor<Arc<Handle>>>,
    /// Whose they are, by the index that each has.
    tenants: Vec<Tenant>,
}

/// Everyone who is on stage.
pub(super) struct Directory {
    me: Weak<Self>,
    stage: Arc<Stage>,
    deployments: Arc<Deployments>,
    census: Arc<Census>,
    runtime: tokio::runtime::Handle,
    cpu: Cpu,
    /// By ids, which are hashes: a fast hasher with a seed of this map's own is enough.
    live: papaya::HashMap<ActorId, Arc<Handle>, RandomState>,
    /// How many of the live ones were told to leave. For a moment it may be fewer, never more: one who is not counted has
    /// another leave in vain, one who is counted too often would have somebody wait for nobody.
    leaving: AtomicIsize,
    /// Grows with every activation; actors used since the same one are equally recent.
    stamp: AtomicU64,
    open: AtomicBool,
    /// Everybody was told to stop where they are; who comes on all the same is, too.
    forced: AtomicBool,
}

/// Removes an activation from the directory when its task ends, however it ends.
struct Leave {
    directory: Weak<Directory>,
    id: ActorId,
    _gone: watch::Sender<()>,
}

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(directory) = self.directory.upgrade() {
            // In this order: as soon as it is not live, another activation may begin and be counted.
            directory.census.left(self.id);
            directory.remove(self.id);
            directory.count();
        }
    }
}

impl Directory {
    pub(super) fn new(
        me: Weak<Self>,
        stage: Arc<Stage>,
        deployments: Arc<Deployments>,
        census: Arc<Census>,
        (runtime, cpu): (tokio::runtime::Handle, Cpu),
    ) -> Self {
        let live = papaya::HashMap::with_hasher(RandomState::default());
        let (stamp, open) = (AtomicU64::new(1), AtomicBool::new(true));
        let (leaving, forced) = (AtomicIsize::new(0), AtomicBool::new(false));
        Self { me, stage, deployments, census, runtime, cpu, live, leaving, stamp, open, forced }
    }

    /// What every actor shares.
    pub(super) fn stage(&self) -> Arc<Stage> {
        Arc::clone(&self.stage)
    }

    /// The live activation of an actor, if there is one.
    pub(super) fn find(&self, id: ActorId) -> Option<Arc<Handle>> {
        self.live.pin().get(&id).cloned()
    }

    /// Whether commands are taken.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Puts a command into an actor's mailbox, bringing the actor on stage if need be: that of `found`, if that is not over.
    ///
    /// # Errors
    /// When the kind is unknown, the mailbox is full (and the caller does not wait), or the host is closing.
    pub(super) async fn send(
        &self,
        address: &Arc<Address>,
        id: ActorId,
        found: Option<Arc<Handle>>,
        (envelope, on_full): (Mail, OnFull),
    ) -> Result<(), AskError> {
        let (mut found, mut envelope) = (found, envelope);
        loop {
            let mut first = Some(envelope);
            let handle = match found.take() {
                Some(handle) => handle,
                None => self.bring_on_counted(address, id, &mut first).await?,
            };
            let Some(unsent) = first else { return Ok(()) };
            envelope = unsent;
            handle.last_used.store(self.stamp.load(Ordering::Relaxed), Ordering::Relaxed);
            envelope = match handle.mailbox.try_send(envelope) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(envelope)) => match on_full {
                    OnFull::Refuse => {
                        limit_hit(&address.tenant, Limit::MailboxCommands);
                        return Err(AskError::MailboxFull(address.to_string()));
                    }
                    OnFull::Wait => match handle.mailbox.send(envelope).await {
                        Ok(()) => return Ok(()),
                        Err(mpsc::error::SendError(envelope)) => envelope,
                    },
                },
                Err(TrySendError::Closed(envelope)) => envelope,
            };
            handle.gone().await;
        }
    }

    /// The same as [`Directory::bring_on`], also for an actor that may be new: its tenant may have a quota of actors.
    async fn bring_on_counted(
        &self,
        address: &Arc<Address>,
        id: ActorId,
        first: &mut Option<Mail>,
    ) -> Result<Arc<Handle>, AskError> {
        if let Some(handle) = self.find(id) {
            return Ok(handle);
        }
        self.deployments.find_active(&address.tenant, &address.kind)?;
        if !self.census.is_newcomer(address, id).await? {
            return self.bring_on_for(address, id, first);
        }
        let mut begun = None;
        let is_live = || self.find(id).is_some();
        let begin = || begun.insert(self.bring_on_for(address, id, first)).is_ok();
        self.census.admit(&address.tenant, id, is_live, begin)?;
        begun.unwrap_or_else(|| self.bring_on_for(address, id, first))
    }

    /// The live activation of an actor; begins one if there is none.
    ///
    /// # Errors
    /// When the kind is unknown, the actor is in trouble, or the host is closing.
    pub(super) fn bring_on(&self, address: &Arc<Address>, id: ActorId) -> Result<Arc<Handle>, AskError> {
        self.bring_on_for(address, id, &mut None)
    }

    /// The same for a command. An activation that begins for it finds it in its mailbox, and takes it out of `first`: one
    /// that fails at once tells whoever began it why.
    ///
    /// # Errors
    /// When the kind is unknown, the actor is in trouble, or the host is closing.
    fn bring_on_for(
        &self,
        address: &Arc<Address>,
        id: ActorId,
        first: &mut Option<Mail>,
    ) -> Result<Arc<Handle>, AskError> {
        if let Some(handle) = self.find(id) {
            return Ok(handle);
        }
        if !self.is_open() {
            return Err(AskError::ShuttingDown);
        }
        let code = self.deployments.find_active(&address.tenant, &address.kind)?;
        if let Some(refusal) = self.stage.supervisor.refusal(address, id) {
            return Err(refusal);
        }
        let limits = code.limits();
        let mailbox_max = usize::try_from(limits.mailbox_commands).unwrap_or(1).max(1);
        let (mailbox, mail) = mpsc::channel(mailbox_max);
        let (orders, order_box) = mpsc::channel(ORDERS_MAX);
        let (gone_tx, gone) = watch::channel(());
        let handle = Arc::new(Handle {
            address: Arc::clone(address),
            mailbox,
            orders,
            progress: Arc::default(),
            limits: Arc::clone(&limits),
            last_used: AtomicU64::new(self.stamp.fetch_add(1, Ordering::Relaxed)),
            stay: AtomicU8::new(Stay::Stays as u8),
            task: OnceLock::new(),
            gone,
        });
        let pinned = self.live.pin();
        if let Err(taken) = pinned.try_insert(id, Arc::clone(&handle)) {
            return Ok(Arc::clone(taken.current));
        }
        // Once more, now that everybody can see the entry: who quarantines an actor to write into its journal looks for
        // its activation afterwards, and finds this one or none.
        if let Some(refusal) = self.stage.supervisor.refusal(address, id) {
            self.remove(id);
            return Err(refusal);
        }
        if let Some(envelope) = first.take()
            && let Err(error) = handle.mailbox.try_send(envelope)
        {
            *first = Some(error.into_inner());
        }
        let actor = Actor {
            stage: Arc::clone(&self.stage),
            code,
            address: Arc::clone(address),
            limits,
            mailbox: mail,
            orders: order_box,
            progress: Arc::clone(&handle.progress),
        };
        let leave = Leave { directory: self.me.clone(), id, _gone: gone_tx };
        let share = self.cpu.share(&address.tenant);
        let task = self.runtime.spawn(share.paced(async move {
            actor.run().await;
            drop(leave);
        }));
        let _only_here = handle.task.set(task.abort_handle());
        if self.forced.load(Ordering::SeqCst) {
            // Whoever forced the others to end may have looked just before.
            task.abort();
        }
        self.count();
        if self.deployments.find_active(&address.tenant, &address.kind).is_err() {
            // Suspended or deleted meanwhile, perhaps after everybody who was on stage had been sent off. Its box of
            // orders is new, so there is room.
            let _has_room = handle.orders.try_send(Order::Passivate);
        }
        Ok(handle)
    }

    /// Orders as many to leave as it takes: the least recently used of tenants that have more than their share of what
    /// there is not enough of.
    pub(super) fn make_room(&self, shortage: Shortage) {
        match shortage {
            Shortage::Places => {
                // Mostly enough are on their way out already: then nobody is looked at.
                let live_max = self.stage.limits.live_actors;
                if self.count_staying().0 >= usize::try_from(live_max).unwrap_or(usize::MAX) {
                    self.make_room_for(u64::from(live_max), |_| true);
                }
            }
            Shortage::Instances => {
                let (staying, leaving) = self.count_staying();
                if leaving < cleared_at_once(staying) {
                    self.make_room_for(u64::try_from(staying).unwrap_or(u64::MAX), |_| true);
                }
            }
            Shortage::Memory => self.make_memory_room(),
        }
    }

    /// How many stay, and how many were told to leave and have not left yet. Never fewer than stay.
    fn count_staying(&self) -> (usize, usize) {
        // In this order: who leaves in between is counted once too often, not once too few.
        let live = self.live.len();
        let leaving = usize::try_from(self.leaving.load(Ordering::Acquire)).unwrap_or(0);
        (live.saturating_sub(leaving), leaving)
    }

    /// Orders actors to leave until enough of the guests' memory is about to be free.
    fn make_memory_room(&self) {
        let Staying { live, tenants } = self.staying(|_| true);
        let pinned = self.live.pin();
        let mut leaving: BTreeMap<&Tenant, usize> = BTreeMap::new();
        for handle in pinned.values().filter(|handle| handle.is_leaving()) {
            *leaving.entry(&handle.address.tenant).or_default() += 1;
        }
        let mut staying = vec![0_usize; tenants.len()];
        for actor in &live {
            if let Some(count) = staying.get_mut(actor.tenant) {
                *count += 1;
            }
        }
        let holder = |(tenant, staying): (&Tenant, usize)| MemoryHolder {
            used_bytes: self.deployments.tenants.account(tenant).memory.used_bytes(),
            weight: self.deployments.tenants.weight(tenant),
            staying,
            leaving: leaving.get(tenant).copied().unwrap_or(0),
        };
        let holders: Vec<_> = tenants.iter().zip(staying).map(holder).collect();
        let leaves = who_makes_room(&holders, self.deployments.tenants.memory().bytes_max());
        self.send_away(who_leaves_of_each(live, leaves));
    }

    /// The same among the other actors of one actor's tenant.
    pub(super) fn make_room_among(&self, address: &Address, live_max: u64) {
        // It stays itself: it is the one that needs the room.
        let others = live_max.saturating_sub(1);
        self.make_room_for(others, |other| other.tenant == address.tenant && other != address);
    }

    fn make_room_for(&self, live_max: u64, chosen: impl Fn(&Address) -> bool) {
        let Staying { live, tenants } = self.staying(chosen);
        let weights: Vec<u32> = tenants.iter().map(|tenant| self.deployments.tenants.weight(tenant)).collect();
        let live_max = usize::try_from(live_max).unwrap_or(usize::MAX);
        self.send_away(who_leaves(live, &weights, live_max));
    }

    /// Those who stay, as far as `chosen` picks them, and their tenants.
    fn staying(&self, chosen: impl Fn(&Address) -> bool) -> Staying {
        let pinned = self.live.pin();
        let staying = pinned.values().filter(|handle| !handle.is_leaving() && chosen(&handle.address));
        let mut places: BTreeMap<&Tenant, usize> = BTreeMap::new();
        let (mut tenants, mut live) = (Vec::new(), Vec::new());
        let mut before: Option<(&Tenant, usize)> = None;
        for handle in staying {
            let whose = &handle.address.tenant;
            let tenant = match before {
                Some((same, place)) if same == whose => place,
                _ => *places.entry(whose).or_insert_with(|| {
                    tenants.push(whose.clone());
                    tenants.len().saturating_sub(1)
                }),
            };
            before = Some((whose, tenant));
            let last_used = handle.last_used.load(Ordering::Relaxed);
            live.push(LiveActor { last_used, tenant, id: Arc::clone(handle) });
        }
        Staying { live, tenants }
    }

    fn send_away(&self, leaving: Vec<Arc<Handle>>) {
        for handle in leaving {
            self.tell_to_leave(&handle);
            if let Err(TrySendError::Full(order)) = handle.orders.try_send(Order::Passivate) {
                // It takes orders again some time; who waits for its place does not ask a second time.
                self.runtime.spawn(async move { handle.orders.send(order).await.is_ok() });
            }
        }
    }

    /// Counts it among those that leave, unless it is or is gone.
    fn tell_to_leave(&self, handle: &Handle) {
        if handle.begins_to_leave() {
            self.leaving.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Takes an activation out, behind the count of those that leave.
    fn remove(&self, id: ActorId) {
        let pinned = self.live.pin();
        if let Some(handle) = pinned.get(&id)
            && handle.ends()
        {
            self.leaving.fetch_sub(1, Ordering::AcqRel);
        }
        pinned.remove(&id);
    }

    /// Orders every live actor that `chosen` picks to leave; returns them.
    pub(super) async fn send_off(&self, chosen: impl Fn(&Address) -> bool) -> Vec<Arc<Handle>> {
        let handles: Vec<Arc<Handle>> = self.live.pin().values().filter(|h| chosen(&h.address)).cloned().collect();
        // All at once: one that waits for a place and takes no orders must not hold up those who would make room.
        let _gone_already = join_all(handles.iter().map(|handle| {
            self.tell_to_leave(handle);
            handle.orders.send(Order::Passivate)
        }))
        .await;
        handles
    }

    /// Whether somebody whom `chosen` picks is on stage.
    pub(super) fn is_any_live(&self, chosen: impl Fn(&Address) -> bool) -> bool {
        self.live.pin().values().any(|handle| chosen(&handle.address))
    }

    /// The live actors of a kind, as far as `chosen` picks them.
    pub(super) fn live_of(&self, tenant: &Tenant, kind: &Kind, chosen: impl Fn(&Handle) -> bool) -> Vec<Arc<Handle>> {
        let live = self.live.pin();
        let of_kind = live.values().filter(|it| it.address.kind == *kind && it.address.tenant == *tenant);
        of_kind.filter(|handle| chosen(handle)).cloned().collect()
    }

    /// Who is on stage, as far as `chosen` picks them.
    pub(super) fn live_addresses(&self, chosen: impl Fn(&Address) -> bool) -> Vec<Arc<Address>> {
        let live = self.live.pin();
        live.values().filter(|handle| chosen(&handle.address)).map(|handle| Arc::clone(&handle.address)).collect()
    }

    /// Takes no more commands and waits until nobody is on stage.
    pub(super) async fn close(&self) {
        self.open.store(false, Ordering::Release);
        loop {
            let leaving = self.send_off(|_| true).await;
            if leaving.is_empty() {
                return;
            }
            for handle in leaving {
                handle.gone().await;
            }
        }
    }

    /// Stops everyone who is still on stage where they are. Those who wait for an answer learn that none will come.
    pub(super) fn force(&self) {
        self.open.store(false, Ordering::SeqCst);
        self.forced.store(true, Ordering::SeqCst);
        for task in self.live.pin().values().filter_map(|handle| handle.task.get()) {
            task.abort();
        }
    }

    fn count(&self) {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        metrics::gauge!(crate::actor::LIVE_ACTORS).set(self.live.len() as f64);
    }
}
