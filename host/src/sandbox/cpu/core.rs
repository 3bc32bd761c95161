//! Who waits. Everything here happens behind one lock, which nobody takes while nobody waits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::share::Account;
use super::slots::Held;
use super::waiting::{Grant, Waiter, deliver};
use super::{Inner, Permit, Share};
use crate::decide::{Line, Next, Running, gives_way, gives_way_at_home, is_mostly_long, who_yields};
use crate::vocab::Tenant;

/// So many tenants are looked at in every tick when running calls are asked to give way.
const ASKED_FOR_MAX: usize = 16;

/// Who waits, and who there is.
#[derive(Default)]
pub(super) struct Core {
    line: Line,
    /// Tenants of which calls wait. Those that may run are in the line.
    queues: BTreeMap<u32, Queue>,
    /// Those of them that have used their budget up.
    throttled: BTreeSet<u32>,
    /// Those of which only long calls wait, while as many run as may.
    resting: BTreeSet<u32>,
    accounts: BTreeMap<u32, Weak<Account>>,
    /// `None`: the host's own.
    names: BTreeMap<Option<Tenant>, Weak<Account>>,
    last_id: u32,
}

/// A call at the end of a slice.
pub(super) struct Stopping {
    pub(super) slot: usize,
    /// For how long it has run since it was last let in.
    pub(super) ran_ns: u64,
    /// It is counted among the long ones.
    pub(super) is_long: bool,
    /// More long ones run than may.
    pub(super) is_one_too_many: bool,
}

/// The calls of one tenant that wait. Never empty.
struct Queue {
    account: Arc<Account>,
    /// Calls under way that gave way: they go first, so that a tenant has few of them.
    begun: VecDeque<Waiter>,
    /// Calls that have not begun, in order.
    fresh: VecDeque<Waiter>,
    /// Its place in the line.
    in_line: Option<u64>,
}

impl Queue {
    const fn new(account: Arc<Account>) -> Self {
        Self { account, begun: VecDeque::new(), fresh: VecDeque::new(), in_line: None }
    }

    /// What it would run, if one of its long calls may (or may not) go on; `None`: nothing.
    fn next(&self, may_go_on: bool, calls: usize) -> Option<Next> {
        if may_go_on && !self.begun.is_empty() {
            return Some(Next::Begun);
        }
        let begins = !self.fresh.is_empty() && (may_go_on || !is_mostly_long(self.begun.len(), calls));
        begins.then_some(Next::Fresh)
    }
}

impl Core {
    /// The share of a tenant, made if nobody holds it.
    pub(super) fn share(&mut self, cpu: &Arc<Inner>, tenant: Option<&Tenant>) -> Share {
        let name = tenant.cloned();
        if let Some(account) = self.names.get(&name).and_then(Weak::upgrade) {
            return Share::new(account);
        }
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        let account = Arc::new(Account::new(self.last_id, Arc::clone(cpu), tenant));
        self.accounts.insert(self.last_id, Arc::downgrade(&account));
        self.names.insert(name, Arc::downgrade(&account));
        Share::new(account)
    }

    /// Everybody of whom somebody holds the share; forgets the others.
    pub(super) fn accounts(&mut self) -> Vec<Arc<Account>> {
        self.names.retain(|_, account| account.strong_count() > 0);
        self.accounts.retain(|_, account| account.strong_count() > 0);
        self.accounts.values().filter_map(Weak::upgrade).collect()
    }

    pub(super) fn waiting_calls(&self) -> usize {
        self.queues.values().map(|queue| queue.begun.len().saturating_add(queue.fresh.len())).sum()
    }

    fn push(&mut self, cpu: &Inner, account: &Arc<Account>, waiter: Waiter, next: Next) {
        let queue = self.queues.entry(account.id()).or_insert_with(|| Queue::new(Arc::clone(account)));
        match next {
            Next::Begun => queue.begun.push_back(waiter),
            Next::Fresh => queue.fresh.push_back(waiter),
        }
        if account.is_throttled() && !account.ends_throttle(cpu.now_ns()) {
            self.throttled.insert(account.id());
        } else {
            self.rejoin(account.id());
        }
        self.publish(cpu);
    }

    /// Puts a tenant that waits and may run into the line, if it is not there.
    pub(super) fn rejoin(&mut self, id: u32) {
        self.throttled.remove(&id);
        self.resting.remove(&id);
        if let Some(queue) = self.queues.get_mut(&id)
            && queue.in_line.is_none()
        {
            let at = queue.account.arrives();
            queue.in_line = Some(at);
            self.line.join(id, at);
        }
    }

