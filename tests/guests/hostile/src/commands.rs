//! What each command does, honest ones first.

use std::collections::HashMap;
use std::hint::black_box;

use crate::greenroom::actor::types::Address;
use crate::greenroom::actor::{context, effects, log};
use crate::outcome::{Builder, push};
use crate::{loop_forever, wasi, with_state};

/// Name and whether it claims to be read-only.
pub(crate) const COMMANDS: &[(&str, bool)] = &[
    ("add", false),
    ("get", true),
    ("reject", false),
    ("malformed", false),
    ("tell", false),
    ("schedule", false),
    ("schedule-unknown", false),
    ("cancel", false),
    ("request-snapshot", false),
    ("passivate", false),
    ("caller", true),
    ("header", true),
    ("clock", true),
    ("random", true),
    ("hash-order", true),
    ("environment", true),
    ("print", true),
    ("log", true),
    ("sleep", true),
    ("loop", false),
    ("bomb-memory", false),
    ("bomb-handles", false),
    ("recurse", false),
    ("trap", false),
    ("poison", false),
    ("schedule-trap", false),
    ("tell-trap", false),
    ("trap-with", false),
    ("exit", false),
    ("flood-log", true),
    ("flood-effects", false),
    ("large-reply", false),
    ("huge-reply", false),
    ("large-event", false),
    ("large-frame", false),
    ("large-tell", false),
    ("large-tells", false),
    ("many-events", false),
    ("unsorted-ends", false),
    ("ends-past-data", false),
    ("ends-before-data", false),
    ("miscount-events", false),
    ("unknown-type", false),
    ("few-replies", false),
    ("many-replies", false),
    ("few-appended", false),
    ("unknown-verdict", false),
    ("append-read-only", true),
    ("tell-read-only", true),
    ("append-rejected", false),
    ("tell-rejected", false),
    ("tell-out-of-batch", false),
    ("tell-illegal", false),
    ("tell-tenant", false),
    ("sleep-forever", true),
    ("read-forever", true),
    ("random-forever", true),
    ("huge-random", true),
    ("poll-nothing", true),
    ("poll-flood", true),
    ("bad-handle", true),
    ("change-silently", true),
];

pub(crate) fn run(name: &str, index: u32, payload: &[u8], out: &mut Builder) {
    match name {
        "add" => add(payload, out),
        "get" => out.answer(0, 0, &total()),
        "reject" => out.answer(0, 1, b"\"no\""),
        "malformed" => out.answer(0, 2, b"not a number"),
        "tell" => effect(out, || effects::tell(index, &address("other"), "add", payload)),
        "schedule" => effect(out, || effects::schedule(index, "alarm", 5_000, "add", payload)),
        "schedule-trap" => effect(out, || effects::schedule(index, "fuse", 5_000, "trap", payload)),
        "tell-trap" => effect(out, || effects::tell(index, &address("other"), "trap", payload)),
        "schedule-unknown" => effect(out, || effects::schedule(index, "alarm", 5_000, "no-such-command", payload)),
        "cancel" => effect(out, || effects::cancel(index, "alarm")),
        "request-snapshot" => effect(out, effects::request_snapshot),
        "passivate" => effect(out, effects::passivate),
        "caller" => out.answer(0, 0, caller(index).as_bytes()),
        "header" => {
            let value = context::header(index, &String::from_utf8_lossy(payload)).unwrap_or_default();
            out.answer(0, 0, value.as_bytes());
        }
        "clock" => out.answer(0, 0, format!("{} {}", wasi::now_seconds(), wasi::monotonic_nanoseconds()).as_bytes()),
        "random" => out.answer(0, 0, &[wasi::random_u64().to_le_bytes(), wasi::random_u64().to_le_bytes()].concat()),
        "hash-order" => out.answer(0, 0, hash_order().as_bytes()),
        "environment" => out.answer(0, 0, environment().as_bytes()),
        "print" => {
            println!("to stdout");
            eprintln!("to stderr");
            out.answer(0, 0, b"");
        }
        "log" => {
            log::write(log::Level::Warn, &String::from_utf8_lossy(payload));
            out.answer(0, 0, b"");
        }
        "sleep" => {
            std::thread::sleep(std::time::Duration::from_secs(3_600));
            out.answer(0, 0, b"");
        }
        hostile => misbehave(hostile, index, payload, out),
    }
}

