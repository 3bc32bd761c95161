//! The heartbeat that ends a guest's slice of time, and looks after those who wait for theirs.

use wasmtime::Engine;

use super::cpu::{Cpu, shorten_thread_slice};

/// Starts the thread that ends slices. It ends by itself once nothing uses the engine any more.
pub(super) fn start(engine: &Engine, cpu: &Cpu) -> Result<(), String> {
    let engine = engine.weak();
    let shares = cpu.downgrade();
    let beat = move || {
        // Whoever waits for the end of a slice does not wait for a core, too.
        shorten_thread_slice();
        let mut quiet_ticks = 0;
        while let (Some(engine), Some(cpu)) = (engine.upgrade(), shares.upgrade()) {
            let pause = cpu.tick(&mut quiet_ticks);
            engine.increment_epoch();
            drop((engine, cpu));
            std::thread::park_timeout(pause);
        }
    };
    let thread = std::thread::Builder::new().name("epoch-ticker".to_owned()).spawn(beat);
    let thread = thread.map_err(|error| format!("the epoch ticker's thread could not be started: {error}"))?;
    cpu.ticks_on(thread.thread().clone());
    Ok(())
}
