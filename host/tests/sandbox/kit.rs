//! An engine, the hostile component, and short ways to call it.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use greenroom_host::frame::{Column, EventColumns};
use greenroom_host::sandbox::{
    Caller, CommandColumns, CommandContext, CompilerProgram, Component, Engine, GuestFailure, Instance,
    InstanceOptions, Moment, Outcome, SandboxSettings,
};
use greenroom_host::vocab::{Address, Limits, Sequence, Timestamp};

/// The time of every turn in these tests.
pub(crate) const NOW: u64 = 1_700_000_000_123;

/// The bytes of a guest that `cargo xtask test` has built.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let Some(folder) = std::env::var_os("GREENROOM_GUESTS") else {
        panic!("GREENROOM_GUESTS is not set: run these tests with `cargo xtask test`, which builds the guests");
    };
    let path = PathBuf::from(folder).join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask guests`", path.display()))
}

pub(crate) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.live_actors = 64;
    limits.guest_call_ms = 2_000;
    limits.guest_replay_ms = 2_000;
    limits
}

pub(crate) fn engine_with(limits: Limits) -> Arc<Engine> {
    Engine::new(SandboxSettings { limits, cache_dir: None, compiler: CompilerProgram::InProcess }).unwrap()
}

/// One engine for all tests that do not need their own: compilation takes most of a test's time.
pub(crate) fn engine() -> &'static Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE.get_or_init(|| engine_with(limits()))
}

pub(crate) fn hostile() -> Component {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    COMPONENT.get_or_init(|| engine().load(&guest("hostile")).unwrap()).clone()
}

pub(crate) fn options(key: &str) -> InstanceOptions {
    InstanceOptions::of(Arc::new(Address::new("default", "hostile", key).unwrap()))
}

pub(crate) fn moment(sequence: u64) -> Moment {
    Moment { time: Timestamp(NOW), sequence: Sequence(sequence) }
}

/// An instance that was told who it is, and nothing else.
pub(crate) fn fresh(key: &str) -> Instance {
    hostile().instantiate(options(key)).unwrap()
}

/// An instance that is ready for commands.
pub(crate) fn started(key: &str) -> Instance {
    started_from(&hostile(), key)
}

pub(crate) fn started_from(component: &Component, key: &str) -> Instance {
    let mut instance = component.instantiate(options(key)).unwrap();
    instance.start(moment(0), None).unwrap();
    instance.recovered(moment(0)).unwrap();
    instance
}

pub(crate) fn commands(component: &Component, batch: &[(&str, &[u8])]) -> CommandColumns {
    let mut columns = CommandColumns::default();
    for (name, payload) in batch {
        let index = component.manifest().commands.iter().position(|command| command.name == *name);
        columns.names.push(u16::try_from(index.unwrap_or_else(|| panic!("no command {name}"))).unwrap());
        columns.payloads.push(payload);
    }
    columns
}

pub(crate) fn contexts(count: usize) -> Vec<CommandContext> {
    vec![CommandContext { caller: Caller::Client("ada".to_owned()), headers: Vec::new() }; count]
}

/// Handles a batch in a given instance.
pub(crate) fn turn(instance: &mut Instance, batch: &[(&str, &[u8])]) -> Result<Outcome, GuestFailure> {
    instance.handle(moment(0), &commands(&hostile(), batch), contexts(batch.len()))
}

/// Handles one command in a new instance.
pub(crate) fn one(name: &str) -> Result<Outcome, GuestFailure> {
    turn(&mut started("one"), &[(name, b"")])
}

/// The text of the only reply.
pub(crate) fn reply(outcome: &Outcome) -> String {
    String::from_utf8_lossy(outcome.replies.get(0).unwrap_or_default()).into_owned()
}

/// Events that add these numbers.
pub(crate) fn added(numbers: &[u64]) -> EventColumns {
    let mut payloads = Column::default();
    numbers.iter().for_each(|number| payloads.push(&number.to_le_bytes()));
    EventColumns { types: vec![0; numbers.len()], payloads }
}
