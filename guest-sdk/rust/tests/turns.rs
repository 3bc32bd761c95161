//! What a turn promises, whatever the actor does in it.

#![expect(clippy::panic, clippy::unwrap_used, reason = "the helpers of tests fail like tests")]

use std::cell::Cell;
use std::rc::Rc;

use greenroom::instance::{CommandsView, EventsView, Instance};
use greenroom::testing::Given;
use greenroom::{Actor, Address, Answer, Caller, Command, Effect, Event, Time, Turn};
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Log {
    lines: Vec<String>,
}

#[derive(Debug, Clone, Command, Serialize, Deserialize)]
enum Ask {
    Write {
        lines: Vec<String>,
    },
    Fail {
        lines: Vec<String>,
    },
    Everything,
    WhoAsks,
    #[command(read_only)]
    Lie,
    #[command(read_only, name = "lie-with-effects")]
    LieMore,
    PanicInApply,
}

#[derive(Debug, Event, Serialize, Deserialize)]
#[event(upcast("erased", 1 = erased))]
enum Fact {
    Written {
        line: String,
    },
    #[event(version = 3, json, upcast(1 = two_lines, bincode), upcast(2 = one_line))]
    WrittenTwice {
        line: String,
    },
    Poison,
}

#[derive(Serialize, Deserialize)]
struct Erased {}

fn erased(Erased {}: Erased) -> Option<Fact> {
    None
}

fn two_lines((first, second): (String, String)) -> [Fact; 2] {
    [first, second].map(|line| Fact::Written { line })
}

fn one_line(line: String) -> Fact {
    Fact::Written { line }
}

impl Actor for Log {
    type Command = Ask;
    type Event = Fact;
    type Reply = serde_json::Value;
    type Rejection = String;

    fn handle(&self, command: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, String> {
        let mut write = |lines: Vec<String>| lines.into_iter().for_each(|line| turn.append(Fact::Written { line }));
        match command {
            Ask::Write { lines } => write(lines),
            Ask::Fail { lines } => {
                write(lines);
                turn.request_snapshot();
                turn.tell(turn.peer("kind", "key"), "never", &());
                return Err(format!("there were {} lines", self.lines.len()));
            }
            Ask::Everything => {
                turn.tell(turn.peer("audit", "all"), "note", &[1, 2]);
                turn.schedule("soon", turn.now() + std::time::Duration::from_millis(5), &Ask::Fail { lines: vec![] });
                turn.cancel("late");
                turn.request_snapshot();
                turn.passivate();
            }
            Ask::WhoAsks => {
                let caller =
                    serde_json::json!([turn.caller(), turn.header("x-id"), turn.header("none"), turn.address()]);
                return Ok(turn.reply(move |_| caller));
            }
            Ask::Lie => turn.append(Fact::Poison),
            Ask::LieMore => turn.passivate(),
            Ask::PanicInApply => turn.append(Fact::Poison),
        }
        Ok(turn.reply(|log| log.lines.clone().into()))
    }

    fn apply(&mut self, event: &Fact) {
        match event {
            Fact::Written { line } => self.lines.push(line.clone()),
            Fact::WrittenTwice { line } => self.lines.extend([line.clone(), line.clone()]),
            Fact::Poison => panic!("poisoned"),
        }
    }
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

fn log(written: &[&str]) -> Given<Log> {
    Given::new().events(written.iter().map(|line| Fact::Written { line: (*line).to_owned() }))
}

#[test]
fn the_reply_sees_the_state_after_all_events_of_its_command() {
    log(&["a"]).when(Ask::Write { lines: lines(&["b", "c"]) }).then_reply(["a", "b", "c"]);
}

#[test]
fn a_rejected_command_leaves_neither_events_nor_effects_nor_state() {
    log(&["a"])
        .when(Ask::Fail { lines: lines(&["b"]) })
        .then_rejection("there were 1 lines")
        .then_no_events()
        .then_effects([])
        .then_state(serde_json::json!({ "lines": ["a"] }))
        .when(Ask::Write { lines: lines(&["c"]) })
        .then_events([Fact::Written { line: "c".to_owned() }])
        .then_effects([]);
}

#[test]
fn effects_leave_in_the_order_in_which_they_were_asked_for() {
    let to = Address { tenant: "t".to_owned(), kind: "audit".to_owned(), key: "all".to_owned() };
    let given = Given::<Log>::new().address("t", "log", "l").at(Time::from_ms(100));
    given.when(Ask::Everything).then_no_events().then_effects([
        Effect::Tell { to, name: "note".to_owned(), payload: b"[1,2]".to_vec() },
        Effect::Schedule {
            timer: "soon".to_owned(),
            at: Time::from_ms(105),
            name: "fail".to_owned(),
            payload: br#"{"lines":[]}"#.to_vec(),
        },
        Effect::Cancel { timer: "late".to_owned() },
        Effect::RequestSnapshot,
        Effect::Passivate,
    ]);
}

#[test]
fn the_caller_and_the_headers_can_be_asked_for() {
    Given::<Log>::new()
        .address("t", "log", "l")
        .caller(Caller::Timer("soon".to_owned()))
        .header("x-id", "7")
        .when(Ask::WhoAsks)
        .then_reply(serde_json::json!([{ "timer": "soon" }, "7", null, { "tenant": "t", "kind": "log", "key": "l" }]));
}

#[test]
#[should_panic(expected = "command `lie` is marked #[command(read_only)]: it may not append an event")]
fn a_read_only_command_that_appends_is_stopped() {
    drop(log(&[]).when(Ask::Lie));
}

#[test]
#[should_panic(
    expected = "command `lie-with-effects` is marked #[command(read_only)]: it may not ask to be passivated"
)]
fn a_read_only_command_that_asks_for_effects_is_stopped() {
    drop(log(&[]).when(Ask::LieMore));
}

