//! Compiled code survives a restart, and an altered file is not run.

use std::path::{Path, PathBuf};

use greenroom_host::sandbox::{CompilerProgram, Engine, SandboxSettings};

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

fn code_file(directory: &Path) -> PathBuf {
    let files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    let code: Vec<_> = files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "cwasm")).collect();
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
