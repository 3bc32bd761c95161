//! WASI functions that the standard library does not offer. The component linker knows their types.

#[link(wasm_import_module = "wasi:random/random@0.2.9")]
unsafe extern "C" {
    #[link_name = "get-random-u64"]
    fn get_random_u64() -> i64;
    #[link_name = "get-random-bytes"]
    fn get_random_bytes(length: i64, list: *mut [usize; 2]);
}

#[link(wasm_import_module = "wasi:io/poll@0.2.9")]
unsafe extern "C" {
    #[link_name = "poll"]
    fn poll_list(handles: *const i32, count: usize, ready: *mut [usize; 2]);
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

/// Asks for that many random bytes.
pub(crate) fn random_bytes(length: u64) {
    let mut list = [0; 2];
    // SAFETY: the host writes the address and the length of the list there.
    unsafe { get_random_bytes(length as i64, &raw mut list) };
    if list[1] > 0 {
        let layout = std::alloc::Layout::array::<u8>(list[1]).expect("it is there");
        // SAFETY: the host got this memory from this allocator, with this layout.
        unsafe { std::alloc::dealloc(list[0] as *mut u8, layout) };
    }
}

/// Waits for these handles.
pub(crate) fn poll(handles: &[i32]) {
    let mut ready = [0; 2];
    // SAFETY: the host reads as many handles as there are, and writes a list there, which is leaked.
    unsafe { poll_list(handles.as_ptr(), handles.len(), &raw mut ready) };
}

/// Waits for the same handle many times at once, for ever.
pub(crate) fn poll_flood() -> ! {
    // SAFETY: a component import without pointers.
    let handle = unsafe { subscribe_duration(1) };
    let handles = vec![handle; 1_000_000];
    loop {
        poll(&handles);
    }
}
