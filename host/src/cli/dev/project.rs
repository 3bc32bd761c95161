//! The project under work, as cargo knows it, and its component.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::cli::failure::Failure;
use crate::vocab::Code;

/// What actors are compiled for.
const TARGET: &str = "wasm32-wasip2";
/// The longest line of cargo's own messages that is read.
const LINE_BYTES_MAX: u64 = /* 1 MiB */ 1_024 * 1_024;

/// A crate whose library is an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Project {
    /// The package's name.
    pub(super) name: String,
    /// The folder of its `Cargo.toml`.
    pub(super) root: PathBuf,
    /// Where cargo builds.
    pub(super) target: PathBuf,
}

/// A build that is under way. Dropping it ends it.
pub(super) struct Build {
    cargo: Arc<Mutex<Child>>,
    /// What cargo says to programs; taken by who waits.
    messages: Option<ChildStdout>,
    manifest: PathBuf,
}

impl Project {
    /// The project in a folder.
    ///
    /// # Errors
    /// That there is none, or its library cannot be a component.
    pub(super) fn find(dir: &Path) -> Result<Self, Failure> {
        let mut cargo = cargo(dir);
        let output = cargo.args(["metadata", "--no-deps", "--format-version", "1"]).stderr(Stdio::piped()).output();
        let output = output.map_err(|error| no_cargo(&error))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Failure::new(Code::FileUnreadable, format!("{}: {said}", dir.display())));
        }
        let root = std::fs::canonicalize(dir)
            .map_err(|error| Failure::new(Code::FileUnreadable, format!("{}: {error}", dir.display())))?;
        let unfit = |reason: &str| Failure::new(Code::FileUnreadable, format!("{}: {reason}", dir.display()));
        let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| unfit(&error.to_string()))?;
        Self::of(&metadata, &root).map_err(|reason| unfit(&reason))
    }

    /// The project in `root`, by what `cargo metadata` says.
    fn of(metadata: &Value, root: &Path) -> Result<Self, String> {
        let manifest = root.join("Cargo.toml");
        let packages = metadata.get("packages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let package = packages.iter().find(|package| text(package, "manifest_path").map(Path::new) == Some(&manifest));
        let package =
            package.ok_or("its Cargo.toml is that of a workspace; name the folder of the actor's own crate")?;
        let targets = package.get("targets").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if !targets.iter().any(|target| has(target, "crate_types", "cdylib")) {
            return Err("its library is no component; add crate-type = [\"cdylib\", \"rlib\"] to [lib]".to_owned());
        }
        let (Some(name), Some(target)) = (text(package, "name"), text(metadata, "target_directory")) else {
            return Err("cargo metadata says neither a name nor a target directory".to_owned());
        };
        Ok(Self { name: name.to_owned(), root: root.to_owned(), target: target.into() })
    }

    /// Begins to build the component. What the compiler says goes to standard error.
    ///
    /// # Errors
    /// That cargo could not be started.
    pub(super) fn build(&self) -> Result<Build, Failure> {
        let mut cargo = cargo(&self.root);
        cargo.args(["build", "--quiet", "--lib", "--release", "--target", TARGET]);
        cargo.args(["--message-format", "json-render-diagnostics"]).stdout(Stdio::piped());
        let mut child = cargo.spawn().map_err(|error| no_cargo(&error))?;
        let (messages, manifest) = (child.stdout.take(), self.root.join("Cargo.toml"));
        Ok(Build { cargo: Arc::new(Mutex::new(child)), messages, manifest })
    }
}

impl Build {
    /// Waits for its end, on a thread that may wait; the component's file, or `None` if the compiler refuses the sources.
    pub(super) fn end(&mut self) -> impl FnOnce() -> Result<Option<PathBuf>, Failure> + Send + use<> {
        let (messages, manifest, cargo) = (self.messages.take(), self.manifest.clone(), Arc::clone(&self.cargo));
        move || {
            let component = messages.and_then(|messages| component(messages, &manifest));
            // It has closed its output, so that it ends now, and nobody waits for the lock.
            let status = cargo.lock().unwrap_or_else(PoisonError::into_inner).wait();
            let status =
                status.map_err(|error| Failure::new(Code::FileUnreadable, format!("cargo was lost: {error}")))?;
            Ok(component.filter(|_| status.success()))
        }
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        // It has ended if this fails.
        let _ = self.cargo.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }
}

/// The file that cargo says it made of the library of this manifest.
fn component(messages: impl Read, manifest: &Path) -> Option<PathBuf> {
    let mut found = None;
    let mut reader = BufReader::new(messages);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if !matches!(read, Ok(bytes) if bytes > 0) {
            return found;
        }
        // Other lines are not about what was made, or are none of cargo's.
        let Ok(message) = serde_json::from_slice::<Value>(&line) else { continue };
        let is_ours = text(&message, "manifest_path").map(Path::new) == Some(manifest)
            && text(&message, "reason") == Some("compiler-artifact");
        if !is_ours {
            continue;
        }
        let files = message.get("filenames").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let made = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm"));
        found = made.map(PathBuf::from).or(found);
    }
}

/// The cargo that started this program, or the one on the path.
fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(dir).stdin(Stdio::null());
    command
}

fn no_cargo(error: &std::io::Error) -> Failure {
    let detail = format!("cargo could not be started ({error}); install Rust from https://rustup.rs");
    Failure::new(Code::FileUnreadable, detail)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn has(value: &Value, key: &str, item: &str) -> bool {
    let items = value.get(key).and_then(Value::as_array);
    items.is_some_and(|items| items.iter().any(|one| one == item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(crate_type: &str) -> Value {
        json!({
            "target_directory": "/w/target",
            "packages": [
                { "name": "other", "manifest_path": "/w/other/Cargo.toml", "targets": [] },
                { "name": "to-do", "manifest_path": "/w/to-do/Cargo.toml", "targets": [{ "crate_types": [crate_type] }] },
            ],
        })
    }

    #[test]
    fn the_package_in_the_folder_is_the_project() {
        let project = Project::of(&metadata("cdylib"), Path::new("/w/to-do")).unwrap();
        assert_eq!((project.name.as_str(), project.target.as_path()), ("to-do", Path::new("/w/target")));
        let refused = |crate_type, root: &str| Project::of(&metadata(crate_type), Path::new(root)).unwrap_err();
        assert!(refused("lib", "/w/to-do").contains("cdylib"));
        assert!(refused("cdylib", "/w").contains("that of a workspace"));
    }

    #[test]
    fn the_component_is_found_among_what_cargo_made() {
        let artifact = |manifest: &str, file: &str| json!({ "reason": "compiler-artifact", "manifest_path": manifest, "filenames": ["/t/libx.rlib", file] });
        let lines = [
            "cargo says something".to_owned(),
            artifact("/w/other/Cargo.toml", "/t/other.wasm").to_string(),
            artifact("/w/to-do/Cargo.toml", "/t/to_do.wasm").to_string(),
            json!({ "reason": "build-finished", "success": true }).to_string(),
        ];
        let said = lines.join("\n");
        let manifest = Path::new("/w/to-do/Cargo.toml");
        assert_eq!(component(said.as_bytes(), manifest), Some(PathBuf::from("/t/to_do.wasm")));
        assert_eq!(component(b"\xff\n{}\n".as_slice(), manifest), None);
    }
}
