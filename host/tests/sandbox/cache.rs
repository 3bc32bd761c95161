//! Compiled code survives a restart, and an altered file is not run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use greenroom_host::sandbox::{CompilerProgram, Component, Engine, Looked, SandboxSettings};
use greenroom_host::vocab::{Digest, Owner};

use crate::bare::Bare;
use crate::kit::{guest, limits, started_from, turn};

fn engine_in(directory: &Path) -> std::sync::Arc<Engine> {
    let mut limits = limits();
    limits.live_actors = 4;
    Engine::new(SandboxSettings { limits, cache_dir: Some(directory.to_owned()), compiler: CompilerProgram::InProcess })
        .unwrap()
}

fn works(directory: &Path) -> bool {
    let component = engine_in(directory).load(&guest("hostile")).unwrap();
    turn(&mut started_from(&component, "cached"), &[("add", b"")]).is_ok()
}

/// The files of code and their sizes together.
fn code_files(directory: &Path) -> (Vec<PathBuf>, u64) {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let code: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "cwasm")).collect();
    let bytes = code.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    (code, bytes)
}

fn code_file(directory: &Path) -> PathBuf {
    let code = code_files(directory).0;
    assert_eq!(code.len(), 1, "{code:?}");
    code[0].clone()
}

#[test]
fn compiled_code_is_kept_and_read_again() {
    let directory = tempfile::tempdir().unwrap();
    assert!(works(directory.path()));
    let file = code_file(directory.path());
    let written = std::fs::metadata(&file).unwrap().modified().unwrap();
    assert!(works(directory.path()));
    assert_eq!(std::fs::metadata(code_file(directory.path())).unwrap().modified().unwrap(), written, "compiled again");
}

#[test]
fn an_altered_or_torn_file_is_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    assert!(works(directory.path()));
    let file = code_file(directory.path());
    let good = std::fs::read(&file).unwrap();
    let mut altered = good.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    for bad in [altered, good[..good.len() / 2].to_vec(), Vec::new()] {
        std::fs::write(&file, &bad).unwrap();
        assert!(works(directory.path()));
        assert_eq!(std::fs::read(&file).unwrap().len(), good.len(), "the file was not replaced");
    }
}

#[test]
fn code_sealed_with_another_key_is_not_run() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(works(ours.path()) && works(theirs.path()));
    let (our_file, their_file) = (code_file(ours.path()), code_file(theirs.path()));
    assert_eq!(our_file.file_name(), their_file.file_name());
    let foreign = std::fs::read(&their_file).unwrap();
    std::fs::write(&our_file, &foreign).unwrap();
    assert!(works(ours.path()));
    assert_ne!(std::fs::read(&our_file).unwrap()[..32], foreign[..32], "the foreign file was kept");
}

#[test]
fn only_the_owner_may_read_the_key_and_the_code() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    assert!(works(directory.path()));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory.path().join("key")), 0o600);
    assert_eq!(mode(&code_file(directory.path())), 0o600);
    assert_eq!(mode(directory.path()), 0o700);
}

/// Compiles what differs in one number, without a word about keeping it.
fn compiled(engine: &Arc<Engine>, number: u32) -> Component {
    let handle = format!("(drop (i32.const {number})) (i32.const 256)");
    let bytes = Bare { handle: &handle, ..Bare::default() }.bytes();
    match engine.look(&Owner::Host, &bytes, |_| Ok(())).1.unwrap() {
        Looked::Compile(uncompiled) => engine.compile(&Owner::Host, &uncompiled, &bytes).0.unwrap(),
        Looked::Loaded(component) => component,
    }
}

#[test]
fn code_is_kept_when_its_component_is_accepted_and_not_before() {
    let directory = tempfile::tempdir().unwrap();
    let engine = engine_in(directory.path());
    let component = compiled(&engine, 1);
    assert!(code_files(directory.path()).0.is_empty(), "nobody has accepted it yet");
    engine.keep(&component, &BTreeSet::new());
    let written = std::fs::metadata(code_file(directory.path())).unwrap().modified().unwrap();
    engine.keep(&component, &BTreeSet::new());
    assert_eq!(std::fs::metadata(code_file(directory.path())).unwrap().modified().unwrap(), written);
    // The next host finds it.
    let bytes = Bare { handle: "(drop (i32.const 1)) (i32.const 256)", ..Bare::default() }.bytes();
    assert!(matches!(engine_in(directory.path()).look(&Owner::Host, &bytes, |_| Ok(())).1, Ok(Looked::Loaded(_))));
}

#[test]
fn exactly_so_many_bytes_of_code_are_kept_and_what_is_not_deployed_goes_first() {
    let directory = tempfile::tempdir().unwrap();
    let engine = engine_in(directory.path());
    let components: Vec<Component> = (1..=4).map(|number| compiled(&engine, number)).collect();
    let digests: Vec<Digest> = components.iter().map(Component::digest).collect();
    let keep = |engine: &Arc<Engine>, component: &Component, deployed: &[Digest]| {
        engine.keep(component, &deployed.iter().copied().collect());
        // So that their files are of different ages.
        std::thread::sleep(Duration::from_millis(20));
    };
    components[..2].iter().for_each(|component| keep(&engine, component, &digests));
    let (_, of_two) = code_files(directory.path());
    let mut limits = limits();
    limits.live_actors = 4;
    limits.compile_cache_bytes = of_two;
    let cache_dir = Some(directory.path().to_owned());
    let bounded = Engine::new(SandboxSettings { limits, cache_dir, compiler: CompilerProgram::InProcess }).unwrap();
    bounded.prune(&BTreeSet::new());
    assert_eq!(code_files(directory.path()).0.len(), 2, "exactly as many bytes as there may be");
    let is_kept = |number: u32| {
        let other = engine_in(directory.path());
        let handle = format!("(drop (i32.const {number})) (i32.const 256)");
        let bytes = Bare { handle: &handle, ..Bare::default() }.bytes();
        matches!(other.look(&Owner::Host, &bytes, |_| Ok(())).1, Ok(Looked::Loaded(_)))
    };
    // The second is not deployed any more: it goes, although the first is older.
    keep(&bounded, &components[2], &[digests[0], digests[2]]);
    assert_eq!([1, 2, 3].map(is_kept), [true, false, true]);
    // All are: the oldest goes.
    keep(&bounded, &components[3], &digests);
    assert_eq!([1, 3, 4].map(is_kept), [false, true, true]);
    let kept = code_files(directory.path());
    assert!(kept.0.len() == 2 && kept.1 <= of_two, "{kept:?}");
}
