//! Replay folds the same events into the same state, and names the event that it could not apply.

use greenroom_host::sandbox::{GuestFailure, Instance, ReplayFailure};
use greenroom_host::vocab::Sequence;

use crate::kit::{added, fresh, moment};

fn ready(key: &str) -> Instance {
    let mut instance = fresh(key);
    instance.start(moment(0), None).unwrap();
    instance
}

#[test]
fn the_state_does_not_depend_on_the_size_of_batches() {
    let numbers: Vec<u64> = (1..=1_000).collect();
    for size in [1, 7, 1_000] {
        let mut instance = ready("sizes");
        let mut sequence = 0;
        for chunk in numbers.chunks(size) {
            instance.replay(moment(sequence), &added(chunk)).unwrap();
            sequence += chunk.len() as u64;
        }
        assert_eq!(instance.state_as_json().unwrap(), r#"{"total":500500}"#, "batches of {size}");
    }
}

#[test]
fn the_event_that_could_not_be_applied_is_named_by_its_sequence() {
    match ready("refuse-second-event").replay(moment(40), &added(&[1, 2, 3])) {
        Err(ReplayFailure::Event { sequence, reason }) => {
            assert_eq!((sequence, reason.as_str()), (Sequence(42), "cannot read it"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trap_names_the_batch_that_was_replayed() {
    match ready("trap-in-replay").replay(moment(40), &added(&[1, 2, 3])) {
        Err(ReplayFailure::Guest { first, last, failure: GuestFailure::Trapped { message } }) => {
            assert_eq!((first, last), (Sequence(41), Sequence(43)));
            assert!(message.contains("replay traps"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_about_an_event_that_was_not_there_is_a_contradiction() {
    let failure = ready("refuse-event-past-end").replay(moment(0), &added(&[1])).unwrap_err();
    assert!(matches!(failure, ReplayFailure::Guest { failure: GuestFailure::InvalidOutcome { .. }, .. }), "{failure}");
}

#[test]
fn clocks_give_the_same_answers_when_the_same_events_are_replayed_again() {
    let state = || {
        let mut instance = ready("clock-in-replay");
        instance.replay(moment(5), &added(&[1, 2])).unwrap();
        instance.state_as_json().unwrap()
    };
    assert_eq!(state(), state());
    assert_ne!(state(), r#"{"total":3}"#, "the clock has no effect");
}

#[test]
fn a_guest_that_draws_random_numbers_in_replay_is_refused() {
    match ready("random-in-replay").replay(moment(40), &added(&[1, 2, 3])) {
        Err(ReplayFailure::Guest { first, failure: GuestFailure::InvalidOutcome { reason }, .. }) => {
            assert_eq!(first, Sequence(41));
            assert!(reason.contains("random number") && reason.contains("`handle`"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn random_numbers_drawn_in_start_do_not_depend_on_the_snapshot() {
    let state = |at: u64| {
        let mut instance = fresh("random-in-start");
        instance.start(moment(at), None).unwrap();
        instance.state_as_json().unwrap()
    };
    assert_eq!(state(0), state(7));
    assert_ne!(state(0), r#"{"total":0}"#, "nothing was drawn");
}
