//! How long the system means to let a thread run before others that are ready on its core: the thread's *slice*.
//!
//! A thread that wakes takes the core at once from one with a longer slice. From one with the same it may have to wait for
//! the system's next tick (4 ms at 250 Hz), even while another core is idle. So a guest that computes gets a long one, and the
//! thread that ends guests' slices a short one: then whoever wakes beside such a guest is served first, of the host or not.
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
    /// Whether this thread has a long slice.
    static IS_LONG: Cell<bool> = const { Cell::new(false) };
}

/// This thread computes for long: whoever wakes beside it goes first.
pub(super) fn lengthen() {
    if !IS_LONG.replace(true) {
        system::request(Some(LONG));
    }
}

/// What was long has ended; whether anything was.
pub(in crate::sandbox) fn restore() -> bool {
    let was_long = IS_LONG.replace(false);
    if was_long {
        system::request(None);
    }
    was_long
}

/// This thread does little, and others wait for it.
pub(in crate::sandbox) fn shorten() {
    system::request(Some(SHORT));
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

    /// Sets this thread's slice, and nothing else of it; `None`: the system's own. A thread of another policy than the usual
    /// ones was given that by somebody who knows better.
    pub(super) fn request(slice: Option<Duration>) {
        let Some(mut attributes) = own() else { return };
        if ![SCHED_OTHER, SCHED_BATCH].into_iter().any(|usual| u32::try_from(usual) == Ok(attributes.policy)) {
            return;
        }
        attributes.runtime = slice.map_or(0, |slice| u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX));
        // SAFETY: the system reads `size` bytes from the address, which is that of a struct of this size.
        let set = unsafe { syscall(SYS_sched_setattr, 0, &raw const attributes, 0) };
        if set != 0 {
            tracing::debug!(error = %std::io::Error::last_os_error(), "the system does not take a thread's slice");
        }
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
    pub(super) const fn request(_slice: Option<std::time::Duration>) {}
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn slice() -> Duration {
        Duration::from_nanos(system::own().unwrap().runtime)
    }

    /// A kernel before 6.12 has no slices to ask for, and says zero.
    fn has_slices() -> bool {
        !slice().is_zero()
    }

    /// On a thread of its own: what is set stays with the thread.
    fn apart(test: impl FnOnce() + Send + 'static) {
        std::thread::Builder::new().spawn(test).unwrap().join().unwrap();
    }

    #[test]
    fn a_long_slice_is_given_back_once_and_nothing_else_is_touched() {
        apart(|| {
            let before = system::own().unwrap();
            lengthen();
            lengthen();
            let during = system::own().unwrap();
            assert!(!has_slices() || slice() == LONG);
            assert_eq!((during.policy, during.nice), (before.policy, before.nice));
            assert!(restore() && !restore());
            assert_eq!(slice(), Duration::from_nanos(before.runtime));
        });
    }

    #[test]
    fn a_short_one_is_shorter_and_a_long_one_longer_than_the_systems() {
        apart(|| {
            if has_slices() {
                let usual = slice();
                assert!(SHORT < usual && usual < LONG, "{usual:?}");
                shorten();
                assert_eq!(slice(), SHORT);
            }
        });
    }

    #[test]
    fn a_thread_that_takes_over_from_a_long_call_has_the_systems_slice() {
        apart(|| {
            let usual = slice();
            let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
            // The task holds the only worker, so that the other one runs on a thread that is started meanwhile.
            let (sender, receiver) = std::sync::mpsc::sync_channel(1);
            let task = async move {
                lengthen();
                let other = tokio::spawn(async move { sender.send(slice()).unwrap() });
                let theirs = super::super::permit::aside(|| receiver.recv().unwrap());
                let own = slice();
                restore();
                other.await.unwrap();
                (theirs, own)
            };
            let (theirs, own) = threads.block_on(threads.spawn(task)).unwrap();
            assert_eq!(theirs, usual);
            assert!(usual.is_zero() || own == LONG);
        });
    }
}
