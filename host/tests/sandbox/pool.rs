//! The pool has of everything as much as there are places: no component can use up what others need.

use std::sync::Arc;

use greenroom_host::sandbox::{
    Component, DeployError, Engine, GuestFailure, InstanceOptions, MemoryAccount, spare_instances, swapping_instances,
};

use crate::bare::Bare;
use crate::kit::{engine_with, guest, limits, options};

/// A component with as many parts of a kind as it may have, found by trying.
fn with_most(engine: &Arc<Engine>, bytes: impl Fn(usize) -> Vec<u8>) -> Component {
    let fits = |count: &usize| engine.load(&bytes(*count)).ok();
    (1..100).rev().find_map(|count| fits(&count)).unwrap()
}

#[test]
fn whatever_a_component_has_most_of_there_is_one_for_every_place() {
    let mut limits = limits();
    limits.live_actors = 4;
    let spare = spare_instances(&limits) + swapping_instances(&limits);
    let places = usize::try_from(limits.live_actors + spare).unwrap();
    let engine = engine_with(limits);
    let tables = |count: usize| {
        let declarations = "(table 1 funcref)".repeat(count);
        Bare { declarations: &declarations, ..Bare::default() }.bytes()
    };
    let instances = |count: usize| {
        let parts = format!("(core module $many) {}", "(core instance (instantiate $many))".repeat(count));
        Bare { parts: &parts, ..Bare::default() }.bytes()
    };
    for (what, component) in [("tables", with_most(&engine, tables)), ("instances", with_most(&engine, instances))] {
        let mut live = Vec::new();
        for place in 0..places {
            let made = component.instantiate(options("pool"));
            live.push(made.unwrap_or_else(|failure| panic!("{what}: place {place} of {places}: {failure}")));
        }
        let failure = component.instantiate(options("pool")).unwrap_err();
        assert!(matches!(failure, GuestFailure::NoRoom), "{what}: {failure}");
    }
}

#[test]
fn what_the_host_keeps_for_each_instance_is_bounded_and_counted() {
    let mut limits = limits();
    limits.live_actors = 4;
    let engine = engine_with(limits);
    let with_globals = |globals: usize, instances: usize| {
        let globals = "(global i32 (i32.const 0))".repeat(globals);
        let parts = format!("(core module $g {globals}) {}", "(core instance (instantiate $g))".repeat(instances));
        engine.load(&Bare { parts: &parts, ..Bare::default() }.bytes())
    };
    let used = |component: &Component| {
        let account = Arc::new(MemoryAccount::default());
        let options = InstanceOptions { memory: Some(Arc::clone(&account)), ..options("counted") };
        let _instance = component.instantiate(options).unwrap();
        account.used_bytes()
    };
    let (few, many) = (used(&with_globals(1, 20).unwrap()), used(&with_globals(1_000, 20).unwrap()));
    assert!(many - few >= 999 * 20 * 16, "{few} {many}");
    match with_globals(10_000, 60) {
        Err(DeployError::TooLarge { what, found, .. }) => {
            assert!(what.contains("host's memory") && found >= 10_000 * 60 * 16, "{found} {what}");
        }
        other => panic!("{other:?}"),
    }
}

/// What is added up from the sections is no less than what wasmtime allocates: it refuses what would not fit.
#[test]
fn what_is_counted_for_an_instance_is_what_the_pool_gives_it() {
    let account = Arc::new(MemoryAccount::default());
    let component = crate::kit::engine().load(&guest("hostile")).unwrap();
    let options = InstanceOptions { memory: Some(Arc::clone(&account)), ..options("counted") };
    let _instance = component.instantiate(options).unwrap();
    let beside_memory = account.used_bytes() % 65_536;
    assert!((2_000..64 * 1_024).contains(&beside_memory), "{beside_memory}");
}
