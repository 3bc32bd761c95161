//! `cargo xtask fuzz`: every target on changed seeds, for as long as one wants; with `--guided` under libFuzzer, which keeps
//! what reaches new code and changes that further.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, run as run_command};

/// The test that does it; an ordinary run of the tests takes less than a second for each target.
const MUTATIONS: &str = "fuzzing::tests::what_is_made_from_seeds_holds";
const SECONDS: &str = "GREENROOM_FUZZ_SECONDS";
const SEED: &str = "GREENROOM_FUZZ_SEED";

/// The programs for libFuzzer: a workspace of its own, so that nobody else compiles libFuzzer.
const PROGRAMS: &str = "host/fuzz";
/// Counts which code of the host runs, for libFuzzer to see. What the host depends on is not watched: it is compiled as for
/// the tests.
const WATCHED: &str = concat!(
    r#"profile.dev.package.greenroom-host.rustflags=["-Cpasses=sancov-module","#,
    r#""-Cllvm-args=-sanitizer-coverage-level=4","-Cllvm-args=-sanitizer-coverage-inline-8bit-counters","#,
    r#""-Cllvm-args=-sanitizer-coverage-pc-table","-Cllvm-args=-sanitizer-coverage-trace-compares"]"#,
);
const PROFILE: [&str; 4] = [
    WATCHED,
    "profile.dev.package.greenroom-host.opt-level=1",
    r#"profile.dev.package."*".opt-level=2"#,
    "profile.dev.debug=\"line-tables-only\"",
];
/// An input that takes longer, or more memory, has broken a promise.
const SECONDS_MAX: &str = "-timeout=20";
const MIB_MAX: &str = "-rss_limit_mb=2048";

/// What the caller asked for.
struct Wanted {
    seconds: String,
    seed: Option<String>,
    is_guided: bool,
    /// Names of targets; empty: all.
    only: Vec<String>,
}

/// Tries the targets for `--seconds N` each, with the inputs of `--seed S`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let wanted = Wanted::parse(arguments)?;
    let workspace = Workspace::load()?;
    if wanted.is_guided {
        return guided(&workspace, &wanted);
    }
    // All packages take part, so that the features, and with them the compiled dependencies, are those of the test run.
    let mut command = workspace.cargo(["test", "--quiet", "--workspace", "--lib", "--", MUTATIONS]);
    command.args(["--exact", "--nocapture"]).env(SECONDS, &wanted.seconds);
    command.envs(wanted.seed.iter().map(|seed| (SEED, seed)));
    run_command("the fuzzing", &mut command)
}

/// Compiles the programs for libFuzzer, and runs one after the other. What it finds worth keeping is below the target
/// directory; an input that breaks a promise, too, and its name is printed.
fn guided(workspace: &Workspace, wanted: &Wanted) -> Result<()> {
    let (programs, target) = (workspace.root.join(PROGRAMS), workspace.target.join("fuzz"));
    let mut names = names(&programs.join("seeds"))?;
    if let Some(unknown) = wanted.only.iter().find(|name| !names.contains(name)) {
        bail!("there is no target {unknown}; there are: {}", names.join(", "));
    }
    names.retain(|name| wanted.only.is_empty() || wanted.only.contains(name));
    // The versions are those of the host.
    std::fs::copy(workspace.root.join("Cargo.lock"), programs.join("Cargo.lock")).context("copying Cargo.lock")?;
    let mut build = workspace.cargo(["-Zprofile-rustflags", "build", "--bins", "--manifest-path"]);
    build.arg(programs.join("Cargo.toml")).arg("--target-dir").arg(&target);
    build.args(PROFILE.iter().flat_map(|setting| ["--config", setting]));
    // The compiler is the stable one; flags of a single package are not, yet.
    build.env("RUSTC_BOOTSTRAP", "1");
    run_command("building for libFuzzer", &mut build)?;
    let mut broken = Vec::new();
    for name in names {
        println!("fuzzing {name}");
        let (corpus, found) = (target.join("corpus").join(&name), target.join("found").join(&name));
        for dir in [&corpus, &found] {
            std::fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        }
        let program = target.join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let mut fuzzer = std::process::Command::new(program);
        fuzzer.arg(format!("-max_total_time={}", wanted.seconds));
        fuzzer.args([SECONDS_MAX, MIB_MAX, "-print_final_stats=1"]);
        fuzzer.arg(format!("-artifact_prefix={}/", found.display()));
        fuzzer.args(wanted.seed.iter().map(|seed| format!("-seed={seed}")));
        fuzzer.arg(corpus).arg(programs.join("seeds").join(&name));
        if let Err(error) = run_command(&format!("libFuzzer on {name}"), &mut fuzzer) {
            println!("{error:#}");
            broken.push(name);
        }
    }
    if !broken.is_empty() {
        bail!("inputs that break a promise are in {}: {}", target.join("found").display(), broken.join(", "));
    }
    Ok(())
}

/// The targets: each has seeds.
fn names(seeds: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(seeds).with_context(|| format!("reading {}", seeds.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

impl Wanted {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut wanted = Self { seconds: "30".to_owned(), seed: None, is_guided: false, only: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut number = || {
                let value = rest.next().with_context(|| format!("{argument} needs a number"))?;
                value.parse::<u64>().with_context(|| format!("{argument} needs a number, found {value}"))?;
                anyhow::Ok(value.clone())
            };
            match argument.as_str() {
                "--seconds" => wanted.seconds = number()?,
                "--seed" => wanted.seed = Some(number()?),
                "--guided" => wanted.is_guided = true,
                name if !name.starts_with('-') => wanted.only.push(name.to_owned()),
                other => bail!("fuzz takes --seconds N, --seed S and --guided [TARGET]..., found {other}"),
            }
        }
        if !wanted.is_guided && !wanted.only.is_empty() {
            bail!("single targets are tried with --guided only");
        }
        Ok(wanted)
    }
}
