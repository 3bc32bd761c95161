//! Honest commands get honest answers, and WASI gives the same answers on every machine.

use greenroom_host::sandbox::{Caller, CommandContext, Effect, Verdict};
use greenroom_host::vocab::{Address, Sequence, Timestamp};

use crate::kit::{NOW, commands, hostile, moment, options, reply, started, turn};

#[test]
fn a_batch_is_handled_in_order_with_one_verdict_and_one_reply_per_command() {
    let batch: [(&str, &[u8]); 5] = [
        ("add", &2_u64.to_le_bytes()),
        ("get", b""),
        ("reject", b""),
        ("malformed", b""),
        ("add", &5_u64.to_le_bytes()),
    ];
    let outcome = turn(&mut started("batch"), &batch).unwrap();
    assert_eq!(outcome.appended, [1, 0, 0, 0, 1]);
    let accepted = Verdict::Accepted;
    assert_eq!(outcome.verdicts, [accepted, accepted, Verdict::Rejected, Verdict::Malformed, accepted]);
    let replies: Vec<_> = outcome.replies.iter().collect();
    assert_eq!(
        replies,
        [&2_u64.to_le_bytes()[..], &2_u64.to_le_bytes(), b"\"no\"", b"not a number", &7_u64.to_le_bytes()]
    );
    assert_eq!(outcome.events.types, [0, 0]);
    assert_eq!(outcome.events.payloads.get(1), Some(&5_u64.to_le_bytes()[..]));
}

#[test]
fn effects_are_handed_out_in_order_and_not_acted_on() {
    let batch: [(&str, &[u8]); 5] =
        [("tell", b"hello"), ("schedule", b"later"), ("cancel", b""), ("request-snapshot", b""), ("passivate", b"")];
    let outcome = turn(&mut started("effects"), &batch).unwrap();
    let to = Address::new("default", "hostile", "other").unwrap();
    let (name, timer) = ("add".to_owned(), "alarm".to_owned());
    let expected = [
        Effect::Tell { command: 0, to, name: name.clone(), payload: b"hello".to_vec() },
        Effect::Schedule { command: 1, timer: timer.clone(), at: Timestamp(5_000), name, payload: b"later".to_vec() },
        Effect::Cancel { command: 2, timer },
    ];
    assert_eq!(outcome.effects, expected);
    assert!(outcome.wants_snapshot && outcome.wants_passivation);
    let next = turn(&mut started("effects"), &[("get", b"")]).unwrap();
    assert!(next.effects.is_empty() && !next.wants_snapshot && !next.wants_passivation);
}

#[test]
fn a_command_sees_its_own_caller_and_headers() {
    let header = ("trace".to_owned(), "t-1".to_owned());
    let address = std::sync::Arc::new(Address::new("default", "sender", "s").unwrap());
    let contexts = [Caller::Client("ada".to_owned()), Caller::Actor(address), Caller::Timer("alarm".to_owned())]
        .map(|caller| CommandContext { caller, headers: vec![header.clone()] });
    let columns = commands(&hostile(), &[("caller", b""), ("caller", b""), ("caller", b"")]);
    let outcome = started("callers").handle(moment(0), &columns, contexts.to_vec()).unwrap();
    let replies: Vec<_> = outcome.replies.iter().map(String::from_utf8_lossy).collect();
    assert_eq!(replies, ["client ada", "actor default/sender/s", "timer alarm"]);

    let columns = commands(&hostile(), &[("header", b"Trace"), ("header", b"none")]);
    let outcome = started("headers").handle(moment(0), &columns, contexts[..2].to_vec()).unwrap();
    assert_eq!(outcome.replies.iter().collect::<Vec<_>>(), [&b"t-1"[..], b""]);
}

#[test]
fn clocks_show_the_time_of_the_turn_and_stand_still() {
    let outcome = turn(&mut started("clock"), &[("clock", b""), ("sleep", b""), ("clock", b"")]).unwrap();
    let expected = format!("{} {}", NOW / 1_000, NOW * 1_000_000);
    assert_eq!(outcome.replies.get(0), Some(expected.as_bytes()));
    assert_eq!(outcome.replies.get(2), Some(expected.as_bytes()));
}

#[test]
fn random_numbers_depend_on_the_actor_and_the_sequence_only() {
    let columns = commands(&hostile(), &[("random", b"")]);
    let draw = |key: &str, sequence: u64| {
        let context = vec![CommandContext { caller: Caller::Client(String::new()), headers: Vec::new() }];
        let moment = moment(sequence);
        assert_eq!(moment.sequence, Sequence(sequence));
        started(key).handle(moment, &columns, context).unwrap().replies
    };
    assert_eq!(draw("a", 7), draw("a", 7));
    assert_ne!(draw("a", 7), draw("a", 8));
    assert_ne!(draw("a", 7), draw("b", 7));
    let bytes = draw("a", 7).data;
    assert_ne!(bytes[..8], bytes[8..], "the stream goes on within a call");
}

#[test]
fn hash_maps_are_seeded_alike_in_every_instance_of_an_actor() {
    let order = |key: &str| reply(&turn(&mut started(key), &[("hash-order", b"")]).unwrap());
    assert_eq!(order("a"), order("a"));
    assert_ne!(order("a"), order("b"));
}

#[test]
fn there_are_no_variables_no_arguments_no_input_and_no_files() {
    let outcome = turn(&mut started("environment"), &[("environment", b"")]).unwrap();
    assert_eq!(reply(&outcome), "0 0 0 false");
}

#[test]
fn people_can_read_state_and_events() {
    let mut instance = started("people");
    turn(&mut instance, &[("add", &9_u64.to_le_bytes())]).unwrap();
    assert_eq!(instance.state_as_json().unwrap(), r#"{"total":9}"#);
    assert_eq!(instance.event_as_json(0, &4_u64.to_le_bytes()).unwrap().as_deref(), Ok(r#"{"by":4}"#));
    assert_eq!(instance.event_as_json(7, b"").unwrap(), Err("no event type 7".to_owned()));
}

#[test]
fn a_component_says_what_it_is() {
    let component = hostile();
    let manifest = component.manifest();
    assert_eq!(manifest.commands.first().map(|c| (c.name.as_str(), c.read_only)), Some(("add", false)));
    assert_eq!(
        manifest.events.iter().map(|e| (e.name.as_str(), e.version)).collect::<Vec<_>>(),
        [("added", 1), ("noted", 1)]
    );
    assert_eq!(manifest.state_version, 1);
    assert!(component.reads_clocks());
    assert!(format!("{:?}", component.instantiate(options("debug")).unwrap()).contains("debug"));
}
