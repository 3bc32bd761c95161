//! Nothing of one tenant reaches another through what they share: pages, seeds, compiled code.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use greenroom_host::sandbox::{CompilerProgram, Component, Engine, InstanceOptions, SandboxSettings};
use greenroom_host::vocab::Address;

use crate::bare::{Bare, run};
use crate::kit::{engine_with, guest, hostile, limits, moment, started_from, turn};

/// Instances of the other tenant that look for the secret.
const LOOKS: usize = 1_000;

/// What both tenants' actors share in shape: 1 MiB of memory, a global that is zero, a table of 2,000 empty places.
const SHAPE: &str = r#"
    (global $kept (mut i64) (i64.const 0))
    (table $t 100 2000 funcref)
    (func $grow
        (drop (memory.grow (i32.const 14)))
        (drop (table.grow $t (ref.null func) (i32.const 1900))))
"#;

/// Fills all memory above its own data, the global and the table.
const WRITE: &str = r#"
    (call $grow)
    (local.set $i (i32.const 8192))
    (loop $more
        (i64.store (local.get $i) (i64.const 0x5EC12E75EC12E755))
        (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 1048576))))
    (global.set $kept (i64.const 0x5EC12E75EC12E755))
    (local.set $i (i32.const 0))
    (loop $more
        (table.set $t (local.get $i) (ref.func $grow))
        (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
"#;

/// Counts every byte group, global and place of a table that is not empty; the count is the reply.
const LOOK: &str = r#"
    (local.set $i (i32.const 8192))
    (loop $more
        (if (i64.ne (i64.load (local.get $i)) (i64.const 0))
            (then (local.set $n (i32.add (local.get $n) (i32.const 1)))))
        (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 1048576))))
    (if (i64.ne (global.get $kept) (i64.const 0)) (then (local.set $n (i32.add (local.get $n) (i32.const 1)))))
    (local.set $i (i32.const 0))
    (loop $more
        (if (i32.eqz (ref.is_null (table.get $t (local.get $i))))
            (then (local.set $n (i32.add (local.get $n) (i32.const 1)))))
        (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
    (i32.store (i32.const 600) (local.get $n))
    (i32.store (i32.const 296) (i32.const 600))
    (i32.store (i32.const 300) (i32.const 4))
    (i32.store (i32.const 608) (i32.const 4))
    (i32.store (i32.const 304) (i32.const 608))
    (i32.const 256)
"#;

fn of_tenant(component: &Component, tenant: &str) -> u32 {
    let address = Arc::new(Address::new(tenant, "bare", "k").unwrap());
    let mut instance = component.instantiate(InstanceOptions { silent: true, ..InstanceOptions::of(address) }).unwrap();
    instance.start(moment(0), None).unwrap();
    let outcome = run(&mut instance).unwrap();
    outcome.replies.get(0).unwrap().try_into().map_or(0, u32::from_le_bytes)
}

#[test]
fn a_recycled_slot_holds_nothing_of_the_instance_before() {
    let mut small = limits();
    // The pool has as few slots as it can: every instance gets one that was used before.
    small.live_actors = 1;
    let engine = engine_with(small);
    let declarations = format!("{SHAPE} (elem declare func $grow)");
    let with =
        |handle: &str| engine.load(&Bare { declarations: &declarations, handle, ..Bare::default() }.bytes()).unwrap();
    let writer = with(&format!("{WRITE} (i32.const 256)"));
    let looker = with(&format!("(call $grow) {LOOK}"));
    let both = with(&format!("{WRITE} {LOOK}"));
    let places = (1_048_576 - 8_192) / 8 + 1 + 2_000;
    assert_eq!(of_tenant(&both, "acme"), places, "who looks finds what is there");
    for look in 0..LOOKS {
        of_tenant(&writer, "acme");
        assert_eq!(of_tenant(&looker, "rival"), 0, "instance {look} saw something");
        if look % 10 == 0 {
            // The same code in another tenant's hands: its slots are reused without being mapped anew.
            of_tenant(&both, "acme");
            assert_eq!(of_tenant(&both, "rival"), places);
        }
    }
}

#[test]
fn no_two_actors_of_any_tenants_draw_the_same_numbers() {
    let component = hostile();
    let mut seen = HashSet::new();
    for tenant in ["acme", "rival", "acme-2"] {
        for key in ["a", "b", "c"] {
            for kind in ["hostile", "other"] {
                let address = Arc::new(Address::new(tenant, kind, key).unwrap());
                let mut instance =
                    component.instantiate(InstanceOptions { silent: true, ..InstanceOptions::of(address) }).unwrap();
                instance.start(moment(0), None).unwrap();
                let drawn = turn(&mut instance, &[("random", b""), ("hash-order", b"")]).unwrap();
                drawn.replies.iter().for_each(|bytes| assert!(seen.insert(bytes.to_vec()), "{tenant}/{kind}/{key}"));
            }
        }
    }
}

fn engine_in(directory: &Path) -> Arc<Engine> {
    let mut limits = limits();
    limits.live_actors = 4;
    Engine::new(SandboxSettings { limits, cache_dir: Some(directory.to_owned()), compiler: CompilerProgram::InProcess })
        .unwrap()
}

fn code_files(directory: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "cwasm")).collect()
}

#[test]
fn compiled_code_is_never_served_under_other_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = guest("hostile");
    let other = Bare::default().bytes();
    let commands = |bytes: &[u8]| engine_in(directory.path()).load(bytes).unwrap().manifest().commands.len();
    let (many, one) = (commands(&bytes), commands(&other));
    assert!(many > 1 && one == 1);
    // Whoever can write into the directory exchanges the files: each is sealed with its own name.
    let [first, second] = code_files(directory.path()).try_into().unwrap();
    let (a, b) = (std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    std::fs::write(&first, b).unwrap();
    std::fs::write(&second, a).unwrap();
    assert_eq!((commands(&bytes), commands(&other)), (many, one));
}

#[test]
fn the_same_bytes_are_compiled_once_for_all_tenants_and_share_no_state() {
    let engine = engine_with({
        let mut limits = limits();
        limits.live_actors = 4;
        limits
    });
    let (acme, rival) = (engine.load(&guest("hostile")).unwrap(), engine.load(&guest("hostile")).unwrap());
    assert_eq!(acme.digest(), rival.digest());
    let (mut ours, mut theirs) = (started_from(&acme, "same-key"), started_from(&rival, "same-key"));
    turn(&mut ours, &[("add", &5_u64.to_le_bytes())]).unwrap();
    let read = turn(&mut theirs, &[("get", b"")]).unwrap();
    assert_eq!(read.replies.get(0), Some(&0_u64.to_le_bytes()[..]));
}
