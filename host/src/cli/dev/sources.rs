//! What a project's files look like from outside: enough to see that one was saved.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files that are watched; a folder with more is no actor's project, or one with something to leave out.
const FILES_MAX: usize = 20_000;

/// The files of a project, with when each was written last, and its size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sources {
    files: BTreeMap<PathBuf, (Option<SystemTime>, u64)>,
}

impl Sources {
    /// Looks at every file below `root`, but for hidden ones, folders named `target`, and those in `left_out`. Links are not
    /// followed. A file that disappears during the look is not there.
    ///
    /// # Errors
    /// When the folder cannot be read, or holds too many files.
    pub(super) fn look(root: &Path, left_out: &[PathBuf]) -> io::Result<Self> {
        let mut sources = Self::default();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(error) if folder == root => return Err(error),
                Err(_) => continue,
                Ok(entries) => entries,
            };
            for entry in entries.flatten() {
                let path = entry.path();
                let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
                if is_hidden || left_out.contains(&path) {
                    continue;
                }
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_file() {
                    sources.files.insert(path, (metadata.modified().ok(), metadata.len()));
                } else if metadata.is_dir() && entry.file_name() != "target" {
                    folders.push(path);
                }
                if sources.files.len() > FILES_MAX {
                    let message = format!("{} holds more than {FILES_MAX} files", root.display());
                    return Err(io::Error::other(message));
                }
            }
        }
        Ok(sources)
    }

    /// One of the files that differ, and how many there are.
    pub(super) fn difference(&self, before: &Self) -> Option<(PathBuf, usize)> {
        let changed = self.files.iter().filter(|(path, seen)| before.files.get(*path) != Some(seen));
        let gone = before.files.keys().filter(|path| !self.files.contains_key(*path));
        let mut differing = changed.map(|(path, _)| path).chain(gone);
        let first = differing.next()?.clone();
        Some((first, differing.count().saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "files of the test")]
    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_saved_new_or_removed_file_is_seen_and_what_is_left_out_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let left_out = [root.join("data")];
        let look = || Sources::look(root, &left_out).unwrap();
        write(&root.join("src/lib.rs"), "one");
        let first = look();
        assert_eq!(look().difference(&first), None);

        write(&root.join("src/lib.rs"), "other");
        assert_eq!(look().difference(&first), Some((root.join("src/lib.rs"), 1)));
        let second = look();
        write(&root.join("src/new.rs"), "");
        assert_eq!(look().difference(&second), Some((root.join("src/new.rs"), 1)));
        assert_eq!(second.difference(&look()), Some((root.join("src/new.rs"), 1)), "a file that is gone is a change");

        let third = look();
        for path in ["target/debug/x", "deep/target/x", "data/store/1.log", ".git/index", "src/.lib.rs.swp"] {
            write(&root.join(path), "x");
        }
        assert_eq!(look().difference(&third), None);
        assert!(Sources::look(&root.join("absent"), &[]).is_err());
    }
}
