//! `greenroom new NAME`: a project that builds and passes its own tests.

#[path = "new_sources.rs"]
mod sources;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::output::{Output, Tone};
use crate::vocab::Code;
use sources::{PROJECT, SDK, SDK_MANIFESTS};

/// Where a project keeps the SDK that it was generated with.
const SDK_DIR: &str = "vendor/greenroom-sdk";
/// The longest name, in bytes: it also serves as the name of a kind.
const NAME_BYTES_MAX: usize = 64;
/// Names that cargo, the compiler or the project's own dependencies have taken.
const TAKEN: &str = "\
    abstract alloc as async await become bincode box break const continue core crate do dyn else enum extern \
    final fn for gen greenroom if impl in let loop macro match mod move mut override priv proc-macro pub ref \
    return self serde static std struct super test trait try type typeof unsafe unsized use virtual where \
    while yield";

/// Why no project was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewProjectError {
    /// The name cannot be that of a package.
    #[error(
        "{name:?} cannot be the name of a project: use 1 to 64 of a-z, 0-9, '-' and '_', starting with a letter, and no \
         word that Rust or the project's own dependencies use"
    )]
    Name {
        /// What was given.
        name: String,
    },
    /// Something of that name is there already; it was not touched.
    #[error("{} exists already; choose another name or another folder", path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// A file or folder could not be written. What was written before it is still there.
    #[error("{} could not be written: {source}", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The project's name, and its folder's
    name: String,
}

/// Writes the project into the current folder and says what to do next.
pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let name = &arguments.name;
    let written = write_project(Path::new("."), name).map_err(|error| Failure::new(error.code(), error.to_string()))?;
    if output.is_json() {
        let files: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        return output.json(&json!({ "name": name, "files": files }));
    }
    output.note(&output.paint(Tone::Good, "written"));
    output.line(&format!("{name}/"))?;
    let component = format!("target/wasm32-wasip2/release/{}.wasm", name.replace('-', "_"));
    output.note(&format!(
        "next:\n  cd {name}\n  cargo test\n  cargo build --target wasm32-wasip2 --release\n  greenroom deploy {name} {component}"
    ));
    Ok(())
}

impl NewProjectError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Name { .. } => Code::InvalidAddress,
            Self::Exists { .. } | Self::Write { .. } => Code::FileUnreadable,
        }
    }
}

/// Writes a project called `name` into `parent`, with the SDK's sources inside, and returns the files it wrote.
///
/// It needs nothing from this program afterwards: `cargo test` and `cargo build --target wasm32-wasip2 --release`
/// work there, given the crates that the SDK depends on. An existing file or folder of that name is never touched. A
/// crash, or a full disk, leaves a part of the project.
///
/// # Errors
/// The name is not one, something is there already, or a file could not be written.
pub fn write_project(parent: &Path, name: &str) -> Result<Vec<PathBuf>, NewProjectError> {
    check_name(name)?;
    let root = parent.join(name);
    match fs::create_dir(&root) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(NewProjectError::Exists { path: root });
        }
        Err(source) => return Err(NewProjectError::Write { path: root, source }),
    }
    let library = name.replace('-', "_");
    let fill = |text: &str| text.replace("{{name}}", name).replace("{{file}}", &library);
    let mut written = Vec::new();
    for (path, text) in PROJECT {
        written.push(write(root.join(path), &fill(text))?);
    }
    for (path, text) in SDK_MANIFESTS.iter().chain(SDK) {
        written.push(write(root.join(SDK_DIR).join(path), text)?);
    }
    Ok(written)
}

fn check_name(name: &str) -> Result<(), NewProjectError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let spelled = name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(allowed);
    let taken = TAKEN.split(' ').any(|taken| taken == name.replace('_', "-")) || name.starts_with("greenroom-");
    if spelled && !taken && name.len() <= NAME_BYTES_MAX {
        Ok(())
    } else {
        Err(NewProjectError::Name { name: name.to_owned() })
    }
}

#[expect(clippy::disallowed_methods, reason = "a new project is no durable state of the host: nothing is lost with it")]
fn write(path: PathBuf, text: &str) -> Result<PathBuf, NewProjectError> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    match folder.and_then(|()| fs::write(&path, text)) {
        Ok(()) => Ok(path),
        Err(source) => Err(NewProjectError::Write { path, source }),
    }
}

#[cfg(test)]
#[path = "new_tests.rs"]
mod tests;
