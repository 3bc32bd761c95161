//! The example does what its README says.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What the example prints on this directory.
fn run(dir: &Path) -> Result<Vec<String>> {
    let guests = std::env::var_os("GREENROOM_GUESTS").context("GREENROOM_GUESTS is not set; use `cargo xtask test`")?;
    let plugin = Path::new(&guests).join("counter.wasm");
    let output = Command::new(env!("CARGO_BIN_EXE_embed")).arg(plugin).arg(dir).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

#[test]
fn the_state_is_kept_from_host_to_host_and_from_process_to_process() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let said = |values: [u64; 4]| {
        let [first, second, third, kept] = values;
        let increments = [first, second, third].map(|value| format!("increment: {{\"value\":{value}}}"));
        let mut lines = increments.to_vec();
        lines.push(format!("after a restart: {{\"value\":{kept}}}"));
        lines
    };
    assert_eq!(run(dir.path())?, said([2, 4, 6, 6]));
    assert_eq!(run(dir.path())?, said([8, 10, 12, 12]));
    Ok(())
}
