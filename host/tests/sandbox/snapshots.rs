//! Capturing and starting from what was captured.

use greenroom_host::sandbox::{GuestFailure, GuestSnapshot, Started};

use crate::kit::{fresh, moment, reply, started, turn};

#[test]
fn an_instance_that_starts_from_a_snapshot_has_the_captured_state() {
    let mut old = started("captured");
    turn(&mut old, &[("add", &41_u64.to_le_bytes())]).unwrap();
    let snapshot = old.capture(moment(1)).unwrap();
    let mut new = fresh("captured");
    assert_eq!(new.start(moment(1), Some(&snapshot)).unwrap(), Started::Ready);
    let outcome = turn(&mut new, &[("add", b"")]).unwrap();
    assert_eq!(outcome.replies.get(0), Some(&42_u64.to_le_bytes()[..]), "{}", reply(&outcome));
}

#[test]
fn a_snapshot_of_an_unknown_layout_asks_for_replay_from_the_first_event() {
    let base = GuestSnapshot { state_version: 99, state: vec![0; 8] };
    assert_eq!(fresh("unknown").start(moment(1), Some(&base)).unwrap(), Started::UnknownStateVersion);
}

#[test]
fn a_refused_start_or_capture_says_why() {
    let failure = fresh("refuse-start").start(moment(0), None).unwrap_err();
    assert!(matches!(&failure, GuestFailure::Refused { call: "start", reason } if reason == "not today"), "{failure}");
    let mut instance = started("refuse-capture");
    let failure = instance.capture(moment(0)).unwrap_err();
    assert!(matches!(&failure, GuestFailure::Refused { call: "capture", reason } if reason == "not now"), "{failure}");
    assert!(turn(&mut instance, &[("get", b"")]).is_ok(), "the instance goes on");
}

#[test]
fn a_snapshot_over_the_limit_is_refused_and_the_instance_goes_on() {
    let mut instance = started("large-capture");
    let failure = instance.capture(moment(0)).unwrap_err();
    assert!(matches!(failure, GuestFailure::Limit { what: "bytes in one snapshot", .. }), "{failure}");
    assert!(turn(&mut instance, &[("get", b"")]).is_ok());
}
