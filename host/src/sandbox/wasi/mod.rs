//! The part of WASI 0.2 that the standard libraries of Rust, JavaScript and Python need to start: with the turn's time
//! for every clock, the actor's own random numbers, the log for output, and nothing behind everything else.
//!
//! Written here, and not taken from wasmtime-wasi, so that there is no code for files, sockets or real clocks at all.

mod cli;
mod clocks;
mod filesystem;
mod io;
mod random;

use wasmtime::component::Linker;

use super::state::State;

/// The interfaces that a component may import, by package; any version 0.2.x of each.
pub(super) const INTERFACES: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

pub(super) use filesystem::add_descriptors;

/// Defines all interfaces whose functions do not depend on the component.
pub(super) fn add(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    io::add(linker)?;
    cli::add(linker)?;
    clocks::add(linker)?;
    random::add(linker)?;
    filesystem::add_preopens(linker)
}