#[test]
#[should_panic(expected = "poisoned")]
fn a_panic_in_apply_is_not_caught() {
    drop(log(&[]).when(Ask::PanicInApply));
}

#[test]
fn old_versions_become_new_events_in_their_place() {
    log(&["a"])
        .stored("erased", 1, greenroom::Codec::Bincode, &Erased {})
        .stored("written-twice", 1, greenroom::Codec::Bincode, &("b", "c"))
        .stored("written-twice", 2, greenroom::Codec::Json, &"d")
        .events([Fact::WrittenTwice { line: "e".to_owned() }])
        .when(Ask::Write { lines: vec![] })
        .then_reply(["a", "b", "c", "d", "e", "e"]);
}

#[test]
fn every_version_that_can_be_replayed_is_listed_after_the_current_ones() {
    let listed: Vec<(&str, u16)> = Fact::TYPES.iter().map(|it| (it.name, it.version)).collect();
    assert_eq!(
        listed,
        [
            ("written", 1),
            ("written-twice", 3),
            ("poison", 1),
            ("written-twice", 1),
            ("written-twice", 2),
            ("erased", 1)
        ]
    );
}

#[test]
fn old_payloads_are_shown_as_they_were_stored() {
    let stored = bincode::serde::encode_to_vec(("b", "c"), bincode::config::standard()).unwrap();
    assert_eq!(Fact::to_json(3, &stored).unwrap(), r#"["b","c"]"#);
    assert_eq!(Fact::to_json(1, br#"{"line":"e"}"#).unwrap(), r#"{"line":"e"}"#);
    assert_eq!(Fact::to_json(6, b"").unwrap_err().to_string(), "this code lists no type with index 6");
}

fn instance() -> Instance<Log> {
    Instance::start(Address::default(), None).unwrap()
}

#[test]
fn an_event_that_cannot_be_decoded_is_named_by_its_index() {
    let failed = |types: &[u16], data: &[u8], ends: &[u32]| {
        let error = instance().replay(EventsView { types, data, ends }).unwrap_err();
        (error.event, error.reason)
    };
    let ended = "the bytes end inside the value".to_owned();
    assert_eq!(failed(&[0, 0, 0], b"\x01a\x02b", &[2, 4, 4]), (1, ended.clone()));
    assert_eq!(failed(&[0, 0], b"", &[0, 0]), (0, ended));
    assert_eq!(failed(&[0, 0], b"\x01a", &[2, 9]), (1, "its end lies outside the data".to_owned()));
    assert_eq!(failed(&[0, 0], b"\x01a\x01b", &[4, 2]).0, 0);
    assert_eq!(failed(&[9], b"", &[0]), (0, "this code lists no type with index 9".to_owned()));
    assert_eq!(failed(&[0], b"", &[]), (0, "1 types but 0 payloads".to_owned()));
}

/// The host's facts, counting how often they are asked for.
#[derive(Default)]
struct Nobody {
    asked: Cell<u32>,
}

impl greenroom::turn::Context for Nobody {
    fn caller(&self, command: u32) -> Caller {
        self.asked.set(self.asked.get() + 1);
        Caller::Client(command.to_string())
    }

    fn header(&self, _: u32, _: &str) -> Option<String> {
        None
    }
}

#[test]
fn commands_of_a_batch_see_each_other_and_stay_apart() {
    let payloads: [&[u8]; 5] = [br#"{"lines":["a","b"]}"#, br#"{"lines":["x"]}"#, b"{", br#"{"lines":["c"]}"#, b""];
    let ends: Vec<u32> = payloads
        .iter()
        .scan(0, |end, it| {
            *end += u32::try_from(it.len()).unwrap();
            Some(*end)
        })
        .collect();
    let (data, nobody) = (payloads.concat(), Rc::new(Nobody::default()));
    let commands = CommandsView { names: &[0, 1, 0, 0, 3], data: &data, ends: &ends, now: Time::default() };
    let outcome = instance().handle(commands, Rc::<Nobody>::clone(&nobody));
    assert_eq!(outcome.verdicts, [0, 1, 2, 0, 0]);
    assert_eq!(outcome.appended, [2, 0, 0, 1, 0]);
    assert_eq!((outcome.types, outcome.payloads.data), (vec![0, 0, 0], b"\x01a\x01b\x01c".to_vec()));
    let mut begin = 0;
    let replies: Vec<&[u8]> = outcome
        .replies
        .ends
        .iter()
        .map(|&end| &outcome.replies.data[std::mem::replace(&mut begin, end as usize)..end as usize])
        .collect();
    assert_eq!(replies[0], br#"["a","b"]"#);
    assert_eq!(replies[1], br#""there were 2 lines""#);
    assert_eq!(replies[2], b"write: EOF while parsing an object at line 1 column 1");
    assert_eq!(replies[3], br#"["a","b","c"]"#);
    assert!(replies[4].starts_with(br#"[{"client":"4"}"#), "the command's own index is asked about");
    assert_eq!(nobody.asked.get(), 1, "nobody pays for facts that nobody asked for");
    assert_eq!(outcome.effects, []);
}
