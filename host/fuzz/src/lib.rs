//! Runs one of the host's fuzzing functions; what each promises is written beside it, in `host/src/*/fuzz.rs`.

/// Runs the function of this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = greenroom_host::fuzzing::TARGETS.iter().find(|(known, _)| *known == name);
    target.expect("a target of this name").1(bytes);
}
