//! Memory that is given back. Untrusted code makes the host take large pieces of memory for a moment: a reply of 30 MiB
//! that is refused a millisecond later. The allocator of glibc learns from each such piece to keep the next ones, up to
//! 64 MiB for each of its arenas, and after some thousands of them the process holds several times what it needs. Of what
//! is freed amid pieces that are in use it gives nothing back by itself.
//!
//! `serve` and `dev` call both functions; a program that embeds the host may, too.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "glibc takes this by a C function only")
)]

use std::time::Duration;

/// How often free memory is given back.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(10);
/// Pieces of at least this size are taken from the system and given back to it, each by itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = /* 1 MiB */ 1_024 * 1_024;
/// Free bytes at the end of an arena beyond which they are given back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: i32 = /* 1 MiB */ 1_024 * 1_024;

/// Fixes, for the whole process, what glibc's allocator keeps and how many arenas it has, unless `MALLOC_ARENA_MAX` says that;
/// without glibc there is nothing to fix. Call it before there are other threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn bound_what_is_kept() {
    /// Names of settings, as `malloc.h` numbers them.
    const M_TRIM_THRESHOLD: i32 = -1;
    const M_MMAP_THRESHOLD: i32 = -3;
    const M_ARENA_MAX: i32 = -8;
    unsafe extern "C" {
        fn mallopt(setting: i32, value: i32) -> i32;
    }
    // One arena for each core, not eight: what is in use is scattered over all of them, and keeps their pages.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let arenas = i32::try_from(cores).unwrap_or(i32::MAX);
    let is_set = std::env::var_os("MALLOC_ARENA_MAX").is_some();
    let arenas = (!is_set).then_some((M_ARENA_MAX, arenas));
    let settings = [(M_MMAP_THRESHOLD, LARGE_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES)];
    for (setting, value) in settings.into_iter().chain(arenas) {
        // SAFETY: it takes two numbers and changes nothing but where later allocations come from.
        if unsafe { mallopt(setting, value) } == 0 {
            tracing::debug!(setting, value, "the allocator does not take a setting");
        }
    }
}

/// Nothing to do here.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub const fn bound_what_is_kept() {}

/// Gives free memory back again and again; it never ends by itself.
pub async fn keep_giving_back() {
    loop {
        tokio::time::sleep(GIVE_BACK_EVERY).await;
        // It holds up whoever allocates meanwhile, and its thread: some milliseconds where much is free.
        if tokio::task::spawn_blocking(trim).await.is_err() {
            return;
        }
    }
}

/// Gives all free pages back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    unsafe extern "C" {
        fn malloc_trim(keep: usize) -> i32;
    }
    // SAFETY: it takes a number, and gives back what nobody has.
    let _some_was = unsafe { malloc_trim(0) };
}

/// Nothing to do here.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn trim() {}
