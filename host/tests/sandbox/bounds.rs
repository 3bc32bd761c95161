//! Every bound ends in its own typed failure.

use std::time::{Duration, Instant};

use greenroom_host::sandbox::{CompilerProgram, Engine, GuestFailure, SandboxSettings, Started};
use greenroom_host::vocab::Limits;

use crate::kit::{
    added, engine_with, fresh, guest, hostile, limits, moment, one, options, started, started_from, turn,
};

fn limit_of(failure: GuestFailure) -> (&'static str, u64, u64) {
    match failure {
        GuestFailure::Limit { what, found, limit, .. } => (what, found, limit),
        other => panic!("{other}"),
    }
}

#[test]
fn an_endless_loop_in_any_call_ends_at_the_deadline() {
    let began = Instant::now();
    let out_of_time = |failure: &GuestFailure| matches!(failure, GuestFailure::OutOfTime { limit_ms: 2_000 });
    assert!(out_of_time(&one("loop").unwrap_err()));
    assert!(out_of_time(&fresh("loop-in-start").start(moment(0), None).unwrap_err()));
    assert!(out_of_time(&started_without_recovered("loop-in-recovered").recovered(moment(0)).unwrap_err()));
    assert!(out_of_time(&started("loop-in-capture").capture(moment(0)).unwrap_err()));
    let replay = started_without_recovered("loop-in-replay").replay(moment(0), &added(&[1]));
    assert!(replay.unwrap_err().to_string().contains("longer than 2000 ms"));
    assert!(out_of_time(&started("loop-in-inspect").state_as_json().unwrap_err()));
    assert!(out_of_time(&started("loop-in-inspect").event_as_json(0, b"").unwrap_err()));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

fn started_without_recovered(key: &str) -> greenroom_host::sandbox::Instance {
    let mut instance = fresh(key);
    assert_eq!(instance.start(moment(0), None).unwrap(), Started::Ready);
    instance
}

#[test]
fn time_between_calls_does_not_count() {
    let mut instance = started("idle");
    std::thread::sleep(Duration::from_millis(700));
    turn(&mut instance, &[("add", b"")]).unwrap();
}

#[test]
fn a_memory_bomb_ends_as_out_of_memory() {
    assert!(matches!(one("bomb-memory"), Err(GuestFailure::OutOfMemory { limit_bytes: 67_108_864 })));
    assert!(matches!(one("huge-reply"), Err(GuestFailure::OutOfMemory { .. })));
}

#[test]
fn a_handle_leak_ends_at_the_limit_of_handles() {
    assert_eq!(limit_of(one("bomb-handles").unwrap_err()), ("live handles", 1_001, 1_000));
}

#[test]
fn deep_recursion_ends_as_a_trap_of_the_guest_only() {
    match one("recurse") {
        Err(GuestFailure::Trapped { message }) => assert!(message.contains("call stack exhausted"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn deep_recursion_in_start_ends_as_a_trap_too() {
    match fresh("recurse-in-start").start(moment(0), None) {
        Err(GuestFailure::Trapped { message }) => assert!(message.contains("call stack exhausted"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trap_while_people_look_ends_that_instance_only() {
    let failure = started("trap-in-inspect").state_as_json().unwrap_err();
    assert!(matches!(&failure, GuestFailure::Trapped { message } if message.contains("inspect traps")), "{failure}");
    let failure = started("trap-in-inspect").event_as_json(0, b"").unwrap_err();
    assert!(matches!(failure, GuestFailure::Trapped { .. }), "{failure}");
}

#[test]
fn a_trap_carries_the_last_words_of_the_guest() {
    match one("trap") {
        Err(GuestFailure::Trapped { message }) => {
            assert!(message.contains("the command traps") && message.contains("unreachable"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    match one("exit") {
        Err(GuestFailure::Trapped { message }) => assert!(message.contains("exited"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_instance_that_failed_answers_nothing_any_more() {
    let mut instance = started("failed");
    turn(&mut instance, &[("trap", b"")]).unwrap_err();
    turn(&mut instance, &[("get", b"")]).unwrap_err();
    assert!(turn(&mut started("failed"), &[("get", b"")]).is_ok(), "a new one does");
}

#[test]
fn what_a_turn_may_return_is_bounded() {
    const MIB: u64 = 1_024 * 1_024;
    assert_eq!(limit_of(one("large-reply").unwrap_err()), ("bytes in one reply", MIB + 1, MIB));
    assert_eq!(limit_of(one("large-event").unwrap_err()), ("bytes in one event", MIB + 1, MIB));
    assert_eq!(limit_of(one("large-tell").unwrap_err()), ("bytes in a command's payload", MIB + 1, MIB));
    assert_eq!(limit_of(one("flood-effects").unwrap_err()), ("effects in one turn", 10_001, 10_000));
    let (what, found, limit) = limit_of(one("large-tells").unwrap_err());
    assert_eq!((what, limit), ("bytes of effects in one turn", 8 * MIB));
    assert!(found > limit);
    let (_, found, limit) = limit_of(one("large-frame").unwrap_err());
    assert!(found > limit);
}

#[test]
fn ten_million_events_from_one_command_are_refused() {
    let mut roomy = limits();
    roomy.guest_memory_bytes = 512 * 1_024 * 1_024;
    roomy.guest_call_ms = 10_000;
    roomy.live_actors = 4;
    let component = engine_with(roomy).load(&guest("hostile")).unwrap();
    let failure = turn(&mut started_from(&component, "many"), &[("many-events", b"")]).unwrap_err();
    assert!(matches!(failure, GuestFailure::Limit { .. }), "{failure}");
}

#[test]
fn a_log_flood_is_dropped_and_the_command_succeeds() {
    assert!(one("flood-log").is_ok());
}

#[test]
fn effects_outside_of_handle_end_the_instance() {
    let failure = fresh("effect-in-start").start(moment(0), None).unwrap_err();
    assert!(matches!(&failure, GuestFailure::InvalidOutcome { reason } if reason.contains("outside")), "{failure}");
    let failure = started_without_recovered("effect-in-replay").replay(moment(0), &added(&[1])).unwrap_err();
    assert!(failure.to_string().contains("outside `handle`"), "{failure}");
}

#[test]
fn a_full_pool_is_no_fault_of_the_guest() {
    let mut small = limits();
    small.live_actors = 1;
    let component = engine_with(small).load(&guest("hostile")).unwrap();
    let instances: Vec<_> = (0..100).map_while(|n| component.instantiate(options(&n.to_string())).ok()).collect();
    assert!((1..100).contains(&instances.len()));
    assert!(matches!(component.instantiate(options("more")), Err(GuestFailure::NoRoom)));
    drop(instances);
    assert!(component.instantiate(options("more")).is_ok());
}

#[test]
fn more_live_actors_than_the_machine_can_map_are_refused_at_start() {
    let mut limits = Limits::default();
    limits.live_actors = 3_000_000_000;
    let refusal =
        Engine::new(SandboxSettings { limits, cache_dir: None, compiler: CompilerProgram::InProcess }).unwrap_err();
    assert!(refusal.contains("vm.max_map_count"), "{refusal}");
    assert_eq!(hostile().manifest().state_version, 1);
}