fn misbehave(name: &str, index: u32, payload: &[u8], out: &mut Builder) {
    match name {
        "loop" => loop_forever(),
        "bomb-memory" => bomb_memory(),
        "bomb-handles" => loop {
            wasi::leak_handle();
        },
        "recurse" => out.answer(0, 0, &recurse(1).to_le_bytes()),
        "trap" if crate::is_cured() => out.answer(0, 0, b""),
        "trap" => panic!("the command traps"),
        // Handled well, and applied by nobody: the next replay traps at it.
        "poison" => append(out, b"poison"),
        "trap-with" => panic!("{}", String::from_utf8_lossy(payload)),
        "exit" => std::process::exit(3),
        "flood-log" => {
            (0..10_000).for_each(|n| log::write(log::Level::Info, &format!("line {n} {}", "x".repeat(1_000))));
            out.answer(0, 0, b"");
        }
        "flood-effects" => loop {
            effects::cancel(index, "alarm");
        },
        "large-tell" => effect(out, || effects::tell(index, &address("other"), "add", &vec![0; 1_024 * 1_024 + 1])),
        "large-tells" => loop {
            effects::tell(index, &address("other"), "add", &vec![0; 1_024 * 1_024]);
        },
        "tell-read-only" => effect(out, || effects::cancel(index, "alarm")),
        "tell-out-of-batch" => effect(out, || effects::cancel(index + 1_000_000, "alarm")),
        "tell-illegal" => {
            let to = Address { tenant: "default".into(), kind: "NOT a kind".into(), key: "k".into() };
            effect(out, || effects::tell(index, &to, "add", b""));
        }
        "tell-tenant" => {
            let tenant = String::from_utf8_lossy(payload).into_owned();
            let to = Address { tenant, kind: "hostile".into(), key: "k".into() };
            effect(out, || effects::tell(index, &to, "add", b""));
        }
        "sleep-forever" => loop {
            std::thread::sleep(std::time::Duration::from_secs(3_600));
        },
        "read-forever" => loop {
            black_box(std::io::stdin().read_line(&mut String::new()).is_ok());
        },
        "random-forever" => loop {
            wasi::random_bytes(1_024 * 1_024);
        },
        "huge-random" => wasi::random_bytes(u64::MAX),
        "poll-nothing" => wasi::poll(&[]),
        "poll-flood" => wasi::poll_flood(),
        "bad-handle" => wasi::poll(&[4_711]),
        // State that no event accounts for.
        "change-silently" => {
            with_state(|state| state.total = state.total.wrapping_add(1_000));
            out.answer(0, 0, &total());
        }
        "tell-rejected" => {
            effects::cancel(index, "alarm");
            out.answer(0, 1, b"no");
        }
        columns => contradict(columns, out),
    }
}

fn contradict(name: &str, out: &mut Builder) {
    match name {
        "large-reply" => out.answer(0, 0, &vec![b'x'; 1_024 * 1_024 + 1]),
        "huge-reply" => out.answer(0, 0, &vec![b'x'; 128 * 1_024 * 1_024]),
        "large-event" => append(out, &vec![0; 1_024 * 1_024 + 1]),
        "large-frame" => {
            (0..9).for_each(|_| out.append(1, &vec![0; 1_024 * 1_024]));
            out.answer(9, 0, b"");
        }
        "many-events" => {
            (0..10_000_000_u32).for_each(|_| out.append(1, b""));
            out.answer(10_000_000, 0, b"");
        }
        "unsorted-ends" => {
            append(out, b"abc");
            append(out, b"def");
            out.batch.appended.pop();
            out.batch.verdicts.pop();
            out.batch.replies.ends.pop();
            out.batch.appended = vec![2];
            out.batch.events.payloads.ends = vec![6, 3];
        }
        "ends-past-data" => {
            append(out, b"abc");
            out.batch.events.payloads.ends = vec![4_000_000_000];
        }
        "ends-before-data" => {
            append(out, b"abc");
            out.ends_early = true;
        }
        "miscount-events" => {
            append(out, b"");
            out.batch.appended = vec![2];
        }
        "unknown-type" => {
            out.append(2, b"");
            out.answer(1, 0, b"");
        }
        "few-replies" => {
            out.batch.appended.push(0);
            out.batch.verdicts.push(0);
        }
        "many-replies" => {
            out.answer(0, 0, b"one");
            push(&mut out.batch.replies, b"two");
        }
        "few-appended" => {
            out.answer(0, 0, b"");
            out.batch.appended.clear();
        }
        "unknown-verdict" => out.answer(0, 3, b""),
        "append-read-only" => append(out, b""),
        "append-rejected" => {
            out.append(1, b"");
            out.answer(1, 1, b"no");
        }
        other => unreachable!("{other} is in the list of commands"),
    }
}

fn append(out: &mut Builder, payload: &[u8]) {
    out.append(1, payload);
    out.answer(1, 0, b"");
}

fn effect(out: &mut Builder, ask: impl FnOnce()) {
    ask();
    out.answer(0, 0, b"");
}

fn add(payload: &[u8], out: &mut Builder) {
    let by = payload.try_into().map_or(1, u64::from_le_bytes);
    with_state(|state| state.total = state.total.wrapping_add(by));
    out.append(0, &by.to_le_bytes());
    out.answer(1, 0, &total());
}

fn total() -> [u8; 8] {
    with_state(|state| state.total).to_le_bytes()
}

fn address(key: &str) -> Address {
    Address { tenant: "default".to_owned(), kind: "hostile".to_owned(), key: key.to_owned() }
}

fn caller(index: u32) -> String {
    match context::caller(index) {
        context::Origin::Client(name) => format!("client {name}"),
        context::Origin::Actor(address) => format!("actor {}/{}/{}", address.tenant, address.kind, address.key),
        context::Origin::Timer(name) => format!("timer {name}"),
    }
}

fn hash_order() -> String {
    let map: HashMap<u32, ()> = (0..32).map(|n| (n, ())).collect();
    map.keys().map(|n| format!("{n} ")).collect()
}

#[expect(clippy::disallowed_methods, reason = "a guest that looks for files must find none")]
fn environment() -> String {
    let variables = std::env::vars().count();
    let arguments = std::env::args().count();
    let input = std::io::read_to_string(std::io::stdin()).map_or(usize::MAX, |text| text.len());
    let file = std::fs::read("/etc/passwd").is_ok();
    format!("{variables} {arguments} {input} {file}")
}

pub(crate) fn bomb_memory() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1_024 * 1_024]));
    }
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
pub(crate) fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth + 1)) + 1)
}
