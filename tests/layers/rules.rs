//! The rules, as functions from a source to the sentences that say where it breaks them.

use crate::sources::Source;

/// The rooms of `host/src` with their floor; a room may import only from lower floors.
/// `sandbox` and `provider` share one, so they do not know each other.
const FLOORS: &[(&str, u8)] = &[
    ("fuzzing", 8),
    ("cli", 7),
    ("api", 6),
    ("runtime", 5),
    ("actor", 4),
    ("sandbox", 3),
    ("provider", 3),
    ("decide", 2),
    ("frame", 1),
    ("vocab", 0),
];

/// The hard limit on a file's length; the habit is half of it.
const LINES_MAX: usize = 500;

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

/// The modules from the crate's root to this source: `host/src/actor/turn.rs` is in `actor`, `turn`.
fn modules(source: &Source) -> Vec<&str> {
    let inner = source.path.strip_prefix("host/src/").unwrap_or(&source.path);
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    inner.strip_suffix("/mod").unwrap_or(inner).split('/').collect()
}

/// The room of a source; `None` for the files that are no room: `lib.rs` and `main.rs`.
fn room(source: &Source) -> Option<&str> {
    modules(source).first().copied().filter(|name| *name != "lib" && *name != "main")
}

/// Imports of a room that lies above, beside, or nowhere in the list.
pub(crate) fn upward_imports(source: &Source) -> Vec<String> {
    let Some(here) = room(source) else { return Vec::new() };
    let Some(own) = floor(here) else {
        return vec![format!("{}: the room {here} has no floor; give it one in ARCHITECTURE.md and here", source.path)];
    };
    let is_wrong = |target: &str| target != here && floor(target).is_some_and(|floor| floor >= own);
    let wrong = mentions(source).into_iter().filter(|(_, target)| is_wrong(target));
    wrong.map(|(at, target)| format!("{}: {here} imports {target}", source.place(at))).collect()
}

/// Every name that follows `crate::`, or a `super::` chain that ends at the crate's root, with its place.
fn mentions(source: &Source) -> Vec<(usize, &str)> {
    let depth = modules(source).len();
    let mut found = Vec::new();
    for (at, rest) in words(&source.code) {
        if let Some(path) = strip_segment(rest, "crate") {
            found.extend(first_names(path).into_iter().map(|name| (at, name)));
        }
        if let Some(path) = climb(rest, depth) {
            found.extend(first_names(path).into_iter().map(|name| (at, name)));
        }
    }
    found
}

/// What follows exactly `levels` times `super::`.
fn climb(rest: &str, levels: usize) -> Option<&str> {
    (0..levels).try_fold(rest, |rest, _| strip_segment(rest, "super"))
}

/// What follows `segment::`.
fn strip_segment<'a>(rest: &'a str, segment: &str) -> Option<&'a str> {
    rest.strip_prefix(segment)?.trim_start().strip_prefix("::").map(str::trim_start)
}

/// The first name of a path, or of each path of a group: `{a::b, c}` gives `a` and `c`.
fn first_names(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else { return vec![word(path)] };
    let mut names = vec![word(group.trim_start())];
    let mut depth = 0_usize;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(group.get(at + 1..).unwrap_or_default().trim_start())),
            _ => {}
        }
    }
    names
}

/// The word that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Every place where a word begins, with the text from there on.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut before = ' ';
    code.char_indices().filter_map(move |(at, c)| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let begins = is_part(c) && !is_part(before);
        before = c;
        begins.then(|| (at, code.get(at..).unwrap_or_default()))
    })
}

/// `wasmtime` outside `sandbox`, and anything wasm in `provider`.
pub(crate) fn wasm_outside_the_sandbox(source: &Source) -> Vec<String> {
    let here = room(source).unwrap_or("the crate's root");
    let is_wrong = |word: &str| {
        (here != "sandbox" && word.starts_with("wasmtime"))
            || (here == "provider" && word.to_ascii_lowercase().contains("wasm"))
    };
    let wrong = words(&source.code).map(|(at, rest)| (at, word(rest))).filter(|(_, word)| is_wrong(word));
    wrong.map(|(at, word)| format!("{}: {here} mentions {word}", source.place(at))).collect()
}

