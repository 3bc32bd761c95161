//! Memory that is given back. Untrusted code makes the host take large pieces of memory for a moment: a reply of 30 MiB
//! that is refused a millisecond later. The allocator of glibc learns from each such piece to keep the next ones, up to
//! 64 MiB for each of its arenas, and after some thousands of them the process holds several times what it needs.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "glibc takes this by a C function only")
)]

/// Pieces of at least this size are taken from the system and given back to it, each by itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = /* 1 MiB */ 1_024 * 1_024;
/// Free bytes at the end of an arena beyond which they are given back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: i32 = /* 1 MiB */ 1_024 * 1_024;

/// Fixes what the allocator keeps; without glibc there is nothing to fix. Call it before there are other threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn give_back() {
    /// Names of settings, as `malloc.h` numbers them.
    const M_TRIM_THRESHOLD: i32 = -1;
    const M_MMAP_THRESHOLD: i32 = -3;
    unsafe extern "C" {
        fn mallopt(setting: i32, value: i32) -> i32;
    }
    for (setting, value) in [(M_MMAP_THRESHOLD, LARGE_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES)] {
        // SAFETY: it takes two numbers and changes nothing but where later allocations come from.
        if unsafe { mallopt(setting, value) } == 0 {
            tracing::debug!(setting, value, "the allocator does not take a setting");
        }
    }
}

/// Nothing to do here.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) const fn give_back() {}
