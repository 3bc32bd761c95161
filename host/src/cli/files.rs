//! Files that a person names on the command line. The store's own files are the provider's.

use std::path::Path;

use super::failure::Failure;
use crate::vocab::Code;

/// Reads a file that was named on the command line.
///
/// # Errors
/// That it cannot be read, with its name and what the system says.
#[expect(clippy::disallowed_methods, reason = "a file that a person named, not one of the store's")]
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

/// Reads a text file that was named on the command line.
///
/// # Errors
/// That it cannot be read, or is not UTF-8.
pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?)
        .map_err(|_| Failure::new(Code::FileUnreadable, format!("{} is not UTF-8 text", path.display())))
}

/// Writes a file that was named on the command line, whole.
///
/// # Errors
/// That it cannot be written, with its name and what the system says.
#[expect(clippy::disallowed_methods, reason = "a report that a person asked for, not one of the store's files")]
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let unwritable =
        |error| Failure::new(Code::FileUnreadable, format!("{} could not be written: {error}", path.display()));
    std::fs::write(path, bytes).map_err(unwritable)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::FileUnreadable, format!("{} could not be read: {error}", path.display()))
}