/// More lines than a reader should have to hold in mind. Tests do not count.
pub(crate) fn too_long(source: &Source) -> Vec<String> {
    let is_test = source.path.ends_with("/tests.rs") || source.path.contains("/tests/");
    let lines = source.text.lines().take_while(|line| *line != "#[cfg(test)]").count();
    if is_test || lines <= LINES_MAX {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines, the limit is {LINES_MAX}", source.path)]
}

/// `#[allow(…)]`, which stays when its cause is gone and says no reason; `#[expect(…, reason = "…")]` does neither.
pub(crate) fn silenced_lints(source: &Source) -> Vec<String> {
    let is_attribute = |at: usize| {
        let before = source.code.get(..at).unwrap_or_default().trim_end();
        before.ends_with("#[") || before.ends_with("#![")
    };
    let is_allow = |rest: &str| {
        word(rest) == "allow" && rest.strip_prefix("allow").is_some_and(|r| r.trim_start().starts_with('('))
    };
    let found = words(&source.code).filter(|(at, rest)| is_allow(rest) && is_attribute(*at));
    found.map(|(at, _)| format!("{}: #[allow]; write #[expect(…, reason = \"…\")]", source.place(at))).collect()
}

/// Files that no `main.rs` or `mod.rs` of their folder has a `mod` line for.
pub(crate) fn unnamed_modules(sources: &[Source]) -> Vec<String> {
    let is_named = |source: &&Source| {
        let module = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let Some((folder, name)) = module.rsplit_once('/') else { return false };
        let parents = [format!("{folder}/main.rs"), format!("{folder}/mod.rs")];
        let line = format!("mod {name};");
        let names = |parent: &Source| parent.code.lines().any(|found| found.trim() == line);
        name == "main" || sources.iter().any(|parent| parents.contains(&parent.path) && names(parent))
    };
    let unnamed = sources.iter().filter(|source| !is_named(source));
    unnamed.map(|source| format!("{}: nothing has a `mod` line for it", source.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upward_import_is_caught_in_every_form() {
        for planted in [
            "use crate::runtime::Host;",
            "pub(crate) use crate::runtime::Host;",
            "use crate::{vocab::Sequence, runtime::{Host, Reply}};",
            "fn f() { let _ = crate::runtime::Host::builder(); }",
            "use super::super::runtime::Host;",
            "use crate::\n    runtime::Host;",
        ] {
            let source = Source::new("host/src/actor/turn.rs", format!("//! A turn.\n{planted}\n"));
            let violations = upward_imports(&source);
            assert_eq!(violations, ["host/src/actor/turn.rs:2: actor imports runtime"], "{planted}");
        }
    }

    #[test]
    fn rooms_of_one_floor_do_not_know_each_other() {
        let source = Source::new("host/src/sandbox/engine.rs", "use crate::provider::Snapshot;");
        assert_eq!(upward_imports(&source).len(), 1);
        let source = Source::new("host/src/provider/mod.rs", "use super::sandbox::Engine;");
        assert_eq!(upward_imports(&source).len(), 1);
    }

    #[test]
    fn a_room_without_a_floor_is_caught() {
        let source = Source::new("host/src/utils/mod.rs", "");
        assert_eq!(upward_imports(&source).len(), 1);
    }

    #[test]
    fn downward_imports_comments_and_strings_are_fine() {
        let text = "//! See [`crate::runtime`].\nuse crate::vocab::Code;\nuse super::provider_name;\nlet a = \"crate::runtime\";";
        assert_eq!(upward_imports(&Source::new("host/src/actor/turn.rs", text)), [""; 0]);
    }

    #[test]
    fn wasmtime_outside_the_sandbox_is_caught() {
        let text = "use wasmtime::Store;";
        assert_eq!(wasm_outside_the_sandbox(&Source::new("host/src/actor/turn.rs", text)).len(), 1);
        assert_eq!(wasm_outside_the_sandbox(&Source::new("host/src/main.rs", text)).len(), 1);
        assert_eq!(wasm_outside_the_sandbox(&Source::new("host/src/sandbox/store.rs", text)), [""; 0]);
        let text = "struct WasmModule; // no wasm here";
        assert_eq!(wasm_outside_the_sandbox(&Source::new("host/src/provider/log/mod.rs", text)).len(), 1);
    }

    #[test]
    fn a_long_file_is_caught_and_its_tests_do_not_count() {
        let long = "x\n".repeat(LINES_MAX + 1);
        assert_eq!(too_long(&Source::new("host/src/actor/turn.rs", long.clone())).len(), 1);
        let tested = format!("x\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(too_long(&Source::new("host/src/actor/turn.rs", tested)), [""; 0]);
    }

    #[test]
    fn a_silenced_lint_is_caught() {
        for planted in ["#[allow(dead_code)]", "#![allow(dead_code)]", "#[ allow ( dead_code ) ]"] {
            assert_eq!(silenced_lints(&Source::new("xtask/src/main.rs", planted)).len(), 1, "{planted}");
        }
        let fine = "fn allow(x: u8) {}\nfn main() { allow(1); }\n#[expect(dead_code, reason = \"\")]";
        assert_eq!(silenced_lints(&Source::new("xtask/src/main.rs", fine)), [""; 0]);
    }

    #[test]
    fn a_test_file_that_is_not_compiled_is_caught() {
        let source = |path: &str, text: &str| Source::new(path, text);
        let mut sources = vec![
            source("e2e/main.rs", "mod one;\nmod room;\n"),
            source("e2e/one.rs", ""),
            source("e2e/room/mod.rs", "mod two;"),
            source("e2e/room/two.rs", ""),
        ];
        assert_eq!(unnamed_modules(&sources), [""; 0]);
        sources.push(source("e2e/two.rs", ""));
        sources.push(source("e2e/room/one.rs", ""));
        sources.push(source("e2e/hall/mod.rs", ""));
        assert_eq!(unnamed_modules(&sources).len(), 3);
    }
}
