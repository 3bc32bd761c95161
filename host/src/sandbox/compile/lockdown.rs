//! How a compile worker gives up every right that it does not need, before it reads a byte of the stranger's.
//!
//! Everything here is done by the worker to itself, with safe calls. A bound that the machine refuses is left out and
//! told to the host, which logs it: the others still hold.

use nix::sys::resource::{Resource, setrlimit};

use super::bounds::{Bound, Bounds};

/// Address space beyond the memory: the program itself, and what allocators reserve without using it.
const SPARE_ADDRESS_BYTES: u64 = /* 4 GiB */ 4 * 1_024 * 1_024 * 1_024;
/// Open files: the three that it has.
const FILES_MAX: u64 = 3;

/// What the host grants a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    /// CPU time, whole seconds; the host looks more closely from outside.
    pub(super) cpu_s: u64,
    /// Memory, bytes.
    pub(super) memory_bytes: u64,
    /// The process that it must not outlive.
    pub(super) parent: i32,
    /// What it gets of processors that others want, too.
    pub(super) priority: Priority,
}

/// What a worker gets of processors that others want, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Nothing: whoever else wakes up goes first. Actors do not notice it.
    Idle,
    /// A little: for machines that are never idle, where tenants that compute would otherwise keep all others from
    /// deploying.
    Low,
}

/// What can be given up before threads are started.
///
/// # Errors
/// When the host is gone already.
pub(super) fn before_threads(grant: Grant, bounds: &mut Bounds) -> Result<(), String> {
    close_inherited();
    os::before_threads(grant.priority, bounds);
    // From here on the worker ends with its host; if that happened before, there is nobody to work for.
    if nix::unistd::getppid().as_raw() != grant.parent {
        return Err("the host that started this worker is gone".to_owned());
    }
    let limit = |resource, value: u64| setrlimit(resource, value, value).is_ok();
    // The second second tells the end by the signal from the end by the last resort.
    if setrlimit(Resource::RLIMIT_CPU, grant.cpu_s, grant.cpu_s.saturating_add(1)).is_ok() {
        bounds.add(Bound::CpuTime);
    }
    let address_bytes = grant.memory_bytes.saturating_add(SPARE_ADDRESS_BYTES);
    if limit(Resource::RLIMIT_DATA, grant.memory_bytes) && limit(Resource::RLIMIT_AS, address_bytes) {
        bounds.add(Bound::Memory);
    }
    let files = [(Resource::RLIMIT_CORE, 0), (Resource::RLIMIT_FSIZE, 0), (Resource::RLIMIT_NOFILE, FILES_MAX)];
    if files.into_iter().all(|(resource, value)| limit(resource, value)) {
        bounds.add(Bound::Files);
    }
    Ok(())
}

/// What can be given up only when all threads are there.
pub(super) fn after_threads(bounds: &mut Bounds) {
    if setrlimit(Resource::RLIMIT_NPROC, 0, 0).is_ok() {
        bounds.add(Bound::Processes);
    }
    os::after_threads(bounds);
}

/// Closes what a careless host may have left open for its children. Nothing of this process is open yet.
fn close_inherited() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // The listing's own descriptor is among them and closed by now.
        let _ = nix::unistd::close(descriptor);
    }
}

#[cfg(target_os = "linux")]
mod os {
    use std::collections::BTreeMap;

    use nix::libc;
    use nix::sys::prctl;
    use nix::sys::signal::Signal;
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
        apply_filter_all_threads,
    };
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id, thread_schedule_policy,
    };

    use super::super::bounds::{Bound, Bounds};
    use super::Priority;

    /// Niceness 5, on the scale of the crate that sets it: about a fourth of an ordinary share.
    const LOW: u8 = 35;

    /// What a compiler needs of the system: memory, time, its threads' coordination, its two pipes, an end.
    const ALLOWED: &[libc::c_long] = &[
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_close,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_membarrier,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_gettimeofday,
        libc::SYS_getrandom,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_getrusage,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    /// Allowed as long as the memory cannot be executed: argument 2 holds the protection.
    const WITHOUT_EXECUTION: &[libc::c_long] = &[libc::SYS_mmap, libc::SYS_mprotect];

    pub(super) fn before_threads(priority: Priority, bounds: &mut Bounds) {
        if prctl::set_pdeathsig(Signal::SIGKILL).is_ok() {
            bounds.add(Bound::Orphan);
        }
        if prctl::set_dumpable(false).is_ok() && prctl::set_no_new_privs().is_ok() {
            bounds.add(Bound::Privileges);
        }
        let (policy, value) = match priority {
            Priority::Idle => (NormalThreadSchedulePolicy::Idle, Ok(ThreadPriority::Min)),
            Priority::Low => (NormalThreadSchedulePolicy::Other, LOW.try_into().map(ThreadPriority::Crossplatform)),
        };
        let policy = ThreadSchedulePolicy::Normal(policy);
        // Threads that are started later inherit it.
        let set = value.is_ok_and(|value| set_thread_priority_and_policy(thread_native_id(), value, policy).is_ok());
        // Idle is idle, also where the niceness, which does not count then, could not be set.
        if set || (priority == Priority::Idle && thread_schedule_policy() == Ok(policy)) {
            bounds.add(Bound::Priority);
        }
    }

    pub(super) fn after_threads(bounds: &mut Bounds) {
        if filter().is_some_and(|filter| apply_filter_all_threads(&filter).is_ok()) {
            bounds.add(Bound::SystemCalls);
        }
    }

    /// Everything that is not listed fails with "not permitted". So does a thread's signal to anybody but this process.
    fn filter() -> Option<BpfProgram> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        let execute = u64::from(libc::PROT_EXEC.unsigned_abs());
        for call in WITHOUT_EXECUTION {
            rules.insert(*call, vec![rule(2, SeccompCmpOp::MaskedEq(execute), 0)?]);
        }
        // How a process ends itself by `abort`.
        rules.insert(libc::SYS_tgkill, vec![rule(0, SeccompCmpOp::Eq, u64::from(std::process::id()))?]);
        let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let architecture = std::env::consts::ARCH.try_into().ok()?;
        SeccompFilter::new(rules, denied, SeccompAction::Allow, architecture).ok()?.try_into().ok()
    }

    fn rule(argument: u8, operator: SeccompCmpOp, value: u64) -> Option<SeccompRule> {
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).ok()?;
        SeccompRule::new(vec![condition]).ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_filter_can_be_built_on_this_machine() {
            assert!(filter().is_some_and(|filter| filter.len() > ALLOWED.len()));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod os {
    use super::super::bounds::Bounds;
    use super::Priority;

    // Parents, privileges, priorities and system calls are bounded by calls that only Linux has.
    pub(super) fn before_threads(_: Priority, _: &mut Bounds) {}
    pub(super) fn after_threads(_: &mut Bounds) {}
}
