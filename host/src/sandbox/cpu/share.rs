//! One tenant's part of the CPU.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::metric::Figures;
use super::waiting::{self, Waiting};
use super::{Inner, Paced, Permit, paced};
use crate::decide::{CpuBudget, starts_at, virtual_ns};
use crate::vocab::Tenant;

/// The present is moved on in steps of this much virtual time, so that not every call writes it.
const PRESENT_STEP: u64 = 4_000;

/// One tenant's part of the CPU; cloning shares it.
#[derive(Clone)]
pub struct Share {
    account: Arc<Account>,
}

/// What is known of a tenant.
pub(super) struct Account {
    id: u32,
    cpu: Arc<Inner>,
    tenant: Option<Tenant>,
    weight: AtomicU32,
    virtual_ns: AtomicU64,
    /// CPU time that its guests used, ever.
    used_ns: AtomicU64,
    /// Permits that its calls hold now.
    held: AtomicUsize,
    budget: Mutex<Option<CpuBudget>>,
    has_budget: AtomicBool,
    /// Its budget is used up: it is not let in.
    throttled: AtomicBool,
    pub(super) figures: Figures,
}

impl Share {
    pub(super) const fn new(account: Arc<Account>) -> Self {
        Self { account }
    }

    /// Sets the tenant's weight beside others, and the milliseconds of CPU that it may use a second (`None`: any). Holds for
    /// calls from now on.
    pub fn set(&self, weight: u32, cpu_ms_per_second: Option<u64>) {
        self.account.set(weight, cpu_ms_per_second);
    }

    pub(super) fn account(&self) -> Arc<Account> {
        Arc::clone(&self.account)
    }

    pub(super) fn breathe(&self) {
        self.account.cpu().breathe();
    }

    /// Runs a task under the tenant's permits.
    pub fn paced<F>(&self, task: F) -> Paced<F> {
        Paced::new(self.clone(), task)
    }

    /// A permit at once: the one that this task runs under, or else one that is free while nobody is there before.
    #[must_use]
    pub fn try_enter(&self) -> Option<Permit> {
        if let Some(permit) = paced::take_held(&self.account) {
            return Some(permit);
        }
        self.account.cpu.take_free(&self.account)
    }

    /// Waits for a permit without holding a thread. Dropping the wait gives the place up.
    pub fn wait(&self) -> Waiting {
        Waiting::new(Arc::clone(&self.account))
    }

    /// A permit, however long it takes.
    pub async fn enter(&self) -> Permit {
        match self.try_enter() {
            Some(permit) => permit,
            None => self.wait().await,
        }
    }

    /// The same, holding the thread; other tasks of a multi-threaded tokio worker go on elsewhere.
    pub fn enter_blocking(&self) -> Permit {
        self.try_enter().unwrap_or_else(|| waiting::wait_blocking(&self.account))
    }

    /// Whether the tenant has used up its CPU time of this second.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.account.is_throttled()
    }

    /// CPU time that the tenant's guests have used, nanoseconds.
    #[must_use]
    pub fn used_ns(&self) -> u64 {
        self.account.used_ns.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Share").field("tenant", &self.account.tenant).finish_non_exhaustive()
    }
}

impl Account {
    pub(super) fn new(id: u32, cpu: Arc<Inner>, tenant: Option<&Tenant>) -> Self {
        let present = cpu.present.load(Ordering::Relaxed);
        Self {
            id,
            cpu,
            tenant: tenant.cloned(),
            weight: AtomicU32::new(super::WEIGHT),
            virtual_ns: AtomicU64::new(present),
            used_ns: AtomicU64::new(0),
            held: AtomicUsize::new(0),
            budget: Mutex::default(),
            has_budget: AtomicBool::new(false),
            throttled: AtomicBool::new(false),
            figures: Figures::new(tenant),
        }
    }

    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn cpu(&self) -> &Inner {
        &self.cpu
    }

    pub(super) const fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    fn set(&self, weight: u32, cpu_ms_per_second: Option<u64>) {
        self.weight.store(weight.max(1), Ordering::Relaxed);
        {
            let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
            if budget.map(|budget| budget.ms_per_second()) == cpu_ms_per_second {
                return;
            }
            *budget = cpu_ms_per_second.map(|ms| CpuBudget::full(ms, self.cpu.now_ns()));
            self.has_budget.store(budget.is_some(), Ordering::Release);
            self.throttled.store(false, Ordering::SeqCst);
        }
        let grants = {
            let mut core = self.cpu.lock();
            core.rejoin(self.id);
            core.grants(&self.cpu)
        };
        waiting::deliver(grants);
    }

    /// How many permits its calls hold now.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// A call of it has a permit from now on.
    pub(super) fn takes_permit(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    /// A call of it has its permit no longer.
    pub(super) fn gives_permit(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }

    /// Where it is in virtual time.
    pub(super) fn virtual_now(&self) -> u64 {
        self.virtual_ns.load(Ordering::Relaxed)
    }

    /// Where it would be if it had used so much more.
    pub(super) fn virtual_after(&self, used_ns: u64) -> u64 {
        self.virtual_now().saturating_add(virtual_ns(used_ns, self.weight.load(Ordering::Relaxed)))
    }

    /// It wants CPU: one that was idle comes to the present.
    pub(super) fn arrives(&self) -> u64 {
        let present = self.cpu.present.load(Ordering::Relaxed);
        starts_at(present, self.virtual_ns.fetch_max(present, Ordering::Relaxed))
    }

    /// A call of it, or another slice of one, starts: the present is there now. What waited keeps its time: it may lie behind.
    pub(super) fn starts(&self) {
        let at = self.virtual_now();
        if at > self.cpu.present.load(Ordering::Relaxed).saturating_add(PRESENT_STEP) {
            self.cpu.present.fetch_max(at, Ordering::Relaxed);
        }
    }

    /// Its guests used CPU.
    pub(super) fn charge(&self, used_ns: u64) {
        self.virtual_ns.fetch_add(virtual_ns(used_ns, self.weight.load(Ordering::Relaxed)), Ordering::Relaxed);
        self.used_ns.fetch_add(used_ns, Ordering::Relaxed);
        if self.has_budget.load(Ordering::Acquire) {
            self.charge_budget(used_ns);
        }
    }

    fn charge_budget(&self, used_ns: u64) {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = budget.as_mut() {
            budget.charge(used_ns);
            if !budget.refill(self.cpu.now_ns()) && !self.throttled.swap(true, Ordering::SeqCst) {
                self.figures.throttled();
                self.cpu.alert();
            }
        }
    }

    pub(super) fn is_throttled(&self) -> bool {
        self.throttled.load(Ordering::SeqCst)
    }

    /// Looks whether its budget has filled; true when it may run again.
    pub(super) fn ends_throttle(&self, now_ns: u64) -> bool {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let may_run = budget.as_mut().is_none_or(|budget| budget.refill(now_ns));
        if may_run {
            self.throttled.store(false, Ordering::SeqCst);
        }
        may_run
    }

    /// Shows what it has used.
    pub(super) fn publish(&self) {
        self.figures.used(self.used_ns.load(Ordering::Relaxed));
    }
}
