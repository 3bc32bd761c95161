//! `cargo xtask bench`: builds the guests and the bench, and runs it.

use anyhow::Result;

use crate::guests;
use crate::workspace::{Workspace, run as run_command};

/// Where stores are written unless the caller says otherwise: on the disk of the target directory, because a
/// system's temporary directory may be memory.
const DATA: &str = "bench-data";

/// References on other people's actors: a workspace of its own, so that their dependencies do not change the features
/// with which the host is built.
const NATIVE: &str = "tests/bench/native/Cargo.toml";

/// Runs the bench with these arguments; it checks them itself.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let workspace = Workspace::load()?;
    guests::build(&workspace)?;
    let is_smoke = arguments.iter().any(|argument| argument == "--smoke");
    let mut build = workspace.cargo(["build", "--quiet"]);
    if is_smoke {
        // All packages and the test target take part, so that the features, and with them the compiled dependencies,
        // are those of the test run.
        build.args(["--workspace", "--bin", "greenroom-bench", "--test", "layers"]);
    } else {
        build.args(["--release", "--package", "greenroom-bench"]);
    }
    run_command("building the bench", &mut build)?;

    let native_target = workspace.target.join("native");
    let mut native = workspace.cargo(["build", "--quiet", "--locked", "--manifest-path", NATIVE, "--target-dir"]);
    native.arg(&native_target).args(if is_smoke { &[][..] } else { &["--release"] });
    run_command("building the native references", &mut native)?;

    let profile = if is_smoke { "debug" } else { "release" };
    let program = workspace.target.join(profile).join(format!("greenroom-bench{}", std::env::consts::EXE_SUFFIX));
    let mut bench = std::process::Command::new(program);
    bench.current_dir(&workspace.root).env("GREENROOM_GUESTS", workspace.guests_dir());
    let native = native_target.join(profile).join(format!("greenroom-bench-native{}", std::env::consts::EXE_SUFFIX));
    bench.env("GREENROOM_BENCH_NATIVE", native);
    bench.arg("--data").arg(workspace.target.join(DATA)).args(arguments);
    run_command("the bench", &mut bench)
}
