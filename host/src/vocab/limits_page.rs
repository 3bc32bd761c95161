//! The page on limits against the table of limits: what is bounded is documented, what is documented is bounded, and
//! each has a test that tries to pass it.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Code, Limit, LimitForce, LimitScope, Quota};

const PAGE: &str = include_str!("../../../docs/limits.md");

/// The rows below a heading, cell by cell.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let from = PAGE.split_once(heading).map_or("", |(_, rest)| rest);
    let table = from.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

fn codes(codes: &[Code]) -> String {
    let links: Vec<String> = codes.iter().map(|code| format!("[{code}](errors/{code}.md)")).collect();
    if links.is_empty() { "–".to_owned() } else { links.join(" ") }
}

/// The tests that a cell names.
fn tests(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split(", ").map(|name| name.trim_matches('`'))
}

#[test]
fn every_limit_has_a_row_that_says_what_the_table_says() {
    let expected: Vec<Vec<String>> = Limit::ALL.iter().map(|limit| row(*limit)).collect();
    let found: Vec<Vec<String>> =
        rows("\n## Limits").iter().map(|row| row.iter().take(7).map(|cell| (*cell).to_owned()).collect()).collect();
    let lines = |rows: &[Vec<String>]| rows.iter().map(|row| format!("| {} |", row.join(" | "))).collect::<Vec<_>>();
    assert_eq!(lines(&found), lines(&expected), "the rows should be:\n{}", lines(&expected).join("\n"));
}

fn row(limit: Limit) -> Vec<String> {
    let info = limit.info();
    let scope = match info.scope {
        LimitScope::Host => "host",
        LimitScope::Actor => "actor; kind, tenant",
    };
    let force = match info.force {
        LimitForce::Hard => "hard",
        LimitForce::Soft => "soft",
    };
    let about = info.about.trim().to_owned();
    let cells = [
        format!("`{limit}`"),
        info.default.to_string(),
        info.unit.to_owned(),
        scope.to_owned(),
        force.to_owned(),
        codes(info.codes),
        about,
    ];
    cells.into()
}

#[test]
fn every_quota_has_a_row_with_its_unit_and_its_code() {
    let expected: Vec<[String; 3]> = Quota::ALL
        .iter()
        .map(|quota| [format!("`{quota}`"), quota.unit().to_owned(), codes(&[quota.code()])])
        .collect();
    let cell = |row: &Vec<&str>, at: usize| row.get(at).copied().unwrap_or_default().to_owned();
    let rows = rows("\n## Quotas");
    let found: Vec<[String; 3]> = rows.iter().map(|row| [cell(row, 0), cell(row, 1), cell(row, 3)]).collect();
    assert_eq!(found, expected);
    assert!(rows.iter().all(|row| cell(row, 2).len() > 20 && cell(row, 4).len() > 20), "what it counts, and its tests");
}

#[test]
fn every_test_that_a_row_names_exists() {
    let written = functions();
    for row in rows("\n## Limits").into_iter().chain(rows("\n## Quotas")) {
        let name = row.first().copied().unwrap_or_default();
        let cell = row.last().copied().unwrap_or_default();
        assert!(cell.starts_with('`'), "{name} names no test");
        for test in tests(cell) {
            assert!(written.contains(test), "{name}: there is no test {test}");
        }
    }
}

/// The names of all functions in the sources of the host and of the tests.
fn functions() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut found = BTreeSet::new();
    for folder in ["host/src", "host/tests", "tests/e2e"] {
        read(&root.join(folder), &mut found);
    }
    assert!(found.len() > 1_000, "the sources are not where they are looked for");
    found
}

fn read(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split_once('('));
            found.extend(names.map(|(name, _)| name.to_owned()));
        }
    }
}
