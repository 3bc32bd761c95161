//! Files that a person names on the command line. The store's own files are the provider's.

use std::io::Read;
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

/// Writes all that is read into a file of a directory, which is created; how many bytes that were.
///
/// # Errors
/// That it cannot be read or written.
#[expect(clippy::disallowed_methods, reason = "an export that a person asked for, not one of the store's files")]
pub(super) fn write_from(dir: &Path, file: &Path, from: &mut dyn Read) -> Result<u64, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Code::FileUnreadable, format!("{} could not be written: {error}", file.display()))
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let mut into = std::fs::File::create(file).map_err(failed)?;
    let bytes = std::io::copy(from, &mut into).map_err(failed)?;
    into.sync_all().map_err(failed)?;
    Ok(bytes)
}

/// Gives a file its name.
///
/// # Errors
/// What the system said.
#[expect(clippy::disallowed_methods, reason = "an export that a person asked for, not one of the store's files")]
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::new(Code::FileUnreadable, format!("{} could not be written: {error}", to.display()));
    std::fs::rename(from, to).map_err(failed)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::FileUnreadable, format!("{} could not be read: {error}", path.display()))
}
