//! Where things are, and how commands are run there.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The workspace as cargo sees it.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// What `cargo metadata` says of each package.
    packages: Vec<Value>,
}

/// A package whose library is a WebAssembly component.
pub(crate) struct Guest {
    /// Its package name.
    pub(crate) package: String,
    /// The file that cargo writes, without folder and ending.
    pub(crate) library: String,
    /// Its folder's name, by which tests and the demo ask for it.
    pub(crate) name: String,
}

impl Workspace {
    /// Asks cargo about the workspace that this program belongs to.
    pub(crate) fn load() -> Result<Self> {
        // Cargo says it when it runs this program; two clones that share a target directory share the program.
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let root = Path::new(&folder).parent().context("xtask has no parent folder")?;
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(root)
            .output()
            .context("cargo metadata could not be started")?;
        if !output.status.success() {
            bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
        let target = metadata.get("target_directory").and_then(Value::as_str).context("no target directory")?;
        let packages = metadata.get("packages").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(Self { root: root.to_owned(), target: target.into(), packages })
    }

    /// Where `cargo xtask guests` puts the components.
    pub(crate) fn guests_dir(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// The server of the dev profile.
    pub(crate) fn server_binary(&self) -> PathBuf {
        self.target.join("debug").join(format!("greenroom{}", std::env::consts::EXE_SUFFIX))
    }

    /// Builds the server of the dev profile.
    ///
    /// The test target is there for its development dependencies: with them, cargo resolves the same features as for
    /// the whole test run, and compiles wasmtime once for both.
    pub(crate) fn build_server(&self) -> Result<()> {
        let mut build = self.cargo(["build", "--workspace", "--bin", "greenroom", "--test", "layers"]);
        run("building the server", &mut build)
    }

    /// A cargo command at the root of the workspace.
    pub(crate) fn cargo<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = Command::new(cargo());
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// Every package with a `cdylib` library, in the order of their names.
    pub(crate) fn guests(&self) -> Result<Vec<Guest>> {
        let mut guests =
            self.packages.iter().filter_map(|package| guest(package).transpose()).collect::<Result<Vec<_>>>()?;
        guests.sort_by(|a, b| a.name.cmp(&b.name));
        for pair in guests.windows(2) {
            if let [a, b] = pair
                && a.name == b.name
            {
                bail!("packages {} and {} both sit in a folder named {}", a.package, b.package, a.name);
            }
        }
        Ok(guests)
    }
}

/// The cargo that runs this program, so that a `+toolchain` is kept.
fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

fn guest(package: &Value) -> Result<Option<Guest>> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let targets = package.get("targets").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_component = |target: &&Value| {
        let types = target.get("crate_types").and_then(Value::as_array);
        types.is_some_and(|types| types.iter().any(|kind| kind == "cdylib"))
    };
    let Some(library) = targets.iter().find(is_component) else { return Ok(None) };
    let manifest = text(package, "manifest_path").context("a package without manifest")?;
    let folder = Path::new(&manifest).parent().and_then(Path::file_name).context("a manifest without folder")?;
    Ok(Some(Guest {
        package: text(package, "name").context("a package without name")?,
        library: text(library, "name").context("a library without name")?.replace('-', "_"),
        name: folder.to_string_lossy().into_owned(),
    }))
}

/// Runs a command to its end and fails when it fails; `what` names it for people.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{what} could not be started"))?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}
