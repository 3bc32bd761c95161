//! An actor that does what actors must not do: the command's name says what in `handle`, the actor's key says what
//! in the other calls, and a marker in the data section, which tests overwrite, says what in `describe`.
//!
//! The commands `add` and `get` are honest: a counter.

wit_bindgen::generate!({ path: "../../../wit/v1", world: "actor", generate_all });

mod commands;
mod outcome;
mod wasi;

use std::cell::RefCell;
use std::hint::black_box;

use exports::greenroom::actor::{behavior, inspect};
use greenroom::actor::effects;
use greenroom::actor::types::{
    Address, CommandBatch, CommandType, EventBatch, EventType, Manifest, OutcomeBatch, Snapshot,
};

#[cfg(target_family = "wasm")]
#[used]
#[unsafe(link_section = "greenroom:contract")]
static CONTRACT: [u8; 1] = *b"1";

/// What `describe` does; tests overwrite the part after the colon in the component's bytes.
static DESCRIBE: &[u8; 32] = b"describe-mode:honest            ";

/// Whether a poison event, and the command `trap`, are poison; tests overwrite the part after the colon: a new revision
/// that is `cured`.
static POISON: &[u8; 32] = b"poison-mode:poisonous           ";

/// What this revision does wrong with every actor; tests overwrite the part after the colon: a bad candidate.
static REVISION: &[u8; 32] = b"revision-mode:honest            ";

/// Whether this revision is the one that does so.
fn revision_is(mode: &str) -> bool {
    let own = black_box(REVISION).get(b"revision-mode:".len()..).unwrap_or_default();
    std::str::from_utf8(own).is_ok_and(|own| own.trim_end() == mode)
}

/// Traps or loops in a call, if this revision is meant to.
fn misbehave_in(call: &str) {
    if revision_is(&format!("trap-in-{call}")) {
        panic!("{call} traps");
    }
    if revision_is(&format!("loop-in-{call}")) {
        loop_forever();
    }
    if revision_is(&format!("random-in-{call}")) {
        with_state(|state| state.total ^= wasi::random_u64());
    }
}

/// Whether this revision can cope with poison.
pub(crate) fn is_cured() -> bool {
    black_box(POISON).starts_with(b"poison-mode:cured")
}

pub(crate) struct State {
    key: String,
    total: u64,
}

thread_local! {
    static STATE: RefCell<State> = const { RefCell::new(State { key: String::new(), total: 0 }) };
}

pub(crate) fn with_state<T>(f: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(f)
}

fn key_is(behaviour: &str) -> bool {
    with_state(|state| state.key == behaviour)
}

