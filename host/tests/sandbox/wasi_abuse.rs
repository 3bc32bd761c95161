//! The part of WASI that there is cannot be used to wait, to fill memory, or to reach anything.

use greenroom_host::sandbox::GuestFailure;

use crate::kit::{one, reply, started, turn};

#[test]
fn waiting_reading_and_drawing_for_ever_end_at_the_deadline() {
    for command in ["sleep-forever", "read-forever", "random-forever"] {
        match one(command) {
            Err(GuestFailure::OutOfTime { limit_ms: 2_000 }) => {}
            other => panic!("{command}: {other:?}"),
        }
    }
}

#[test]
fn a_huge_request_for_random_bytes_ends_the_call_and_allocates_nothing() {
    match one("huge-random") {
        Err(GuestFailure::Limit { found: u64::MAX, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn polling_nothing_something_unknown_or_a_million_times_at_once_ends_the_call() {
    match one("poll-nothing") {
        Err(GuestFailure::Trapped { message }) => assert!(message.contains("without anything"), "{message}"),
        other => panic!("{other:?}"),
    }
    match one("bad-handle") {
        Err(GuestFailure::Trapped { message }) => assert!(message.contains("handle"), "{message}"),
        other => panic!("{other:?}"),
    }
    let flood = one("poll-flood");
    let bounded = matches!(flood, Err(GuestFailure::Limit { .. } | GuestFailure::OutOfTime { .. }));
    assert!(bounded, "{flood:?}");
}

#[test]
fn an_hour_of_sleep_is_over_at_once() {
    let outcome = turn(&mut started("sleeper"), &[("sleep", b""), ("clock", b"")]).unwrap();
    assert_eq!(reply(&outcome), "");
}
