//! Every limit that an instance has of its own: exactly at it works, one past it ends in the failure of that limit.

use std::sync::Arc;

use greenroom_host::sandbox::{GuestFailure, Instance, InstanceOptions, MemoryAccount, Started};
use greenroom_host::vocab::{Limit, Limits, Quota};

use crate::kit::{added, commands, contexts, engine_with, fresh, guest, hostile, limits, moment, options, turn};

/// The bounds of these tests with one that differs.
fn with(limit: Limit, value: u64) -> Limits {
    let mut limits = limits();
    limits.set(limit, value);
    limits
}

fn under(key: &str, limits: Limits) -> Result<Instance, GuestFailure> {
    hostile().instantiate(InstanceOptions { limits: Some(Arc::new(limits)), ..options(key) })
}

/// An instance that is ready for commands, under bounds of its own.
fn started_under(limits: Limits) -> Instance {
    let mut instance = under("own", limits).unwrap();
    assert_eq!(instance.start(moment(0), None).unwrap(), Started::Ready);
    instance.recovered(moment(0)).unwrap();
    instance
}

/// The limit that a failure names, and by how much it was passed.
fn passed(failure: &GuestFailure) -> (Limit, u64) {
    match failure {
        GuestFailure::Limit { name, found, limit, .. } => (*name, found - limit),
        other => panic!("{other}"),
    }
}

/// With the limit at `exact` the batch is handled; with one less it fails, by exactly one, and others are unharmed.
fn holds_exactly(limit: Limit, exact: u64, batch: &[(&str, &[u8])]) {
    turn(&mut started_under(with(limit, exact)), batch).unwrap_or_else(|failure| panic!("at {exact}: {failure}"));
    let failure = turn(&mut started_under(with(limit, exact - 1)), batch).unwrap_err();
    assert_eq!(passed(&failure), (limit, 1), "{failure}");
    turn(&mut started_under(limits()), batch).unwrap();
}

#[test]
fn replies_events_and_frames_hold_exactly() {
    holds_exactly(Limit::ReplyBytes, 8, &[("get", b"")]);
    holds_exactly(Limit::EventBytes, 8, &[("add", &7_u64.to_le_bytes())]);
    let three: &[(&str, &[u8])] = &[("add", b""), ("add", b""), ("add", b"")];
    holds_exactly(Limit::TurnEvents, 3, three);
    // A type, an end and eight bytes for each event.
    holds_exactly(Limit::FrameBytes, 3 * 14, three);
}

#[test]
fn effects_and_what_they_carry_hold_exactly() {
    let tells: &[(&str, &[u8])] = &[("tell", b"12345"), ("tell", b"12345")];
    holds_exactly(Limit::TurnEffects, 2, tells);
    holds_exactly(Limit::CommandBytes, 5, tells);
}

#[test]
fn a_snapshot_holds_exactly() {
    started_under(with(Limit::SnapshotBytes, 8)).capture(moment(0)).unwrap();
    let mut instance = started_under(with(Limit::SnapshotBytes, 7));
    assert_eq!(passed(&instance.capture(moment(0)).unwrap_err()), (Limit::SnapshotBytes, 1));
    assert!(turn(&mut instance, &[("get", b"")]).is_ok(), "the instance goes on");
}

/// The smallest value with which an instance can be made.
fn least(limit: Limit, most: u64) -> u64 {
    let (mut least, mut most) = (1, most);
    while least < most {
        let middle = least.midpoint(most);
        if under("least", with(limit, middle)).is_ok() { most = middle } else { least = middle + 1 }
    }
    least
}

#[test]
fn memory_and_tables_hold_exactly() {
    for limit in [Limit::GuestMemoryBytes, Limit::GuestTableElements] {
        let exact = least(limit, limits().get(limit));
        assert!(exact > 1, "{limit}: the component begins with some");
        under("exact", with(limit, exact)).unwrap();
        let failure = under("past", with(limit, exact - 1)).unwrap_err();
        assert!(matches!(failure, GuestFailure::OutOfMemory { .. }), "{limit}: {failure}");
    }
}

