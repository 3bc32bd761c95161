//! A guest that runs for long does not hold up the tasks of others.

use std::time::{Duration, Instant};

use crate::kit::{hostile, started, turn};

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
