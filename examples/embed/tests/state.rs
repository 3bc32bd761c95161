//! The example does what its README says.

use std::path::Path;
use std::process::Command;

/// What the example prints on this directory.
fn run(dir: &Path) -> Vec<String> {
    let guests = std::env::var_os("GREENROOM_GUESTS").expect("GREENROOM_GUESTS; use `cargo xtask test`");
    let plugin = Path::new(&guests).join("counter.wasm");
    let output = Command::new(env!("CARGO_BIN_EXE_embed")).arg(plugin).arg(dir).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn the_state_is_kept_from_host_to_host_and_from_process_to_process() {
    let dir = tempfile::tempdir().expect("a directory");
    let said = |values: [u64; 4]| {
        let [first, second, third, kept] = values;
        let increments = [first, second, third].map(|value| format!("increment: {{\"value\":{value}}}"));
        let mut lines = increments.to_vec();
        lines.push(format!("after a restart: {{\"value\":{kept}}}"));
        lines
    };
    assert_eq!(run(dir.path()), said([2, 4, 6, 6]));
    assert_eq!(run(dir.path()), said([8, 10, 12, 12]));
}