#[test]
fn a_memory_bomb_is_stopped_at_the_instances_own_limit() {
    let eight_mib = 8 * 1_024 * 1_024;
    let failure = turn(&mut started_under(with(Limit::GuestMemoryBytes, eight_mib)), &[("bomb-memory", b"")]);
    assert!(matches!(failure, Err(GuestFailure::OutOfMemory { limit_bytes }) if limit_bytes == eight_mib));
}

#[test]
fn calls_and_replays_have_times_of_their_own() {
    let mut short = limits();
    short.guest_call_ms = 50;
    let failure = turn(&mut started_under(short.clone()), &[("loop", b"")]).unwrap_err();
    assert!(matches!(failure, GuestFailure::OutOfTime { limit_ms: 50 }), "{failure}");
    short.guest_call_ms = 2_000;
    short.guest_replay_ms = 60;
    let mut instance = under("loop-in-replay", short).unwrap();
    instance.start(moment(0), None).unwrap();
    let failure = instance.replay(moment(0), &added(&[1])).unwrap_err();
    assert!(failure.to_string().contains("longer than 60 ms"), "{failure}");
}

#[test]
fn handles_are_bounded_and_what_leaks_them_is_told_so() {
    for most in [7, 1_000] {
        let failure = turn(&mut started_under(with(Limit::GuestHandles, most)), &[("bomb-handles", b"")]).unwrap_err();
        assert_eq!(passed(&failure), (Limit::GuestHandles, 1), "{failure}");
    }
}

#[test]
fn what_one_call_of_the_host_may_take_is_bounded() {
    let mut small = limits();
    small.guest_hostcall_bytes = 1_000;
    small.frame_bytes = 500;
    small.event_bytes = 500;
    small.reply_bytes = 100;
    let text = vec![b'x'; 4_000];
    turn(&mut started_under(small.clone()), &[("log", text.get(..1_000).unwrap())]).unwrap();
    let failure = turn(&mut started_under(small), &[("log", &text)]).unwrap_err();
    assert_eq!(passed(&failure), (Limit::GuestHostcallBytes, 1), "{failure}");
    turn(&mut started_under(limits()), &[("log", &text)]).unwrap();
}

#[test]
fn the_stack_is_as_deep_as_the_engine_says() {
    let mut shallow = limits();
    shallow.live_actors = 1;
    shallow.guest_stack_bytes = 64 * 1_024;
    let component = engine_with(shallow).load(&guest("hostile")).unwrap();
    let mut instance = component.instantiate(options("shallow")).unwrap();
    instance.start(moment(0), None).unwrap();
    let batch: &[(&str, &[u8])] = &[("recurse", b"")];
    let failure = instance.handle(moment(0), &commands(&component, batch), contexts(1)).unwrap_err();
    assert!(failure.to_string().contains("call stack exhausted"), "{failure}");
}

fn on_account(account: &Arc<MemoryAccount>) -> Result<Instance, GuestFailure> {
    hostile().instantiate(InstanceOptions { memory: Some(Arc::clone(account)), ..options("account") })
}

#[test]
fn the_memory_of_a_tenants_instances_is_bounded_together() {
    let account = Arc::new(MemoryAccount::default());
    let one = on_account(&account).unwrap();
    let each = account.used_bytes();
    assert!(each > 0);
    account.set_max(Some(2 * each));
    let two = on_account(&account).unwrap();
    assert_eq!(account.used_bytes(), 2 * each, "exactly at the bound");
    let failure = on_account(&account).unwrap_err();
    assert!(
        matches!(failure, GuestFailure::Quota { quota: Quota::MemoryBytes, limit } if limit == 2 * each),
        "{failure}"
    );
    assert!(fresh("another-tenant").start(moment(0), None).is_ok());
    drop(one);
    let mut three = on_account(&account).unwrap();
    drop((two, on_account(&account).unwrap_err()));
    // Growth: as on a full machine, and the failure tells whose quota it was.
    three.start(moment(0), None).unwrap();
    let failure = turn(&mut three, &[("bomb-memory", b"")]).unwrap_err();
    assert!(matches!(failure, GuestFailure::Quota { quota: Quota::MemoryBytes, .. }), "{failure}");
    assert!(account.used_bytes() <= 2 * each);
    drop(three);
    assert_eq!(account.used_bytes(), 0, "all is given back");
}
