//! WASI functions that the standard library does not offer. The component linker knows their types.

#[link(wasm_import_module = "wasi:random/random@0.2.9")]
unsafe extern "C" {
    #[link_name = "get-random-u64"]
    fn get_random_u64() -> i64;
}

#[link(wasm_import_module = "wasi:clocks/monotonic-clock@0.2.9")]
unsafe extern "C" {
    #[link_name = "now"]
    fn monotonic_now() -> i64;
    #[link_name = "subscribe-duration"]
    fn subscribe_duration(nanoseconds: i64) -> i32;
}

pub(crate) fn random_u64() -> u64 {
    // SAFETY: a component import without pointers.
    (unsafe { get_random_u64() }) as u64
}

pub(crate) fn monotonic_nanoseconds() -> u64 {
    // SAFETY: a component import without pointers.
    (unsafe { monotonic_now() }) as u64
}

/// Opens a handle and never closes it.
pub(crate) fn leak_handle() {
    // SAFETY: a component import without pointers; the handle is leaked on purpose.
    unsafe { subscribe_duration(1) };
}

#[expect(clippy::disallowed_methods, reason = "in a guest this clock shows the turn's time")]
pub(crate) fn now_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
