//! How long the system means to let a thread run before others that are ready on its core: the thread's *slice*.
//!
//! A thread that wakes may take the core from one with a longer slice at once, if it did not get more than its part of the core
//! lately. From one with the same it may have to wait for the system's next tick (4 ms at 250 Hz), even while another core is
//! idle. So a thread on which a guest computes asks for a long one, and the one that ends guests' slices for a short one.
//!
//! Linux does this from 6.12 on (`sched_setattr(2)`), without privileges. Where it does not, or may not, nothing changes.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "no library has this call of the system"))]

use std::cell::Cell;
use std::time::Duration;

/// Of a thread on which a long call runs: as long as the turns that long calls take, and longer than the system's own.
const LONG: Duration = Duration::from_nanos(crate::decide::SLICE_NS);
/// Of a thread that must not wait for others: the shortest that there is.
const SHORT: Duration = Duration::from_micros(100);

thread_local! {
    /// This thread's slice before it asked for a long one.
    static BEFORE: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// This thread computes for long: whoever wakes beside it goes first.
pub(super) fn lengthen() {
    if BEFORE.get().is_none() {
        BEFORE.set(system::exchange(|own| (own < LONG).then_some(LONG)));
    }
}

/// What was long has ended; whether anything was.
pub(super) fn restore() -> bool {
    let before = BEFORE.take();
    if let Some(before) = before {
        system::exchange(|_| Some(before));
    }
    before.is_some()
}

/// This thread does little, and others wait for it.
pub(in crate::sandbox) fn shorten() {
    system::exchange(|own| (own > SHORT).then_some(SHORT));
}

/// Restores the slice of the thread that has it, however that leaves what may become long.
#[derive(Debug)]
pub(in crate::sandbox) struct Restores;

impl Drop for Restores {
    fn drop(&mut self) {
        restore();
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::time::Duration;

    use nix::libc::{SCHED_BATCH, SCHED_OTHER, SYS_sched_getattr, SYS_sched_setattr, syscall};

    /// `struct sched_attr` of the system, as its first version has it: later ones only add to its end.
    #[repr(C)]
    #[derive(Default)]
    pub(super) struct Attributes {
        size: u32,
        pub(super) policy: u32,
        flags: u64,
        pub(super) nice: i32,
        priority: u32,
        /// For threads of the usual policies: the slice, nanoseconds; zero: what the system takes by itself.
        pub(super) runtime: u64,
        deadline: u64,
        period: u64,
    }

    /// The size of [`Attributes`].
    const SIZE: u32 = 48;
    const _: () = assert!(size_of::<Attributes>() == SIZE as usize);

    /// Gives this thread the slice that `choose` makes of its own (`None`: leaves it), and changes nothing else of it. Returns
    /// the one it had, if it has another now. A thread of another policy than the usual ones was given that by somebody who
    /// knows better.
    pub(super) fn exchange(choose: impl FnOnce(Duration) -> Option<Duration>) -> Option<Duration> {
        let mut attributes = own()?;
        let is_usual =
            [SCHED_OTHER, SCHED_BATCH].into_iter().any(|usual| u32::try_from(usual) == Ok(attributes.policy));
        // A system without slices says zero.
        if !is_usual || attributes.runtime == 0 {
            return None;
        }
        let before = Duration::from_nanos(attributes.runtime);
        attributes.runtime = u64::try_from(choose(before)?.as_nanos()).unwrap_or(u64::MAX);
        // SAFETY: the system reads `size` bytes from the address, which is that of a struct of this size.
        let set = unsafe { syscall(SYS_sched_setattr, 0, &raw const attributes, 0) };
        if set != 0 {
            tracing::debug!(error = %std::io::Error::last_os_error(), "the system does not take a thread's slice");
            return None;
        }
        Some(before)
    }

    /// How this thread is scheduled.
    pub(super) fn own() -> Option<Attributes> {
        let mut attributes = Attributes::default();
        // SAFETY: the system writes at most `SIZE` bytes to the address, which is that of a struct of this size.
        let got = unsafe { syscall(SYS_sched_getattr, 0, &raw mut attributes, SIZE, 0) };
        attributes.size = SIZE;
        (got == 0).then_some(attributes)
    }
}

/// Nothing to do here.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::time::Duration;

    pub(super) fn exchange(_choose: impl FnOnce(Duration) -> Option<Duration>) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::super::{Errand, tests};
    use super::*;

    /// This thread's slice; `None`: the system has none, or does not let it be set.
    fn slice() -> Option<Duration> {
        let own = Duration::from_nanos(system::own()?.runtime);
        system::exchange(Some).map(|_| own)
    }

    /// On a thread of its own, as what is set stays with the thread, and only where the system's own slice is between the two.
    fn apart(test: impl FnOnce(Duration) + Send + 'static) {
        let run = || {
            if let Some(usual) = slice().filter(|usual| (SHORT..LONG).contains(usual)) {
                test(usual);
            }
        };
        std::thread::Builder::new().spawn(run).unwrap().join().unwrap();
    }

    #[test]
    fn a_long_slice_is_given_back_once_and_nothing_else_is_touched() {
        apart(|usual| {
            let before = system::own().unwrap();
            lengthen();
            lengthen();
            let during = system::own().unwrap();
            assert_eq!(slice(), Some(LONG));
            assert_eq!((during.policy, during.nice), (before.policy, before.nice));
            assert!(restore() && !restore());
            assert_eq!(slice(), Some(usual));
        });
    }

    #[test]
    fn who_asked_for_a_longer_one_keeps_it() {
        apart(|_| {
            system::exchange(|_| Some(LONG * 2));
            lengthen();
            assert_eq!(slice(), Some(LONG * 2));
            assert!(!restore());
            shorten();
            assert_eq!(slice(), Some(SHORT));
        });
    }

    #[test]
    fn what_runs_for_long_under_a_permit_has_a_long_slice_until_it_ends() {
        apart(|usual| {
            let cpu = tests::cpu(1);
            let mut errand = Errand::begin(&tests::share(&cpu, "a"));
            assert_eq!(slice(), Some(usual));
            tests::spin(Duration::from_nanos(crate::decide::LONG_NS));
            errand.step().unwrap();
            assert_eq!(slice(), Some(LONG));
            drop(errand);
            assert_eq!(slice(), Some(usual));
        });
    }

    #[test]
    fn a_thread_that_takes_over_from_a_long_call_has_the_systems_slice() {
        apart(|usual| {
            let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
            // The task holds the only worker, so that the other one runs on a thread that is started meanwhile.
            let (sender, receiver) = std::sync::mpsc::sync_channel(1);
            let task = async move {
                lengthen();
                let other = tokio::spawn(async move { sender.send(slice()).unwrap() });
                let theirs = super::super::permit::aside(|| receiver.recv_timeout(Duration::from_secs(10)).unwrap());
                let own = slice();
                restore();
                other.await.unwrap();
                (theirs, own)
            };
            let (theirs, own) = threads.block_on(threads.spawn(task)).unwrap();
            assert_eq!((theirs, own), (Some(usual), Some(LONG)));
        });
    }
}
