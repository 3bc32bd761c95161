//! `cargo xtask test`: guests, server, then every test of the workspace; the last line sums them up.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::guests;
use crate::tally::{Runner, Tally};
use crate::workspace::Workspace;

/// Tells the tests that want to mount a file system to go without it.
const WITHOUT_MOUNT: &str = "GREENROOM_TEST_WITHOUT_MOUNT";

/// Runs every test, or those whose names contain one of the arguments.
pub(crate) fn run(filters: &[String]) -> Result<()> {
    if let Some(option) = filters.iter().find(|argument| argument.starts_with('-')) {
        bail!("test takes names of tests, found {option}");
    }
    let workspace = Workspace::load()?;
    guests::build(&workspace)?;
    workspace.build_server()?;

    let mounts = may_mount();
    let mut tally = Tally::default();
    let mut is_success = true;
    for (runner, mut command) in runners(&workspace, filters) {
        command.env("GREENROOM_GUESTS", workspace.guests_dir());
        command.env("GREENROOM_BIN", workspace.server_binary());
        if !mounts {
            command.env(WITHOUT_MOUNT, "1");
        }
        is_success &= run_counting(runner, &mut command, &mut tally)?;
    }
    if !mounts {
        println!(
            "not made, because only root may mount: the two tests on a disk that is really full (docs/development.md)"
        );
    }
    println!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    if !is_success {
        bail!("not every test passed");
    }
    Ok(())
}

/// Whether a test may mount a small file system of its own.
fn may_mount() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    user.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

/// The runs that together cover every test.
fn runners(workspace: &Workspace, filters: &[String]) -> Vec<(Runner, Command)> {
    let colour = if std::io::stderr().is_terminal() { "always" } else { "never" };
    let (runner, mut unit) = if has_nextest(workspace) {
        let mut nextest = workspace.cargo(["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests", "pass"]);
        nextest.args(["--color", colour]);
        (Runner::Nextest, nextest)
    } else {
        let mut cargo = workspace.cargo(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]);
        cargo.args(["--color", colour, "--"]);
        (Runner::Cargo, cargo)
    };
    unit.args(filters);
    let mut doc = workspace.cargo(["test", "--workspace", "--doc", "--no-fail-fast", "--color", colour, "--"]);
    doc.args(filters);
    vec![(runner, unit), (Runner::Cargo, doc)]
}

fn has_nextest(workspace: &Workspace) -> bool {
    let mut command = workspace.cargo(["nextest", "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs a test runner, passes its output on as it comes and adds its summaries; whether it succeeded.
fn run_counting(runner: Runner, command: &mut Command, tally: &mut Tally) -> Result<bool> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("the test runner could not be started")?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (from_stdout, from_stderr) = std::thread::scope(|scope| {
        let stdout = scope.spawn(|| pass_on(runner, stdout, std::io::stdout()));
        let stderr = scope.spawn(|| pass_on(runner, stderr, std::io::stderr()));
        (stdout.join(), stderr.join())
    });
    let status = child.wait().context("the test runner was lost")?;
    for part in [from_stdout, from_stderr] {
        *tally += part.ok().context("a thread that reads the test runner failed")??;
    }
    Ok(status.success())
}

/// Copies lines from a test runner to the terminal and adds up the summaries among them.
fn pass_on(runner: Runner, from: Option<impl Read>, mut to: impl Write) -> Result<Tally> {
    let mut tally = Tally::default();
    let Some(from) = from else { return Ok(tally) };
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).context("the test runner's output could not be read")? > 0 {
        tally.read_line(runner, &String::from_utf8_lossy(&line));
        to.write_all(&line).context("the output could not be written")?;
        line.clear();
    }
    to.flush().context("the output could not be written")?;
    Ok(tally)
}
