use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::sources::{SDK, SDK_MANIFESTS};
use super::{NewProjectError, write_project};

fn repository() -> PathBuf {
    // A test runs in its package's folder.
    fs::canonicalize("..").unwrap()
}

/// The paths of all files below `folder`, relative to `root`.
fn files_below(root: &Path, folder: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files_below(root, &path, found);
        } else {
            found.insert(path);
        }
    }
}

#[test]
fn the_embedded_sdk_is_the_sdk() {
    let root = repository().join("guest-sdk/rust");
    let mut files = BTreeSet::new();
    for folder in ["src", "macros/src", "wit"] {
        files_below(&root, folder, &mut files);
    }
    let embedded: BTreeSet<String> = SDK.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(embedded, files, "the list in `new_sources.rs` and the SDK's folder differ");
}

/// The version requirements that a manifest resolves to, by dependency, with the features that it asks for.
fn dependencies(manifest: &str, workspace: &toml::Table) -> BTreeMap<String, String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let mut tables = vec![manifest["dependencies"].as_table().unwrap().clone()];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().map(|target| target["dependencies"].as_table().unwrap().clone()));
    }
    let version_of = |name: &str, value: &toml::Value| {
        let inherited = value.get("workspace").is_some();
        let value = if inherited { &workspace[name] } else { value };
        if value.get("path").is_some() {
            return "path".to_owned();
        }
        value.as_str().or_else(|| value.get("version")?.as_str()).unwrap().to_owned()
    };
    tables.iter().flatten().map(|(name, value)| (name.clone(), version_of(name, value))).collect()
}

#[test]
fn the_projects_sdk_has_the_dependencies_of_the_sdk() {
    let root = repository();
    let workspace: toml::Table = fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let workspace = workspace["workspace"]["dependencies"].as_table().unwrap();
    for (path, embedded) in SDK_MANIFESTS {
        let own = fs::read_to_string(root.join("guest-sdk/rust").join(path)).unwrap();
        assert_eq!(dependencies(embedded, workspace), dependencies(&own, workspace), "{path}");
    }
}

#[test]
fn a_project_has_its_name_and_no_place_left_open() {
    let parent = tempfile::tempdir().unwrap();
    let written = write_project(parent.path(), "my-list").unwrap();
    let root = parent.path().join("my-list");
    for path in ["Cargo.toml", "src/lib.rs", ".gitignore", "vendor/greenroom-sdk/macros/src/lib.rs"] {
        assert!(written.contains(&root.join(path)), "{path}");
    }
    for path in written.iter().filter(|path| !path.starts_with(root.join("vendor"))) {
        assert!(!fs::read_to_string(path).unwrap().contains("{{"), "{}", path.display());
    }
    assert!(fs::read_to_string(root.join("Cargo.toml")).unwrap().contains("name = \"my-list\""));
    assert!(fs::read_to_string(root.join("README.md")).unwrap().contains("release/my_list.wasm"));
}

#[test]
fn a_name_that_cargo_would_refuse_is_refused_before_anything_is_written() {
    let parent = tempfile::tempdir().unwrap();
    for name in ["", "1st", "Upper", "a b", "../up", "fn", "serde", "proc_macro", "greenroom-sdk", &"a".repeat(65)] {
        assert!(matches!(write_project(parent.path(), name), Err(NewProjectError::Name { .. })), "{name}");
    }
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn what_is_there_already_is_not_touched() {
    let parent = tempfile::tempdir().unwrap();
    fs::create_dir(parent.path().join("list")).unwrap();
    assert!(matches!(write_project(parent.path(), "list"), Err(NewProjectError::Exists { .. })));
    assert_eq!(fs::read_dir(parent.path().join("list")).unwrap().count(), 0);
}
