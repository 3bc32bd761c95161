//! What a tenant uploads is looked at on its account, and under its permits: others run in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use greenroom_host::sandbox::{DeployError, Engine};
use greenroom_host::vocab::{Digest, Owner, Tenant};

use crate::kit::{engine_with, limits};

/// As many functions as a component may have: every one is a part that is looked at. It was built for no contract, so it is
/// refused at the very end.
fn upload() -> Vec<u8> {
    let functions = "(func)".repeat(50_000);
    wat::parse_str(format!("(component (core module {functions}))")).unwrap()
}

/// One call at a time: whoever runs is in everybody's way.
fn engine() -> Arc<Engine> {
    let mut limits = limits();
    limits.guest_calls = 1;
    limits.live_actors = 4;
    engine_with(limits)
}

fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

fn look(engine: &Arc<Engine>, bytes: &[u8]) {
    let (digest, looked) = engine.look(&Owner::Tenant(tenant("uploader")), bytes, |_| Ok(()));
    assert_eq!(digest, Digest::of(bytes));
    assert!(matches!(looked, Err(DeployError::ContractVersion { .. })), "{looked:?}");
}

#[test]
fn looking_at_an_upload_takes_cpu_time_of_its_tenant() {
    let (engine, bytes) = (engine(), upload());
    let shares = ["uploader", "other"].map(|name| engine.cpu().share(&tenant(name)));
    let began = Instant::now();
    look(&engine, &bytes);
    let took = began.elapsed();
    let used = Duration::from_nanos(shares[0].used_ns());
    assert!(used > took / 2 && used <= took, "{used:?} of {took:?}");
    assert_eq!(shares[1].used_ns(), 0);
}

#[test]
fn an_upload_is_looked_at_when_it_is_its_tenants_turn() {
    let (engine, bytes) = (engine(), upload());
    let cpu = engine.cpu();
    let held = cpu.share(&tenant("other")).enter_blocking();
    let looks = std::thread::spawn(move || look(&engine, &bytes));
    let began = Instant::now();
    while cpu.load() != (1, 1) {
        assert!(began.elapsed() < Duration::from_secs(10), "nobody waits");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(50));
    assert!(!looks.is_finished());
    drop(held);
    looks.join().unwrap();
}

#[test]
fn others_run_while_an_upload_is_looked_at() {
    let (engine, bytes) = (engine(), upload());
    let cpu = engine.cpu();
    let other = cpu.share(&tenant("other"));
    let looks = std::thread::spawn(move || look(&engine, &bytes));
    let mut in_between = 0;
    while !looks.is_finished() {
        let permit = other.enter_blocking();
        // It holds the only permit, so the look waits, if it is under way.
        in_between += u32::from(cpu.load().1 > 0);
        drop(permit);
        std::thread::yield_now();
    }
    looks.join().unwrap();
    // One may have been before it began.
    assert!(in_between > 3, "only {in_between} calls of another tenant ran meanwhile");
}

#[test]
fn what_is_known_to_fail_is_not_looked_at() {
    let (engine, bytes) = (engine(), upload());
    let refuse = |_: Digest| Err(DeployError::HostEnds);
    let (_, looked) = engine.look(&Owner::Host, &bytes, refuse);
    assert!(matches!(looked, Err(DeployError::HostEnds)), "{looked:?}");
}