    /// Lets those whose budget has filled run again.
    pub(super) fn end_throttles(&mut self, now_ns: u64) {
        let queues = &self.queues;
        let fills = |id: &u32| queues.get(id).is_none_or(|queue| queue.account.ends_throttle(now_ns));
        let ended: Vec<u32> = self.throttled.iter().copied().filter(fills).collect();
        ended.into_iter().for_each(|id| self.rejoin(id));
    }

    /// Takes a tenant that has used its budget up out of the line.
    fn bench(&mut self, id: u32) {
        if let Some(queue) = self.queues.get_mut(&id) {
            if let Some(at) = queue.in_line.take() {
                self.line.leave(id, at);
            }
            self.throttled.insert(id);
        }
    }

    /// Takes a tenant of which only long calls wait out of the line, until one of them may go on.
    fn rest(&mut self, id: u32) {
        if let Some(queue) = self.queues.get_mut(&id) {
            if let Some(at) = queue.in_line.take() {
                self.line.leave(id, at);
            }
            self.resting.insert(id);
        }
    }

    /// Puts those who rest into the line again.
    pub(super) fn rouse(&mut self) {
        std::mem::take(&mut self.resting).into_iter().for_each(|id| self.rejoin(id));
    }

    /// Tells everybody how many there are who wait.
    fn publish(&self, cpu: &Inner) {
        cpu.waiting.store(self.line.len(), Ordering::SeqCst);
        cpu.resting.store(self.resting.len(), Ordering::SeqCst);
    }

    /// The first in the line, and its virtual time.
    fn first(&mut self) -> Option<(u32, u64)> {
        let queues = &mut self.queues;
        self.line.first(|id, at| {
            let queue = queues.get_mut(&id)?;
            let now = queue.account.virtual_now();
            if now > at {
                queue.in_line = Some(now);
            }
            Some(now)
        })
    }

    /// Takes out who is to run next.
    fn pop(&mut self, cpu: &Inner) -> Option<Turn> {
        loop {
            let (id, _) = self.first()?;
            let queue = self.queues.get_mut(&id)?;
            if queue.account.is_throttled() {
                self.bench(id);
                continue;
            }
            if cpu.has_enough(&queue.account) {
                self.rest(id);
                continue;
            }
            let Some(next) = queue.next(cpu.may_go_on(id), cpu.slots.count()) else {
                self.rest(id);
                continue;
            };
            let waiter = match next {
                Next::Begun => queue.begun.pop_front(),
                Next::Fresh => queue.fresh.pop_front(),
            };
            let account = Arc::clone(&queue.account);
            self.forget_if_empty(id);
            if let Some(waiter) = waiter.filter(Waiter::is_there) {
                return Some(Turn { account, waiter, next });
            }
        }
    }

    /// Takes a call that has not begun out of a tenant's queue.
    fn pop_fresh(&mut self, id: u32) -> Option<Turn> {
        let queue = self.queues.get_mut(&id)?;
        let account = Arc::clone(&queue.account);
        let waiter = std::iter::from_fn(|| queue.fresh.pop_front()).find(Waiter::is_there);
        self.forget_if_empty(id);
        waiter.map(|waiter| Turn { account, waiter, next: Next::Fresh })
    }

    fn forget_if_empty(&mut self, id: u32) {
        if self.queues.get(&id).is_some_and(|queue| queue.begun.is_empty() && queue.fresh.is_empty())
            && let Some(queue) = self.queues.remove(&id)
        {
            self.throttled.remove(&id);
            self.resting.remove(&id);
            if let Some(at) = queue.in_line {
                self.line.leave(id, at);
            }
        }
    }

    /// Free slots for those who wait.
    pub(super) fn grants(&mut self, cpu: &Inner) -> Vec<Grant> {
        let mut grants = Vec::new();
        while let Some((id, _)) = self.first() {
            let Some(slot) = cpu.slots.take(id) else { break };
            let Some(turn) = self.pop(cpu) else {
                cpu.slots.free(slot);
                break;
            };
            grants.push(turn.in_slot(cpu, slot));
        }
        self.publish(cpu);
        grants
    }

