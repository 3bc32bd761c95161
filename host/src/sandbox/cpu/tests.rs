//! Permits without guests: nobody is left out, none is lost, and tenants get what their weights say.

use std::sync::atomic::AtomicUsize;
use std::thread::{Builder, JoinHandle};

use super::*;

pub(super) fn cpu(calls: u32) -> Cpu {
    Cpu::new(&Limits { guest_calls: calls, ..Limits::default() }, || {})
}

pub(super) fn share(cpu: &Cpu, tenant: &str) -> Share {
    cpu.share(&Tenant::new(tenant).unwrap())
}

pub(super) fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Long enough for a call to be stopped.
fn long() -> Duration {
    Duration::from_nanos(crate::decide::SLICE_NS + 1)
}

fn thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name("test".to_owned()).spawn(work).unwrap()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn as_many_permits_as_calls_and_not_one_more() {
    let cpu = cpu(1);
    let (a, b) = (share(&cpu, "a"), share(&cpu, "b"));
    let held = a.try_enter();
    assert!(held.is_some() && a.try_enter().is_none() && b.try_enter().is_none());
    assert_eq!(cpu.load(), (1, 0));
    drop(held);
    assert!(b.try_enter().is_some());
    assert_eq!(cpu.load(), (0, 0));
}

#[tokio::test]
async fn a_permit_goes_to_who_waits_and_not_to_who_comes() {
    let cpu = cpu(1);
    let (a, b) = (share(&cpu, "a"), share(&cpu, "b"));
    let held = a.try_enter();
    let waits = b.wait();
    drop(held);
    assert!(a.try_enter().is_none(), "it came later");
    drop(waits.await);
    assert_eq!(cpu.load(), (0, 0));
}

#[tokio::test]
async fn who_leaves_before_or_after_its_turn_came_loses_nothing_of_others() {
    let cpu = cpu(1);
    let a = share(&cpu, "a");
    let held = a.try_enter();
    let (leaves_before, stays, leaves_after) = (a.wait(), a.wait(), a.wait());
    drop(leaves_before);
    drop(held);
    drop(stays.await);
    // By now its permit is on its way to it.
    drop(leaves_after);
    assert_eq!(cpu.load(), (0, 0));
    assert!(a.try_enter().is_some());
}

#[test]
fn a_panic_gives_the_permit_back() {
    let cpu = cpu(1);
    let a = share(&cpu, "a");
    let permit = a.try_enter();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _held = permit;
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(panicked.is_err());
    assert_eq!(cpu.load(), (0, 0));
}

#[test]
fn a_call_under_way_gives_way_to_another_tenant_and_goes_on_afterwards() {
    let cpu = cpu(1);
    let (a, b) = (share(&cpu, "a"), share(&cpu, "b"));
    let mut permit = a.enter_blocking();
    let victim = thread(move || drop(b.enter_blocking()));
    until("the other waits", || cpu.load() == (1, 1));
    spin(Duration::from_micros(300));
    permit.checkpoint();
    assert_eq!(permit.give_way(Duration::from_secs(10)), Gave::Way);
    victim.join().unwrap();
    assert!(permit.parked() > Duration::ZERO && cpu.load() == (1, 0));
    drop(permit);
    assert_eq!(cpu.load(), (0, 0));
}

#[test]
fn what_the_host_does_for_a_tenant_is_charged_to_it_and_gives_way_too() {
    let cpu = cpu(1);
    let (a, b) = (share(&cpu, "a"), share(&cpu, "b"));
    let mut errand = Errand::begin(&a);
    let victim = thread(move || drop(b.enter_blocking()));
    until("the other waits", || cpu.load() == (1, 1));
    spin(Duration::from_millis(1));
    assert_eq!(errand.step(), Ok(()));
    until("the other ran", || victim.is_finished());
    assert!(a.used_ns() >= 1_000_000 && cpu.load() == (1, 0));
    drop(errand);
    assert_eq!(cpu.load(), (0, 0));
}

