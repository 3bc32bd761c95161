//! What may not be deployed is refused with a typed error that names the cause; no upload makes the host panic.

use greenroom_host::sandbox::{DeployError, Engine, GuestFailure, Looked};
use greenroom_host::vocab::{Owner, Tenant};

use crate::kit::{contexts, engine, engine_with, guest, hostile, limits, moment, options};

fn refusal(bytes: &[u8]) -> DeployError {
    engine().load(bytes).map(|component| component.digest()).unwrap_err()
}

fn not_a_component(bytes: &[u8], expected: &str) {
    match refusal(bytes) {
        DeployError::NotAComponent { reason } => assert!(reason.contains(expected), "{reason}"),
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_not_a_component_is_named() {
    not_a_component(b"", "empty");
    not_a_component(b"(component)", "WebAssembly text");
    not_a_component(b"#!/bin/sh\necho hello", "it is text");
    not_a_component(b"\x7fELF\x02\x01\x01\x00\xff\xff", "does not start like WebAssembly");
    not_a_component(b"\0asm", "ends within its header");
    not_a_component(b"\0asm\x01\0\0\0", "core module");
    not_a_component(b"\0asm\x63\0\x01\0", "unknown binary version");
    not_a_component(&guest("hostile")[..100_000], "damaged");
}

#[test]
fn a_component_states_exactly_one_contract_version() {
    let versions = |sections: &str| match refusal(&wat::parse_str(format!("(component {sections})")).unwrap()) {
        DeployError::ContractVersion { found, served: "1" } => found,
        other => panic!("{other}"),
    };
    assert_eq!(versions(""), None);
    assert_eq!(versions(r#"(@custom "greenroom:contract" "2")"#).as_deref(), Some("2"));
    let two = r#"(@custom "greenroom:contract" "1") (component (@custom "greenroom:contract" "2"))"#;
    assert_eq!(versions(two).as_deref(), Some("1 and 2"));
}

/// A component that states version 1 and consists of this.
fn stating_version_1(text: &str) -> Vec<u8> {
    wat::parse_str(format!(r#"(component (@custom "greenroom:contract" "1") {text})"#)).unwrap()
}

#[test]
fn a_forbidden_import_is_named() {
    for import in ["wasi:sockets/tcp@0.2.0", "wasi:http/outgoing-handler@0.2.0", "acme:secrets/keys"] {
        match refusal(&stating_version_1(&format!(r#"(import "{import}" (instance))"#))) {
            DeployError::ForbiddenImport { import: named } => assert_eq!(named, import),
            other => panic!("{other}"),
        }
    }
    let function = stating_version_1(r#"(import "greenroom" (func))"#);
    assert!(matches!(refusal(&function), DeployError::ForbiddenImport { import } if import == "greenroom"));
}

#[test]
fn a_function_that_an_allowed_interface_does_not_have_is_refused() {
    let text = r#"(import "wasi:random/insecure@0.2.0" (instance (export "print-money" (func))))"#;
    match refusal(&stating_version_1(text)) {
        DeployError::ForbiddenImport { import } => {
            assert!(import.contains("wasi:random/insecure") && import.contains("print-money"), "{import}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_missing_export_is_named() {
    match refusal(&stating_version_1("")) {
        DeployError::MissingExport { export } => assert!(export.contains("greenroom:actor/behavior"), "{export}"),
        other => panic!("{other}"),
    }
    let lacks_functions = r#"(instance $b) (export "greenroom:actor/behavior@1.0.0" (instance $b))"#;
    match refusal(&stating_version_1(lacks_functions)) {
        DeployError::MissingExport { export } => assert!(export.contains("describe"), "{export}"),
        other => panic!("{other}"),
    }
}

#[test]
fn size_and_structure_are_bounded() {
    let mut small = limits();
    small.live_actors = 1;
    small.component_bytes = 1_000;
    let too_large = engine_with(small).load(&guest("hostile")).unwrap_err();
    assert!(matches!(too_large, DeployError::TooLarge { what: "bytes", limit: 1_000, .. }), "{too_large}");

    let functions = "(func)".repeat(50_001);
    let cases = [
        (format!("(core module {functions})"), "functions"),
        ("(core module (memory 1025))".to_owned(), "bytes of initial memory"),
        ("(core module (memory 1)) (core module (memory 1))".to_owned(), "memories"),
        ("(core module (table 20001 funcref))".to_owned(), "initial table elements"),
        ("(core module)".repeat(65), "modules and nested components"),
        ("(component ".repeat(9) + &")".repeat(9), "levels of nesting"),
    ];
    for (text, expected) in cases {
        match refusal(&stating_version_1(&text)) {
            DeployError::TooLarge { what, .. } => assert_eq!(what, expected),
            other => panic!("{expected}: {other}"),
        }
    }
}

/// The hostile component with another mode of `describe`.
fn describing(mode: &str) -> Vec<u8> {
    let mut bytes = guest("hostile");
    let marker = b"describe-mode:honest            ";
    let at = bytes.windows(marker.len()).position(|window| window == marker).unwrap();
    let text = format!("describe-mode:{mode:<18}");
    bytes[at..at + marker.len()].copy_from_slice(text.as_bytes());
    bytes
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    for (mode, expected) in [
        ("no-commands", "no command"),
        ("many-commands", "1001 commands"),
        ("same-command", "add is there twice"),
        ("shouted-command", "kebab case"),
        ("same-event", "added, version 1, is there twice"),
        ("nameless-event", "empty"),
        ("many-events", "1001 event types"),
    ] {
        match refusal(&describing(mode)) {
            DeployError::InvalidManifest { reason } => assert!(reason.contains(expected), "{mode}: {reason}"),
            other => panic!("{mode}: {other}"),
        }
    }
}

#[test]
fn a_component_that_cannot_describe_itself_is_refused() {
    let failure = refusal(&describing("loop"));
    assert!(matches!(failure, DeployError::Describe(GuestFailure::OutOfTime { .. })), "{failure}");
    let failure = refusal(&describing("trap"));
    assert!(failure.to_string().contains("describe traps"), "{failure}");
}

#[test]
fn describing_itself_costs_the_tenant_whose_component_it_is() {
    let mut short = limits();
    short.guest_call_ms = 50;
    let engine = engine_with(short);
    let tenant = Tenant::new("owner").unwrap();
    let owner = Owner::Tenant(tenant.clone());
    let bytes = describing("loop");
    let Looked::Compile(uncompiled) = engine.look(&owner, &bytes, |_| Ok(())).1.unwrap() else {
        panic!("it was never compiled")
    };
    // Its share is the same for all who ask while somebody holds it.
    let share = engine.cpu().share(&tenant);
    let (refused, _) = engine.compile(&owner, &uncompiled, &bytes);
    assert!(matches!(refused.unwrap_err(), DeployError::Describe(GuestFailure::OutOfTime { .. })));
    assert!(share.used_ns() >= 40_000_000, "{} ns", share.used_ns());
}

#[test]
fn a_refusal_is_remembered_and_a_component_is_loaded_once() {
    let bytes = describing("trap");
    let first = refusal(&bytes).to_string();
    assert_eq!(refusal(&bytes).to_string(), first);
    let again = engine().load(&guest("hostile")).unwrap();
    assert_eq!(again.digest(), hostile().digest());
}

#[test]
fn a_damaged_upload_is_refused_or_works_but_never_panics() {
    let good = guest("hostile");
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut limits = limits();
    limits.guest_call_ms = 50;
    limits.live_actors = 4;
    let engine = engine_with(limits);
    let mut refused = 0;
    for _ in 0..24 {
        let mut bytes = good.clone();
        for _ in 0..=next() % 3 {
            let at = usize::try_from(next()).unwrap() % bytes.len();
            bytes[at] ^= 1 << (next() % 8);
        }
        refused += u32::from(!is_accepted(&engine, &bytes));
    }
    for _ in 0..24 {
        let length = usize::try_from(next()).unwrap() % good.len();
        assert!(!is_accepted(&engine, &good[..length]), "a component cut to {length} bytes was accepted");
    }
    assert!(refused > 0, "no damage was noticed");
}

/// Loads, and where that succeeds runs: it may fail, but not panic.
fn is_accepted(engine: &std::sync::Arc<Engine>, bytes: &[u8]) -> bool {
    let Ok(component) = engine.load(bytes) else { return false };
    let Ok(mut instance) = component.instantiate(options("mutant")) else { return true };
    let started = instance.start(moment(0), None);
    if started.is_ok() && !component.manifest().commands.is_empty() {
        let mut columns = greenroom_host::sandbox::CommandColumns::default();
        columns.names.push(0);
        columns.payloads.push(b"");
        let _ = instance.handle(moment(0), &columns, contexts(1));
    }
    true
}

#[test]
fn a_feature_that_actors_may_not_use_is_named() {
    let module = |text: &str| format!("(core module {text})");
    for (text, expected) in [
        (module("(memory 1 1 shared)"), "threads"),
        (module("(memory 1) (func i32.const 0 i32.atomic.load drop)"), "threads"),
        (module("(func return_call 0)"), "tail calls"),
        (module(r#"(import "a" "b" (memory 1)) (import "a" "c" (memory 1))"#), "several memories"),
        (module("(memory i64 1)"), "64-bit memories"),
        (module("(memory 1 (pagesize 1))"), "custom page sizes"),
        (module("(tag)"), "exceptions"),
        (module("(type (struct))"), "garbage collection"),
        (module("(func (param externref))"), "garbage-collected references"),
        (module("(type $f (func)) (func (param (ref $f)))"), "typed function references"),
        (
            module("(func (param v128 v128) (result v128) local.get 0 local.get 1 i8x16.relaxed_swizzle)"),
            "relaxed SIMD",
        ),
        (
            module(
                "(func (param i64 i64 i64 i64) (result i64 i64) local.get 0 local.get 1 local.get 2 local.get 3 i64.add128)",
            ),
            "wide arithmetic",
        ),
        (module("(type $f (func)) (type $c (cont $f))"), "stack switching"),
        ("(type $f (future u32))".to_owned(), "component-model async"),
    ] {
        let bytes = stating_version_1(&text);
        let refusal = refusal(&bytes);
        match refusal {
            DeployError::ForbiddenFeature { features } => assert!(features.contains(expected), "{text}: {features}"),
            other => panic!("{text}: {other}"),
        }
    }
}

#[test]
fn what_is_merely_invalid_is_no_feature() {
    // The function leaves a value behind.
    let invalid = stating_version_1("(core module (func i32.const 1))");
    match refusal(&invalid) {
        DeployError::Compile { reason, .. } => assert!(!reason.is_empty()),
        other => panic!("{other}"),
    }
}
