//! `docs/hostile-guests.md` is whole: every way to misbehave is in it, and every test that it names exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use greenroom_host::vocab::Code;

use crate::kit::hostile;

/// The letters that stand for files of this folder.
const FILES: &[(&str, &str)] = &[
    ("b", "bounds"),
    ("h", "by_hand"),
    ("d", "deploy"),
    ("o", "outcomes"),
    ("r", "replay"),
    ("s", "snapshots"),
    ("w", "wasi_abuse"),
    ("i", "isolation"),
    ("n", "answers"),
    ("p", "pool"),
    ("neighbours", "neighbours"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between backticks.
fn named(page: &str) -> BTreeSet<&str> {
    page.split('`').skip(1).step_by(2).collect()
}

fn rows(page: &str) -> Vec<[&str; 3]> {
    page.lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("|---"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells.last() != Some(&"test"))
        .map(|cells| cells.try_into().unwrap_or_else(|cells| panic!("{cells:?} are not three cells")))
        .collect()
}

/// The names of match arms: `"name" =>`.
fn arms(source: &str) -> BTreeSet<&str> {
    let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    source.split("\" =>").filter_map(|before| before.rsplit_once('"')).map(|(_, name)| name).filter(is_name).collect()
}

#[test]
fn every_way_to_misbehave_is_in_the_table() {
    let page = text("docs/hostile-guests.md");
    let named = named(&page);
    let component = hostile();
    for command in &component.manifest().commands {
        assert!(named.contains(command.name.as_str()), "the command {} is missing", command.name);
    }
    // Keys and describe modes are known to the source only.
    let source = text("tests/guests/hostile/src/lib.rs");
    let mut ways = arms(&source);
    assert!(ways.len() > 30, "{ways:?}");
    ways.remove("honest");
    for way in ways {
        assert!(named.contains(way), "{way} is missing");
    }
}

#[test]
fn every_test_that_is_named_exists_and_every_code_is_one() {
    let page = text("docs/hostile-guests.md");
    let rows = rows(&page);
    assert!(rows.len() > 50, "{}", rows.len());
    for [guest, outcome, test] in rows {
        let (place, name) = test.rsplit_once("::").unwrap_or_else(|| panic!("{guest}: {test} is no test"));
        let source = match place.strip_prefix("e2e") {
            // The file's name is the sentence; a file with several tests is named before them.
            Some(module) => {
                let module = module.replace("::", "/");
                let (of_folder, of_file) = (format!("tests/e2e{module}/{name}.rs"), format!("tests/e2e{module}.rs"));
                if root().join(&of_folder).exists() { text(&of_folder) } else { text(&of_file) }
            }
            None => {
                let file = FILES.iter().find(|(letter, _)| *letter == place);
                text(&format!("host/tests/sandbox/{}.rs", file.unwrap_or_else(|| panic!("no file {place}")).1))
            }
        };
        let is_there = source.contains(&format!("fn {name}(")) || place.starts_with("e2e::actor");
        assert!(is_there, "{guest}: there is no test {test}");
        for code in outcome.split(|c: char| !c.is_alphanumeric()).filter(|word| word.starts_with("GR")) {
            assert!(Code::parse(code).is_some(), "{guest}: {code} is no code");
        }
    }
}