#[test]
fn who_arrives_has_the_slices_of_others_ended_at_once() {
    let ends = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&ends);
    let limits = Limits { guest_calls: 1, ..Limits::default() };
    let cpu = Cpu::new(&limits, move || _ = counts.fetch_add(1, Ordering::SeqCst));
    let (a, b) = (share(&cpu, "a"), share(&cpu, "b"));
    let permit = a.enter_blocking();
    spin(Duration::from_micros(300));
    let first = b.wait();
    assert_eq!(ends.load(Ordering::SeqCst), 1);
    let second = b.wait();
    assert_eq!(ends.load(Ordering::SeqCst), 1, "the only call was asked already");
    // One of the same tenant does not stop its own.
    drop((first, second, permit));
    let permit = a.enter_blocking();
    spin(Duration::from_micros(300));
    let own = a.wait();
    assert_eq!(ends.load(Ordering::SeqCst), 1);
    drop((own, permit));
    assert_eq!(cpu.load(), (0, 0));
}

#[test]
fn a_call_that_nobody_waits_for_keeps_its_permit() {
    let cpu = cpu(1);
    let a = share(&cpu, "a");
    let mut permit = a.enter_blocking();
    spin(long());
    permit.checkpoint();
    assert_eq!(permit.give_way(Duration::ZERO), Gave::Kept);
    assert_eq!(cpu.load(), (1, 0));
}

#[test]
fn short_calls_go_on_beside_a_long_one_of_their_own_tenant() {
    let cpu = cpu(1);
    let a = share(&cpu, "a");
    let mut permit = a.enter_blocking();
    let b = a.clone();
    let short = thread(move || drop(b.enter_blocking()));
    until("the other waits", || cpu.load() == (1, 1));
    spin(long());
    permit.checkpoint();
    assert_eq!(permit.give_way(Duration::from_secs(10)), Gave::Way);
    short.join().unwrap();
    drop(permit);
    assert_eq!(cpu.load(), (0, 0));
}

#[test]
fn a_call_that_is_not_let_in_again_in_time_is_over() {
    let cpu = cpu(1);
    let (a, b) = (share(&cpu, "a"), share(&cpu, "b"));
    let mut permit = a.enter_blocking();
    let hog = thread(move || b.enter_blocking());
    until("the other waits", || cpu.load() == (1, 1));
    spin(long());
    permit.checkpoint();
    assert_eq!(permit.give_way(Duration::from_millis(5)), Gave::Up);
    drop(permit);
    let hog = hog.join().unwrap();
    assert_eq!(cpu.load().0, 1, "what was given up is the other's");
    drop(hog);
    assert_eq!(cpu.load(), (0, 0));
    assert!(a.try_enter().is_some());
}

#[test]
fn no_more_calls_are_stopped_than_threads_are_allowed_for_them() {
    let limits = Limits { guest_calls: 1, begun_guest_calls: 1, ..Limits::default() };
    let cpu = Cpu::new(&limits, || {});
    let (a, b, c) = (share(&cpu, "a"), share(&cpu, "b"), share(&cpu, "c"));
    let mut first = a.enter_blocking();
    let second = thread({
        let cpu = cpu.clone();
        move || {
            let mut second = b.enter_blocking();
            until("the third waits", || cpu.load().1 >= 2);
            spin(Duration::from_micros(500));
            second.checkpoint();
            // One call is stopped already. The third has not begun and waits for one to end.
            let gave = second.give_way(Duration::from_secs(10));
            drop(second);
            gave
        }
    });
    until("the second waits", || cpu.load() == (1, 1));
    let third = thread(move || drop(c.enter_blocking()));
    until("the third waits", || cpu.load() == (1, 2));
    spin(Duration::from_micros(300));
    first.checkpoint();
    assert_eq!(first.give_way(Duration::from_secs(10)), Gave::Way);
    assert_eq!(second.join().unwrap(), Gave::Kept);
    drop(first);
    third.join().unwrap();
    assert_eq!(cpu.load(), (0, 0));
}