    /// Asks a running call of another tenant that is ahead of this one to give way to it.
    fn ask(&self, cpu: &Inner, id: u32, now_ns: u64) -> bool {
        let Some(queue) = self.queues.get(&id) else { return false };
        // Calls that have begun take over at whole slices, without being called for.
        let next = queue.next(cpu.may_go_on(id), cpu.slots.count());
        let Some(at) = queue.in_line.filter(|_| next == Some(Next::Fresh)) else { return false };
        let others: Vec<Held> = cpu.slots.held().filter(|held| held.holder != id).collect();
        let running = |held: &Held| Running {
            virtual_ns: self
                .accounts
                .get(&held.holder)
                .and_then(Weak::upgrade)
                .map_or(0, |account| account.virtual_after(now_ns.saturating_sub(held.charged_ns))),
            ran_ns: now_ns.saturating_sub(held.granted_ns),
            asked: held.asked,
        };
        let asked = who_yields(at, others.iter().map(running)).and_then(|chosen| others.get(chosen));
        asked.inspect(|held| cpu.slots.ask(held.slot)).is_some()
    }

    /// The same for those who come first in the line; calls that were too young when they came are older now.
    pub(super) fn ask_again(&mut self, cpu: &Inner, now_ns: u64) {
        self.first();
        let first: Vec<u32> = self.line.iter().take(ASKED_FOR_MAX).map(|(id, _)| id).collect();
        first.into_iter().take_while(|_| cpu.slots.held().any(|held| !held.asked)).for_each(|id| {
            self.ask(cpu, id, now_ns);
        });
    }

    /// Whoever takes over the slot of a call of `own` that has run for so long, if anybody does.
    fn successor(&mut self, cpu: &Inner, own: &Account, ran_ns: u64) -> Option<Turn> {
        let may_stop = cpu.begun.load(Ordering::Relaxed) < cpu.begun_max;
        loop {
            let (first, at) = self.first()?;
            let queue = self.queues.get(&first)?;
            let Some(next) = queue.next(cpu.may_go_on(first), cpu.slots.count()) else {
                self.rest(first);
                continue;
            };
            if first == own.id() {
                let begun = queue.begun.len();
                let goes = may_stop && !queue.fresh.is_empty() && gives_way_at_home(ran_ns, begun, cpu.slots.count());
                return if goes { self.pop_fresh(first) } else { None };
            }
            let goes = gives_way(own.virtual_now(), ran_ns, at, next) && (may_stop || next == Next::Begun);
            return if goes { self.pop(cpu) } else { None };
        }
    }
}

/// Who is to run next.
struct Turn {
    account: Arc<Account>,
    waiter: Waiter,
    next: Next,
}

impl Turn {
    /// Lets it run in a slot that is taken.
    fn in_slot(self, cpu: &Inner, slot: usize) -> Grant {
        cpu.slots.pass_on(slot, self.account.id());
        let permit = Permit::begin(self.account, slot);
        Grant { waiter: self.waiter, permit: if self.next == Next::Begun { permit.going_on() } else { permit } }
    }
}

impl Inner {
    /// Takes a call that has not begun in.
    pub(super) fn join(&self, account: &Arc<Account>, waiter: Waiter) {
        let (grants, asked) = {
            let mut core = self.lock();
            core.push(self, account, waiter, Next::Fresh);
            let grants = core.grants(self);
            let asked = grants.is_empty() && core.ask(self, account.id(), self.now_ns());
            (grants, asked)
        };
        if asked {
            (self.end_slices)();
        }
        deliver(grants);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.alert();
        }
    }

    /// Gives the slot of a call under way to whoever comes before it, and queues `waiter` for it. `None`: nobody does, and it
    /// goes on.
    pub(super) fn step_aside(&self, account: &Arc<Account>, call: &Stopping, waiter: Waiter) -> Option<Vec<Grant>> {
        let mut core = self.lock();
        self.slots.unask(call.slot);
        let is_throttled = account.is_throttled() && !account.ends_throttle(self.now_ns());
        if call.is_long {
            // Whoever takes its place may be a long one.
            self.long.fetch_sub(1, Ordering::SeqCst);
            core.rouse();
        }
        let must_go = is_throttled || call.is_one_too_many;
        let successor = if must_go { core.pop(self) } else { core.successor(self, account, call.ran_ns) };
        if successor.is_none() && !must_go {
            if call.is_long {
                self.long.fetch_add(1, Ordering::SeqCst);
            }
            core.publish(self);
            return None;
        }
        self.begun.fetch_add(1, Ordering::Relaxed);
        core.push(self, account, waiter, Next::Begun);
        let grants = match successor {
            Some(turn) => vec![turn.in_slot(self, call.slot)],
            None => {
                self.slots.free(call.slot);
                core.grants(self)
            }
        };
        core.publish(self);
        drop(core);
        self.alert();
        Some(grants)
    }

    /// A call that gave way goes on, or gave up.
    pub(super) fn resumed(&self) {
        self.begun.fetch_sub(1, Ordering::Relaxed);
    }
}
