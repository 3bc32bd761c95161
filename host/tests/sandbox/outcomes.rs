//! Columns that contradict themselves, the batch or the manifest are never believed.

use greenroom_host::sandbox::GuestFailure;

use crate::kit::{one, started, turn};

#[test]
fn every_contradiction_is_refused_and_named() {
    let cases = [
        ("unsorted-ends", "events are unsound"),
        ("ends-past-data", "events are unsound"),
        ("ends-before-data", "events are unsound"),
        ("miscount-events", "1 events where the commands appended 2"),
        ("unknown-type", "event type 2 is not in its manifest"),
        ("few-replies", "0 replies for 1 commands"),
        ("many-replies", "2 replies for 1 commands"),
        ("few-appended", "0 counts of appended events for 1 commands"),
        ("unknown-verdict", "3 is not a verdict"),
        ("append-read-only", "read-only and appended"),
        ("tell-read-only", "read-only and asked for effects"),
        ("append-rejected", "not accepted and appended"),
        ("tell-rejected", "not accepted and asked for effects"),
        ("tell-out-of-batch", "of a batch of 1"),
        ("tell-illegal", "address that cannot exist"),
    ];
    for (command, expected) in cases {
        match one(command) {
            Err(GuestFailure::InvalidOutcome { reason }) => assert!(reason.contains(expected), "{command}: {reason}"),
            other => panic!("{command}: {other:?}"),
        }
    }
}

#[test]
fn a_contradiction_between_honest_commands_fails_the_whole_turn() {
    let batch: [(&str, &[u8]); 3] = [("add", b""), ("append-rejected", b""), ("add", b"")];
    let failure = turn(&mut started("mixed"), &batch).unwrap_err();
    assert!(failure.to_string().contains("command 1"), "{failure}");
}