#[test]
fn weights_of_one_to_three_get_one_to_three() {
    let cpu = cpu(1);
    let shares = [share(&cpu, "one"), share(&cpu, "three")];
    shares[1].set(300, None);
    let end = Arc::new(AtomicBool::new(false));
    // Several callers each: so both tenants always have one that waits.
    let callers: Vec<_> = shares
        .iter()
        .cycle()
        .take(6)
        .map(|share| {
            let (share, end) = (share.clone(), Arc::clone(&end));
            thread(move || {
                while !end.load(Ordering::Relaxed) {
                    let permit = share.enter_blocking();
                    spin(Duration::from_micros(500));
                    drop(permit);
                }
            })
        })
        .collect();
    until("enough was used", || shares.iter().map(Share::used_ns).sum::<u64>() > 600_000_000);
    let (one, three) = (shares[0].used_ns() as f64, shares[1].used_ns() as f64);
    end.store(true, Ordering::Relaxed);
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    assert!((2.0..4.0).contains(&(three / one)), "{one} and {three}");
    assert_eq!(cpu.load(), (0, 0));
}

#[tokio::test]
async fn a_tenant_without_budget_waits_while_others_go_on() {
    let cpu = cpu(1);
    let (a, b) = (share(&cpu, "a"), share(&cpu, "b"));
    a.set(100, Some(1));
    let permit = a.try_enter();
    spin(Duration::from_millis(3));
    drop(permit);
    assert!(a.is_throttled() && a.try_enter().is_none());
    let mut waits = a.wait();
    assert!(futures_util::poll!(&mut waits).is_pending());
    drop(b.try_enter());
    assert_eq!(cpu.load(), (0, 1), "the other came and went; the first still waits");
    // More budget is budget now.
    a.set(100, None);
    drop(waits.await);
    assert_eq!(cpu.load(), (0, 0));
}

#[test]
fn a_budget_that_fills_lets_calls_under_way_go_on() {
    let cpu = cpu(1);
    let a = share(&cpu, "a");
    // Ten milliseconds are there; the rest comes in a hundredth at a time.
    a.set(100, Some(10));
    let mut permit = a.enter_blocking();
    spin(Duration::from_millis(11));
    permit.checkpoint();
    let ticker = {
        let (inner, end) = (cpu.downgrade(), Instant::now() + Duration::from_secs(10));
        thread(move || {
            while let Some(inner) = inner.upgrade()
                && Instant::now() < end
            {
                inner.tick(&mut 0);
                drop(inner);
                std::thread::sleep(Duration::from_millis(1));
            }
        })
    };
    assert_eq!(permit.give_way(Duration::from_secs(10)), Gave::Way);
    assert!(permit.parked() > Duration::from_millis(10));
    drop((permit, a, cpu));
    ticker.join().unwrap();
}

#[test]
fn in_any_disorder_no_more_run_than_may_and_none_is_lost() {
    const CALLS: usize = 2;
    let cpu = cpu(2);
    let calls = cpu.calls();
    assert!(calls <= CALLS);
    let running = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..12_u64)
        .map(|caller| {
            let share = share(&cpu, ["a", "b", "c", "d"][usize::try_from(caller % 4).unwrap()]);
            let running = Arc::clone(&running);
            thread(move || {
                let mut random = caller + 1;
                for _ in 0..150 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    match random >> 61 {
                        // Leaves without waiting.
                        0 | 1 => drop(share.wait()),
                        _ => {
                            let mut permit = share.enter_blocking();
                            for _ in 0..(random >> 40) % 3 {
                                assert!(running.fetch_add(1, Ordering::SeqCst) < calls);
                                spin(Duration::from_micros(random >> 50 & 511));
                                running.fetch_sub(1, Ordering::SeqCst);
                                permit.checkpoint();
                                if permit.give_way(Duration::from_secs(random >> 63)) == Gave::Up {
                                    break;
                                }
                            }
                        }
                    }
                }
            })
        })
        .collect();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    until("everything is given back", || cpu.load() == (0, 0));
}
