//! The heartbeat that ends a guest's slice of time.

use std::time::Duration;

use wasmtime::Engine;

/// How long a guest runs before the host looks at it again.
pub(super) const SLICE: Duration = Duration::from_millis(10);

/// Starts the thread that ends slices. It ends by itself once nothing uses the engine any more.
pub(super) fn start(engine: &Engine) -> Result<(), String> {
    let engine = engine.weak();
    let beat = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(SLICE);
        }
    };
    let thread = std::thread::Builder::new().name("epoch-ticker".to_owned()).spawn(beat);
    thread.map(drop).map_err(|error| format!("the epoch ticker's thread could not be started: {error}"))
}
