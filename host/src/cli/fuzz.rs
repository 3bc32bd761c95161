//! What an operator writes.

use super::settings::ServeSettings;

/// A configuration is read or refused with a sentence that names a setting, without a panic.
pub(crate) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = ServeSettings::parse(text) {
        assert!(!error.to_string().is_empty(), "a refusal without a reason");
    }
}
