//! The counter as its callers see it.

use counter::{Ask, Counter, Fact, Refusal, Value};
use greenroom::testing::Given;

fn counted(by: u64) -> Given<Counter> {
    Given::new().events([Fact::Incremented { by }])
}

#[test]
fn an_increment_counts_up_and_replies_with_the_new_value() {
    counted(2)
        .when_sent("increment", r#"{"by": 3}"#)
        .then_events([Fact::Incremented { by: 3 }])
        .then_reply(Value { value: 5 });
}

#[test]
fn an_increment_without_a_payload_counts_up_by_one() {
    for payload in ["", "{}", "null"] {
        counted(2).when_sent("increment", payload).then_reply(Value { value: 3 });
    }
}

#[test]
fn get_replies_with_the_value_and_stores_nothing() {
    counted(7).when_sent("get", "").then_no_events().then_reply(Value { value: 7 });
}

#[test]
fn what_would_not_fit_is_rejected_and_changes_nothing() {
    counted(u64::MAX - 1)
        .when(Ask::Increment { by: 2 })
        .then_rejection(Refusal::Overflow { value: u64::MAX - 1 })
        .then_no_events()
        .when(Ask::Increment { by: 1 })
        .then_reply(Value { value: u64::MAX });
}

#[test]
fn a_payload_that_is_none_is_named() {
    counted(0).when_sent("increment", r#"{"by": "two"}"#).then_undecodable("increment: invalid type: string");
    counted(0).when_sent("increment", r#"{"by": -1}"#).then_undecodable("invalid value: integer `-1`, expected u64");
}

#[test]
fn it_is_deterministic() {
    let history = Given::<Counter>::new().events((0..100).map(|by| Fact::Incremented { by }));
    history.replays_to_the_same_state();
    history.survives_a_snapshot();
    history.handlers_agree_under_two_seeds([Ask::Increment { by: 1 }, Ask::Get]);
}
