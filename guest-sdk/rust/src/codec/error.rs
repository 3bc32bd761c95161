//! Why bytes are not a value.

use std::fmt;

/// Why a payload or snapshot could not be encoded or decoded, in a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecError(String);

impl CodecError {
    #[cold]
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    #[cold]
    pub(super) fn unknown_type(index: u16) -> Self {
        Self(format!("this code lists no type with index {index}"))
    }

    /// The value ended before its bytes did.
    #[cold]
    pub(super) fn leftover(bytes: usize) -> Self {
        Self(format!("{bytes} bytes are left over"))
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
    /// In our own words: the library's messages would bring the formatting of every type it knows.
    #[cold]
    fn from(error: bincode::error::DecodeError) -> Self {
        use bincode::error::DecodeError as E;
        Self::new(match error {
            E::UnexpectedEnd { .. } => "the bytes end inside the value",
            E::LimitExceeded => "the bytes claim to hold more than the limit",
            E::Utf8 { .. } => "a string is not UTF-8",
            E::InvalidBooleanValue(_) => "a boolean is neither 0 nor 1",
            E::UnexpectedVariant { .. } => "an option is neither 0 nor 1",
            E::OtherString(message) => return Self(message),
            _ => "the bytes are not bincode of this type",
        })
    }
}

impl From<bincode::error::EncodeError> for CodecError {
    #[cold]
    fn from(error: bincode::error::EncodeError) -> Self {
        use bincode::error::EncodeError as E;
        match error {
            E::OtherString(message) => Self(message),
            E::Other(message) => Self::new(message),
            _ => Self::new("it has no bincode form; serde's `flatten` and lists of unknown length need JSON"),
        }
    }
}

/// The value, or a panic: what the actor itself made has no encoding, so the turn must not be stored.
#[expect(clippy::panic, reason = "a trap discards the turn; storing a part of it would be worse")]
pub(crate) fn must<T>(result: Result<T, CodecError>) -> T {
    result.unwrap_or_else(|error| panic!("a value of this actor could not be encoded: {error}"))
}
