//! `wasi:cli`: no arguments, no variables, no terminal; leaving is a trap.

use wasmtime::bail;
use wasmtime::component::{Linker, Resource, ResourceType};

use super::io;
use crate::sandbox::state::State;

struct TerminalInput;
struct TerminalOutput;

pub(super) fn add(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    add_environment(linker)?;
    linker.instance("wasi:cli/stdin@0.2.0")?.func_wrap("get-stdin", |_, (): ()| Ok((io::stdin(),)))?;
    linker.instance("wasi:cli/stdout@0.2.0")?.func_wrap("get-stdout", |_, (): ()| Ok((io::stdout(),)))?;
    linker.instance("wasi:cli/stderr@0.2.0")?.func_wrap("get-stderr", |_, (): ()| Ok((io::stderr(),)))?;
    let mut exit = linker.instance("wasi:cli/exit@0.2.0")?;
    exit.func_wrap("exit", |_, (_,): (Result<(), ()>,)| -> wasmtime::Result<()> { bail!("the actor's code exited") })?;
    exit.func_wrap("exit-with-code", |_, (code,): (u8,)| -> wasmtime::Result<()> {
        bail!("the actor's code exited with code {code}")
    })?;
    add_terminals(linker)
}

fn add_environment(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut environment = linker.instance("wasi:cli/environment@0.2.0")?;
    environment.func_wrap("get-environment", |_, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
    environment.func_wrap("get-arguments", |_, (): ()| Ok((Vec::<String>::new(),)))?;
    environment.func_wrap("initial-cwd", |_, (): ()| Ok((None::<String>,)))
}

fn add_terminals(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut input = linker.instance("wasi:cli/terminal-input@0.2.0")?;
    input.resource("terminal-input", ResourceType::host::<TerminalInput>(), |_, _| Ok(()))?;
    let mut output = linker.instance("wasi:cli/terminal-output@0.2.0")?;
    output.resource("terminal-output", ResourceType::host::<TerminalOutput>(), |_, _| Ok(()))?;
    let mut stdin = linker.instance("wasi:cli/terminal-stdin@0.2.0")?;
    stdin.func_wrap("get-terminal-stdin", |_, (): ()| Ok((None::<Resource<TerminalInput>>,)))?;
    for (interface, function) in [
        ("wasi:cli/terminal-stdout@0.2.0", "get-terminal-stdout"),
        ("wasi:cli/terminal-stderr@0.2.0", "get-terminal-stderr"),
    ] {
        let mut terminal = linker.instance(interface)?;
        terminal.func_wrap(function, |_, (): ()| Ok((None::<Resource<TerminalOutput>>,)))?;
    }
    Ok(())
}
