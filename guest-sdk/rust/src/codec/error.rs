//! Why bytes are not a value.

use std::fmt;

/// Why a payload or snapshot could not be encoded or decoded, in a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecError(String);

impl CodecError {
    #[cold]
    pub(super) fn left_over(bytes: usize) -> Self {
        Self(format!("{bytes} bytes are left over behind the value"))
    }

    #[cold]
    pub(super) fn unknown_type(index: u16) -> Self {
        Self(format!("this code lists no type with index {index}"))
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CodecError {}

impl From<serde_json::Error> for CodecError {
    #[cold]
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<bincode::error::DecodeError> for CodecError {
    /// In our own words: the library's messages would bring the formatting of every type it knows, 20 KB of code.
    #[cold]
    fn from(error: bincode::error::DecodeError) -> Self {
        use bincode::error::DecodeError as E;
        Self(match error {
            E::OtherString(message) => message,
            E::Other(message) => message.to_owned(),
            E::UnexpectedEnd { .. } => "the bytes end inside the value".to_owned(),
            E::LimitExceeded => "the bytes claim to hold more than the limit".to_owned(),
            E::Utf8 { .. } => "a string is not UTF-8".to_owned(),
            E::InvalidBooleanValue(_) => "a boolean is neither 0 nor 1".to_owned(),
            E::UnexpectedVariant { .. } => "an enum has an unknown variant".to_owned(),
            _ => "the bytes are not bincode of this type".to_owned(),
        })
    }
}

impl From<bincode::error::EncodeError> for CodecError {
    #[cold]
    fn from(error: bincode::error::EncodeError) -> Self {
        use bincode::error::EncodeError as E;
        Self(match error {
            E::OtherString(message) => message,
            E::Other(message) => message.to_owned(),
            _ => "it has no bincode form; serde's `flatten` and lists of unknown length need JSON".to_owned(),
        })
    }
}

/// The value, or a panic: what the actor itself made has no encoding, so the turn must not be stored.
#[expect(clippy::panic, reason = "a trap discards the turn; storing a part of it would be worse")]
pub(crate) fn must<T>(result: Result<T, CodecError>) -> T {
    result.unwrap_or_else(|error| panic!("a value of this actor could not be encoded: {error}"))
}
