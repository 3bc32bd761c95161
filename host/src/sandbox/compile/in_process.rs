//! Compilation in the host's own process, for programs that embed it and name no compiler.
//!
//! Bounded is only how many cores it takes. Nothing ends it: a component that takes for ever does, and one that takes
//! all memory takes the host with it. `docs/decisions/0018` says who should choose this.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use wasmtime::Engine;

use super::worker::{self, Outcome};
use super::{CompileCost, Refusal};

/// Compiles on half of the cores, so that a deploy leaves the rest to the actors.
pub(super) fn compile(engine: &Engine, bytes: &[u8], code_bytes_max: u64) -> (Result<Vec<u8>, Refusal>, CompileCost) {
    let began = Instant::now();
    let outcome = match worker::pool() {
        // A panic of the compiler is a bug of the compiler; it must not take the host with it.
        Ok(pool) => catch_unwind(AssertUnwindSafe(|| pool.install(|| worker::compile(engine, bytes))))
            .unwrap_or(Outcome::Panicked),
        Err(reason) => return (Err(Refusal::Unavailable(reason)), CompileCost::default()),
    };
    let wall = began.elapsed();
    let result = match outcome {
        Outcome::Compiled(code) if super::count(code.len()) > code_bytes_max => {
            Err(Refusal::CodeTooLarge(super::count(code.len())))
        }
        Outcome::Compiled(code) => Ok(code),
        Outcome::Refused(reason) => Err(Refusal::Refused(reason)),
        Outcome::Feature(names) => Err(Refusal::Feature(names)),
        Outcome::OutOfMemory => Err(Refusal::OutOfMemory),
        Outcome::Panicked => Err(Refusal::Crashed("the compiler panicked".to_owned())),
    };
    let code_bytes = result.as_ref().map_or(0, |code| super::count(code.len()));
    (result, CompileCost { cpu: wall, wall, memory_bytes: 0, code_bytes })
}
