//! `docs/lifecycle-tests.md`: every property has a row with a test that exists, or with a reason why there is none.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

/// The properties, by their numbers: from, through.
const PROPERTIES: &[(u32, u32)] = &[
    (1, 8),
    (11, 12),
    (14, 21),
    (23, 26),
    (28, 32),
    (34, 40),
    (42, 57),
    (59, 69),
    (71, 75),
    (77, 84),
    (86, 91),
    (93, 98),
    (100, 100),
    (102, 105),
    (107, 107),
    (109, 116),
];

/// Where the tests are that rows name without a folder.
const FOLDERS: [&str; 3] = ["tests/e2e/actor", "tests/e2e/trouble", "tests/e2e"];

/// What is wrong with the page.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>> {
    let page = std::fs::read_to_string(root.join("docs/lifecycle-tests.md")).context("the page")?;
    let (tested, untested) = page.split_once("## Not tested here").context("the part without tests")?;
    let mut violations = Vec::new();
    let (mut numbers, mut files) = (BTreeSet::new(), BTreeSet::new());
    for row in rows(tested) {
        let (what, tests) = row.context("a row of two cells")?;
        numbers.extend(numbers_of(what));
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).filter(|name| name.contains('_')).collect();
        if named.is_empty() && !tests.starts_with("every test") {
            violations.push(format!("{what}: no test is named"));
        }
        for name in named {
            let is_there = FOLDERS.iter().any(|folder| root.join(folder).join(format!("{name}.rs")).is_file());
            if !is_there {
                violations.push(format!("{what}: there is no test {name}"));
            }
            files.insert(name.to_owned());
        }
    }
    for row in rows(untested) {
        let (what, _why) = row.context("a row of two cells")?;
        numbers.extend(numbers_of(what));
    }
    let all = PROPERTIES.iter().flat_map(|(from, through)| *from..=*through);
    violations.extend(all.filter(|number| !numbers.contains(number)).map(|number| format!("L{number} has no row")));
    for entry in std::fs::read_dir(root.join(FOLDERS[0])).context("the tests")? {
        let name = entry.context("a test")?.file_name().to_string_lossy().trim_end_matches(".rs").to_owned();
        if !["mod", "scene"].contains(&name.as_str()) && !files.contains(&name) {
            violations.push(format!("{name} is in no row"));
        }
    }
    Ok(violations)
}

/// Both cells of every row behind the head.
fn rows(text: &str) -> impl Iterator<Item = Option<(&str, &str)>> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Property"));
    rows.map(|row| row.trim_matches('|').split_once('|').map(|(what, rest)| (what.trim(), rest.trim())))
}

/// `L1–L4, L8: …` is about 1, 2, 3, 4 and 8.
fn numbers_of(what: &str) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    let mut from = None;
    for word in what.split('L').skip(1) {
        let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
        let Ok(number) = digits.parse::<u32>() else { continue };
        numbers.extend(from.take().unwrap_or(number)..=number);
        from = word.get(digits.len()..).unwrap_or_default().starts_with('–').then_some(number);
    }
    numbers
}

#[test]
fn numbers_and_ranges_are_read() {
    assert_eq!(numbers_of("L1–L4, L8: order"), [1, 2, 3, 4, 8].into());
    assert_eq!(numbers_of("Retention: a crash"), BTreeSet::new());
}
