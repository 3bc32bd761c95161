//! A guest that runs for long does not hold up the tasks of others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use greenroom_host::sandbox::{Engine, Instance, InstanceOptions};
use greenroom_host::vocab::Address;

use crate::bare::{Bare, run};
use crate::kit::{engine_with, hostile, limits, moment, started, turn};

#[test]
fn more_endless_loops_than_workers_do_not_stop_other_tasks() {
    hostile();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let longest = runtime.block_on(async {
        let loops: Vec<_> =
            (0..6).map(|_| tokio::spawn(async { turn(&mut started("hog"), &[("loop", b"")]) })).collect();
        let neighbour = tokio::spawn(async {
            let mut longest = Duration::ZERO;
            for _ in 0..100 {
                let began = Instant::now();
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(1)).await;
                longest = longest.max(began.elapsed());
            }
            longest
        });
        let longest = neighbour.await.unwrap();
        for hog in loops {
            assert!(hog.await.unwrap().is_err());
        }
        longest
    });
    assert!(longest < Duration::from_millis(300), "a neighbour waited {longest:?}");
}

#[test]
fn a_long_call_works_on_any_kind_of_thread() {
    assert!(turn(&mut started("plain"), &[("loop", b"")]).is_err());
    let current = tokio::runtime::Builder::new_current_thread().build().unwrap();
    current.block_on(async { assert!(turn(&mut started("current"), &[("loop", b"")]).is_err()) });
    let multi = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    multi.block_on(async {
        assert!(turn(&mut started("main"), &[("loop", b"")]).is_err());
        let blocking = tokio::task::spawn_blocking(|| turn(&mut started("blocking"), &[("loop", b"")]));
        assert!(blocking.await.unwrap().is_err());
    });
}

/// One guest call at a time: a tenant moves all of its memory, over and over, without a loop; another one asks in between.
#[test]
fn memory_that_is_moved_over_and_over_delays_another_tenant_by_one_move_at_most() {
    let mut limits = limits();
    limits.guest_calls = 1;
    limits.live_actors = 4;
    let engine = engine_with(limits);
    let copy = "(memory.copy (i32.const 65536) (i32.const 131072) (i32.const 62849024))".repeat(120);
    let handle = format!("(drop (memory.grow (i32.const 960))) {copy} {copy} (i32.const 256)");
    let mut hog = ready(&engine, &Bare { handle: &handle, ..Bare::default() }, "hog");
    let mut victim = ready(&engine, &Bare::default(), "victim");
    let moves = std::thread::spawn(move || {
        let began = Instant::now();
        let _out_of_time = run(&mut hog);
        began.elapsed()
    });
    let mut longest = Duration::ZERO;
    while !moves.is_finished() {
        let began = Instant::now();
        run(&mut victim).unwrap();
        longest = longest.max(began.elapsed());
        std::thread::sleep(Duration::from_millis(3));
    }
    let moved_for = moves.join().unwrap();
    assert!(moved_for > Duration::from_millis(500), "the hog was done after {moved_for:?}");
    assert!(longest < Duration::from_millis(400), "the victim waited {longest:?}");
}

fn ready(engine: &Arc<Engine>, bare: &Bare<'_>, tenant: &str) -> Instance {
    let address = Arc::new(Address::new(tenant, "bare", "a").unwrap());
    let mut instance = engine.load(&bare.bytes()).unwrap().instantiate(InstanceOptions::of(address)).unwrap();
    instance.start(moment(0), None).unwrap();
    instance
}
