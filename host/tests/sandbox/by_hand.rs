//! What no compiler writes: pointers that lie, allocators that cheat, code where none should run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use greenroom_host::sandbox::{DeployError, GuestFailure, InstanceOptions, Outcome};

use crate::bare::{Bare, run};
use crate::kit::{engine, limits, moment, options};

/// The time that a call may take beyond its limit of two seconds, on a busy machine.
const SLACK: Duration = Duration::from_secs(8);

fn is_out_of_time(result: &Result<Outcome, GuestFailure>) -> bool {
    matches!(result, Err(GuestFailure::OutOfTime { limit_ms: 2_000 }))
}

fn trapped(bare: &Bare<'_>) -> String {
    match bare.run() {
        Err(GuestFailure::Trapped { message }) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_honest_one_works() {
    let outcome = Bare::default().run().unwrap();
    assert_eq!((outcome.replies.get(0), outcome.events.len()), (Some(&b""[..]), 0));
    assert_eq!(Bare::default().started().state_as_json().unwrap(), "{}");
}

#[test]
fn a_table_bomb_ends_as_out_of_memory() {
    let bomb = Bare {
        declarations: "(table $t 1 funcref)",
        handle: "(loop $more
            (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
            unreachable",
        ..Bare::default()
    };
    assert!(matches!(bomb.run(), Err(GuestFailure::OutOfMemory { .. })), "{:?}", bomb.run());
    let survivor = Bare {
        declarations: "(table $t 1 funcref)",
        handle: "(if (i32.ne (table.grow $t (ref.null func) (i32.const 20001)) (i32.const -1)) (then unreachable))
            (i32.const 256)",
        ..Bare::default()
    };
    survivor.run().unwrap();
}

#[test]
fn bulk_operations_cannot_outrun_the_deadline() {
    // 63 MiB more, then all of it is moved over and over: no instruction in between is a branch of the guest's own.
    let began = Instant::now();
    let grow = "(if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))";
    for bulk in [
        "(memory.copy (i32.const 65536) (i32.const 0) (i32.const 65536000))",
        "(memory.fill (i32.const 65536) (i32.const 7) (i32.const 65536000))",
    ] {
        let long = format!("{grow} (loop $again {bulk} (br $again)) unreachable");
        let result = Bare { handle: &long, ..Bare::default() }.run();
        assert!(is_out_of_time(&result), "{result:?}");
    }
    assert!(began.elapsed() < SLACK * 4, "{:?}", began.elapsed());
}

/// Runs one command with a deadline of 100 ms: how long it took, and that it was ended there.
fn is_ended_soon(bare: &Bare<'_>) -> Duration {
    let mut limits = limits();
    limits.guest_call_ms = 100;
    let options = InstanceOptions { limits: Some(Arc::new(limits)), ..options("bare") };
    let mut instance = bare.load().instantiate(options).unwrap();
    instance.start(moment(0), None).unwrap();
    let began = Instant::now();
    let result = run(&mut instance);
    let took = began.elapsed();
    assert!(matches!(result, Err(GuestFailure::OutOfTime { limit_ms: 100 })), "{result:?} after {took:?}");
    took
}

/// 60 MiB more, of which all pages were used once.
const GROW: &str = "(if (i32.eq (memory.grow (i32.const 960)) (i32.const -1)) (then unreachable))
    (memory.fill (i32.const 65536) (i32.const 7) (i32.const 62914560))";

#[test]
fn memory_moved_over_and_over_without_a_loop_ends_at_the_deadline() {
    for bulk in [
        "(memory.copy (i32.const 65536) (i32.const 131072) (i32.const 62849024))",
        "(memory.fill (i32.const 65536) (i32.const 7) (i32.const 62914560))",
        // The length only looks small.
        "(memory.fill (i32.const 65536) (i32.const 7) (block (result i32) (drop (i32.const 8)) (local.get $n)))",
    ] {
        let handle = format!("{GROW} (local.set $n (i32.const 62914560)) {} (i32.const 256)", bulk.repeat(1_000));
        let took = is_ended_soon(&Bare { handle: &handle, ..Bare::default() });
        assert!(took < Duration::from_millis(900), "{took:?}");
    }
}

#[test]
fn a_recursion_that_moves_memory_on_its_way_back_ends_at_the_deadline() {
    let deep = Bare {
        declarations: "(func $down (param $n i32)
                (if (local.get $n) (then (call $down (i32.sub (local.get $n) (i32.const 1)))))
                (memory.copy (i32.const 65536) (i32.const 131072) (i32.const 62849024)))",
        handle: &format!("{GROW} (call $down (i32.const 2000)) (i32.const 256)"),
        ..Bare::default()
    };
    let took = is_ended_soon(&deep);
    assert!(took < Duration::from_millis(900), "{took:?}");
}

#[test]
fn a_recursion_that_computes_on_its_way_back_ends_at_the_deadline() {
    // Forty thousand divisions in each of two thousand frames, none of them behind a loop or a call.
    let divide = "(global.set $d (i64.div_u (global.get $d) (i64.extend_i32_u (local.get $n))))".repeat(40_000);
    let declarations = format!(
        "(global $d (mut i64) (i64.const -1))
         (func $down (param $n i32)
            (if (i32.gt_u (local.get $n) (i32.const 1)) (then (call $down (i32.sub (local.get $n) (i32.const 1)))))
            {divide})"
    );
    let handle = "(call $down (i32.const 2000)) (i32.const 256)";
    let took = is_ended_soon(&Bare { declarations: &declarations, handle, ..Bare::default() });
    assert!(took < Duration::from_millis(900), "{took:?}");
}

#[test]
fn host_calls_in_a_row_without_a_loop_end_at_the_deadline() {
    let write = "(call $write (i32.const 1) (i32.const 8192) (i32.const 4000000))";
    let handle = format!("(drop (memory.grow (i32.const 100))) {} (i32.const 256)", write.repeat(20_000));
    let bare = Bare { handle: &handle, ..Bare::default() };
    let mut instance = bare.started();
    let began = Instant::now();
    let result = run(&mut instance);
    assert!(is_out_of_time(&result), "{result:?}");
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
}

#[test]
fn a_result_that_points_where_nothing_is_ends_as_a_trap() {
    for pointer in ["-16", "131040", "257", "2147483640"] {
        let handle = format!("(i32.const {pointer})");
        trapped(&Bare { handle: &handle, ..Bare::default() });
    }
}

#[test]
fn a_column_that_reaches_past_memory_ends_as_a_trap_or_at_the_bound() {
    for (at, length) in [("131000", "1000"), ("-8", "4"), ("0", "-1"), ("0", "2147483647"), ("-1", "-1")] {
        // The bytes of the replies' column: their address and their number.
        let handle = format!(
            "(i32.store (i32.const 296) (i32.const {at})) (i32.store (i32.const 300) (i32.const {length})) (i32.const 256)"
        );
        let result = Bare { handle: &handle, ..Bare::default() }.run();
        let expected = matches!(result, Err(GuestFailure::Trapped { .. } | GuestFailure::Limit { .. }));
        assert!(expected, "{at} {length}: {result:?}");
    }
}

#[test]
fn columns_that_share_their_memory_are_copies_for_the_host() {
    // The only end is at the same time the only reply: the host reads its own copy of each.
    let handle = "(i32.store (i32.const 608) (i32.const 4))
        (i32.store (i32.const 296) (i32.const 608)) (i32.store (i32.const 300) (i32.const 4))
        (i32.store (i32.const 304) (i32.const 608)) (i32.const 256)";
    let outcome = Bare { handle, ..Bare::default() }.run().unwrap();
    assert_eq!(outcome.replies.get(0), Some(&[4, 0, 0, 0][..]));
}

#[test]
fn an_allocator_that_lies_harms_its_own_instance_only() {
    for (realloc, what) in [
        ("(i32.const -16)", "past the end"),
        ("(i32.const 131070)", "over the end"),
        ("(i32.const 4097)", "unaligned"),
        ("unreachable", "a trap"),
    ] {
        let lying = Bare { realloc, ..Bare::default() };
        let component = lying.load();
        let mut instance = component.instantiate(crate::kit::options("bare")).unwrap();
        // The address and the commands are the first lists that the host writes into the guest.
        let started = instance.start(crate::kit::moment(0), None);
        let failed = started.is_err() || run(&mut instance).is_err();
        assert!(failed, "{what}");
    }
    // Everything at one place, over the guest's own data: the guest may do that to itself.
    let overlapping = Bare { realloc: "(i32.const 512)", ..Bare::default() };
    overlapping.run().unwrap();
    Bare::default().run().unwrap();
}

#[test]
fn an_allocator_that_never_ends_or_calls_the_host_is_ended() {
    let result = Bare { realloc: "(loop $l (br $l)) unreachable", ..Bare::default() }.run();
    assert!(is_out_of_time(&result), "{result:?}");
    let calls_back = Bare { realloc: "(call $passivate) (i32.const 8192)", ..Bare::default() };
    let message = trapped(&calls_back);
    assert!(message.contains("cannot leave"), "{message}");
}

#[test]
fn code_that_runs_after_the_result_was_read_is_bounded_too() {
    let result = Bare { after_handle: "(loop $l (br $l))", ..Bare::default() }.run();
    assert!(is_out_of_time(&result), "{result:?}");
    let result = Bare { after_handle: "unreachable", ..Bare::default() }.run();
    assert!(matches!(result, Err(GuestFailure::Trapped { .. })), "{result:?}");
}

#[test]
fn a_component_that_loops_or_traps_while_it_is_made_is_refused() {
    let refusal = |start| engine().load(&Bare { start, ..Bare::default() }.bytes()).map(drop).unwrap_err();
    let looping = refusal("(loop $l (br $l))");
    assert!(matches!(looping, DeployError::Describe(GuestFailure::OutOfTime { .. })), "{looping}");
    let trapping = refusal("unreachable");
    assert!(matches!(trapping, DeployError::Describe(GuestFailure::Trapped { .. })), "{trapping}");
}

#[test]
fn text_that_is_not_utf_8_ends_as_a_trap() {
    let log = Bare {
        handle: r"(i32.store (i32.const 600) (i32.const -1)) (call $write (i32.const 1) (i32.const 600) (i32.const 4))
            (i32.const 256)",
        ..Bare::default()
    };
    let message = trapped(&log);
    assert!(message.contains("utf-8"), "{message}");
    let json = "(i32.store (i32.const 112) (i32.const -1)) (i32.const 120)";
    let failure = Bare { state_as_json: json, ..Bare::default() }.started().state_as_json().unwrap_err();
    assert!(matches!(&failure, GuestFailure::Trapped { message } if message.contains("utf-8")), "{failure}");
}

#[test]
fn a_host_call_from_the_deepest_frame_finds_enough_stack() {
    let deep = Bare {
        declarations: "(func $down (param $n i32)
                (call $write (i32.const 0) (i32.const 16) (i32.const 3))
                (call $down (i32.add (local.get $n) (i32.const 1))))",
        handle: "(call $down (i32.const 0)) (i32.const 256)",
        ..Bare::default()
    };
    let message = trapped(&deep);
    assert!(message.contains("call stack exhausted"), "{message}");
}

#[test]
fn a_level_that_does_not_exist_and_a_list_longer_than_memory_end_the_call() {
    for (level, at, length) in [("9", "16", "3"), ("1", "131070", "16"), ("1", "16", "-1"), ("1", "-4", "2147483647")] {
        let handle = format!("(call $write (i32.const {level}) (i32.const {at}) (i32.const {length})) (i32.const 256)");
        let result = Bare { handle: &handle, ..Bare::default() }.run();
        let expected = matches!(result, Err(GuestFailure::Trapped { .. } | GuestFailure::Limit { .. }));
        assert!(expected, "{level} {at} {length}: {result:?}");
    }
}