pub(crate) fn loop_forever() -> ! {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

struct Hostile;

impl behavior::Guest for Hostile {
    fn describe() -> Manifest {
        let mode = String::from_utf8_lossy(black_box(DESCRIBE)).into_owned();
        let mut manifest = honest_manifest();
        match mode.trim_start_matches("describe-mode:").trim_end() {
            "honest" if revision_is("more-events") || revision_is("forgetful") => {
                manifest.commands.push(command("extra".to_owned()));
                manifest.events.push(EventType { name: "extra".to_owned(), version: 1 });
            }
            "honest" => {}
            "loop" => loop_forever(),
            "trap" => panic!("describe traps"),
            "no-commands" => manifest.commands.clear(),
            "many-commands" => manifest.commands = (0..1_001).map(|n| command(format!("c{n}"))).collect(),
            "same-command" => manifest.commands.push(command("add".to_owned())),
            "shouted-command" => manifest.commands.push(command("ADD".to_owned())),
            "same-event" => manifest.events.push(EventType { name: "added".to_owned(), version: 1 }),
            "nameless-event" => manifest.events.push(EventType { name: String::new(), version: 1 }),
            "many-events" => {
                manifest.events = (0..1_001).map(|n| EventType { name: format!("e{n}"), version: 1 }).collect();
            }
            other => panic!("no such mode: {other}"),
        }
        manifest
    }

    fn start(address: Address, base: Option<Snapshot>) -> Result<(), behavior::StartError> {
        with_state(|state| state.key = address.key);
        match with_state(|state| state.key.clone()).as_str() {
            "loop-in-start" => loop_forever(),
            "trap-in-start" => panic!("start traps"),
            "refuse-start" => return Err(behavior::StartError::Failed("not today".to_owned())),
            "effect-in-start" => effects::request_snapshot(),
            "recurse-in-start" => with_state(|state| state.total = commands::recurse(1)),
            "random-in-start" => with_state(|state| state.total = wasi::random_u64()),
            _ => {}
        }
        misbehave_in("start");
        if revision_is("grow-in-start") {
            commands::bomb_memory();
        }
        let Some(base) = base else { return Ok(()) };
        if revision_is("refuse-state") {
            return Err(behavior::StartError::UnknownStateVersion);
        }
        match with_state(|state| state.key.clone()).as_str() {
            "trap-at-snapshot" => panic!("start traps at a snapshot"),
            "loop-at-snapshot" => loop_forever(),
            "refuse-snapshot" => return Err(behavior::StartError::Failed("not this one".to_owned())),
            _ => {}
        }
        let Ok(total) = base.state.try_into() else { return Err(behavior::StartError::UnknownStateVersion) };
        if base.state_version != 1 {
            return Err(behavior::StartError::UnknownStateVersion);
        }
        with_state(|state| state.total = u64::from_le_bytes(total));
        Ok(())
    }

    fn replay(events: EventBatch) -> Result<(), behavior::ReplayError> {
        match with_state(|state| state.key.clone()).as_str() {
            "loop-in-replay" => loop_forever(),
            "trap-in-replay" => panic!("replay traps"),
            "effect-in-replay" => effects::passivate(),
            "refuse-second-event" => {
                return Err(behavior::ReplayError { event: 1, reason: "cannot read it".to_owned() });
            }
            "refuse-event-past-end" => {
                return Err(behavior::ReplayError { event: u32::MAX, reason: "nobody".to_owned() });
            }
            "random-in-replay" => with_state(|state| state.total ^= wasi::random_u64()),
            "clock-in-replay" => with_state(|state| state.total ^= wasi::now_seconds()),
            _ => {}
        }
        misbehave_in("replay");
        let mut start = 0;
        for (event, end) in events.types.iter().zip(&events.payloads.ends) {
            let payload = &events.payloads.data[start..*end as usize];
            start = *end as usize;
            assert!(payload != b"poison" || is_cured(), "this event is poison");
            if *event == 0 {
                assert!(!revision_is("forgetful"), "it does not know any more what that meant");
                let by = payload.try_into().map_or(0, u64::from_le_bytes);
                with_state(|state| state.total = state.total.wrapping_add(by));
            }
        }
        Ok(())
    }

    fn recovered() {
        if key_is("loop-in-recovered") {
            loop_forever()
        }
        misbehave_in("recovered");
    }

    fn handle(commands: CommandBatch) -> OutcomeBatch {
        misbehave_in("handle");
        let mut out = outcome::Builder::default();
        let mut start = 0;
        for (index, (name, end)) in commands.names.iter().zip(&commands.payloads.ends).enumerate() {
            let payload = &commands.payloads.data[start..*end as usize];
            start = *end as usize;
            match commands::COMMANDS.get(usize::from(*name)) {
                Some((name, _)) => commands::run(name, index as u32, payload, &mut out),
                // The command that only a revision with more of them has.
                None => {
                    out.append(2, b"");
                    out.answer(1, 0, b"");
                }
            }
        }
        out.finish()
    }

    fn capture() -> Result<Snapshot, String> {
        match with_state(|state| state.key.clone()).as_str() {
            "loop-in-capture" => loop_forever(),
            "refuse-capture" => return Err("not now".to_owned()),
            "large-capture" => return Ok(Snapshot { state_version: 1, state: vec![7; 17 * 1_024 * 1_024] }),
            _ => {}
        }
        misbehave_in("capture");
        if revision_is("large-capture") {
            return Ok(Snapshot { state_version: 1, state: vec![7; 17 * 1_024 * 1_024] });
        }
        Ok(Snapshot { state_version: 1, state: with_state(|state| state.total).to_le_bytes().to_vec() })
    }
}

impl inspect::Guest for Hostile {
    fn state_as_json() -> String {
        match with_state(|state| state.key.clone()).as_str() {
            "loop-in-inspect" => loop_forever(),
            "trap-in-inspect" => panic!("inspect traps"),
            "prose-in-inspect" => return "no JSON at all".to_owned(),
            _ => {}
        }
        format!("{{\"total\":{}}}", with_state(|state| state.total))
    }

    fn event_as_json(event: u16, payload: Vec<u8>) -> Result<String, String> {
        match with_state(|state| state.key.clone()).as_str() {
            "loop-in-inspect" => loop_forever(),
            "trap-in-inspect" => panic!("inspect traps"),
            "prose-in-inspect" => return Ok("{\"by\":".to_owned()),
            _ => {}
        }
        match event {
            0 => Ok(format!("{{\"by\":{}}}", payload.as_slice().try_into().map_or(0, u64::from_le_bytes))),
            other => Err(format!("no event type {other}")),
        }
    }
}

fn command(name: String) -> CommandType {
    CommandType { name, read_only: false }
}

fn honest_manifest() -> Manifest {
    Manifest {
        commands: commands::COMMANDS
            .iter()
            .map(|(name, read_only)| CommandType { name: (*name).to_owned(), read_only: *read_only })
            .collect(),
        events: vec![
            EventType { name: "added".to_owned(), version: 1 },
            EventType { name: "noted".to_owned(), version: 1 },
        ],
        state_version: 1,
    }
}

export!(Hostile);
