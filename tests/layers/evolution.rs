//! `docs/evolution.md`: every row of the table names tests that exist.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

use crate::sources::read_sources;

/// Where the tests are that rows name.
const FOLDERS: [&str; 4] = ["tests/e2e", "examples/evolution", "host/src/sandbox", "host/tests"];

/// What is wrong with the page.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>> {
    let page = std::fs::read_to_string(root.join("docs/evolution.md")).context("the page")?;
    let mut tests = BTreeSet::new();
    for folder in FOLDERS {
        for source in read_sources(root, Path::new(folder))? {
            tests.extend(functions(&source.text).map(str::to_owned));
        }
    }
    let (mut violations, mut rows) = (Vec::new(), 0_usize);
    let table = page.lines().skip_while(|line| !line.starts_with("| Change")).skip(2);
    for row in table.take_while(|line| line.starts_with('|')) {
        rows += 1;
        let shown_by = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let named: Vec<&str> = shown_by.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            violations.push(format!("no test is named: {row}"));
        }
        let absent = named.iter().filter(|name| !tests.contains(**name));
        violations.extend(absent.map(|name| format!("there is no test {name}")));
    }
    if rows == 0 {
        violations.push("the table has no row".to_owned());
    }
    Ok(violations)
}

/// The names of the functions that carry a test attribute.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    let tests = text.split("#[test]").skip(1).chain(text.split("#[tokio::test").skip(1));
    tests.filter_map(|rest| rest.split_once("fn ")?.1.split('(').next())
}

#[test]
fn only_tests_are_found() {
    let text = "fn not_one() {}\n#[test]\nfn one() {}\n#[tokio::test]\nasync fn other() -> R {}\nfn helper() {}";
    assert_eq!(functions(text).collect::<Vec<_>>(), ["one", "other"]);
}
