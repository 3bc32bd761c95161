//! Finds the Rust files of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::code::blank_comments_and_strings;

/// One Rust file.
pub(crate) struct Source {
    /// Its path from the root of the workspace, with `/` between the parts.
    pub(crate) path: String,
    /// Its text as it is.
    pub(crate) text: String,
    /// Its text with comments and the contents of strings replaced by blanks; lines stay where they are.
    pub(crate) code: String,
}

impl Source {
    /// A source with this path and text.
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let code = blank_comments_and_strings(&text);
        Self { path: path.into(), text, code }
    }

    /// Where a byte of the code stands, as `path:line`.
    pub(crate) fn place(&self, offset: usize) -> String {
        let line = self.code.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
        format!("{}:{line}", self.path)
    }
}

/// Every `.rs` file under `root/folder`; a folder that does not exist has none.
pub(crate) fn read_sources(root: &Path, folder: &Path) -> Result<Vec<Source>> {
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files)?;
    files.sort();
    let read = |file: &PathBuf| {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let relative = file.strip_prefix(root).unwrap_or(file);
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        Ok(Source::new(parts.join("/"), text))
    };
    files.iter().map(read).collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
    Ok(())
}
