//! The key that the program sends: from the environment or a file, never from the command line, which others can see.

use std::fmt;

use super::arguments::Global;
use super::failure::Failure;
use super::files;
use crate::vocab::Code;

/// Where the key is, unless a file is named.
const KEY_VARIABLE: &str = "GREENROOM_KEY";

/// A key; it is not shown when something that holds it is.
#[derive(Clone)]
pub(super) struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// The value of the `Authorization` header.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

/// The key that was given, if one was.
///
/// # Errors
/// When the file cannot be read, or what was given cannot stand in a header.
pub(super) fn key(global: &Global) -> Result<Option<Secret>, Failure> {
    let text = match &global.key_file {
        Some(file) => Some(files::read_text(file)?),
        None => std::env::var(KEY_VARIABLE).ok(),
    };
    let Some(text) = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(Some(Secret(text)));
    }
    let detail = format!("the key in {KEY_VARIABLE} or the key file has characters that no key has; copy it again");
    Err(Failure::new(Code::MalformedKey, detail))
}
