//! How much memory compiled code takes: counted for as long as it is there.

use metrics::{describe_gauge, gauge};

/// What the host keeps for a component beside its code, roughly: so that many small ones are bounded, too.
const BESIDE_BYTES: u64 = /* 64 KiB */ 64 * 1_024;
const CODE_BYTES: &str = "greenroom_code_bytes";

/// The bytes of one component's code; they count until this is dropped.
#[derive(Debug)]
pub(super) struct CodeBytes(u64);

impl CodeBytes {
    pub(super) fn of(compiled: &wasmtime::component::Component) -> Self {
        let range = compiled.image_range();
        let image = u64::try_from(range.end.addr().saturating_sub(range.start.addr())).unwrap_or(u64::MAX);
        let bytes = Self(image.saturating_add(BESIDE_BYTES));
        gauge!(CODE_BYTES).increment(bytes.as_gauge());
        bytes
    }

    pub(super) const fn get(&self) -> u64 {
        self.0
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; code has far fewer than 2^52 bytes")]
    const fn as_gauge(&self) -> f64 {
        self.0 as f64
    }
}

impl Drop for CodeBytes {
    fn drop(&mut self) {
        gauge!(CODE_BYTES).decrement(self.as_gauge());
    }
}

/// Gives the metric its help text.
pub(super) fn describe_metrics() {
    describe_gauge!(CODE_BYTES, "Bytes of compiled code in memory, with what the host keeps beside it");
}
