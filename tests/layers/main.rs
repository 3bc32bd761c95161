//! Reads the sources and fails where they break what `ARCHITECTURE.md` promises of them.

mod code;
mod evolution;
mod lifecycle;
mod rules;
mod sources;

use std::path::Path;

use sources::{Source, read_sources};

/// The folder of the workspace; a test runs in its package's folder.
fn root() -> &'static Path {
    Path::new("..")
}

/// Fails with every violation, one per line.
fn report(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

fn check(folders: &[&str], rule: impl Fn(&Source) -> Vec<String>) -> anyhow::Result<()> {
    let mut count = 0_usize;
    let mut violations = Vec::new();
    for folder in folders {
        for source in read_sources(root(), Path::new(folder))? {
            count += 1;
            violations.extend(rule(&source));
        }
    }
    assert!(count > 0, "no source was found under {folders:?}");
    report(&violations);
    Ok(())
}

const HOST: &[&str] = &["host/src"];
const ALL: &[&str] = &["host", "guest-sdk", "examples", "tests", "xtask"];

#[test]
fn imports_go_down_only() -> anyhow::Result<()> {
    check(HOST, rules::upward_imports)
}

#[test]
fn only_the_sandbox_knows_wasmtime_and_the_provider_knows_no_wasm() -> anyhow::Result<()> {
    check(HOST, rules::wasm_outside_the_sandbox)
}

#[test]
fn no_file_is_longer_than_500_lines_without_its_tests() -> anyhow::Result<()> {
    check(ALL, rules::too_long)
}

#[test]
fn no_lint_is_silenced_without_a_reason() -> anyhow::Result<()> {
    check(ALL, rules::silenced_lints)
}

/// A test in a file that `main.rs` does not name would never run.
#[test]
fn every_end_to_end_test_is_compiled() -> anyhow::Result<()> {
    let sources = read_sources(root(), Path::new("tests/e2e"))?;
    report(&rules::unnamed_modules(&sources));
    assert!(sources.len() > 2, "no test was found");
    Ok(())
}

#[test]
fn every_property_of_an_actors_life_has_a_test_or_a_reason() -> anyhow::Result<()> {
    report(&lifecycle::violations(root())?);
    Ok(())
}

#[test]
fn every_change_of_an_actor_that_is_listed_is_shown_by_a_test() -> anyhow::Result<()> {
    report(&evolution::violations(root())?);
    Ok(())
}
