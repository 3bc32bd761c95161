//! Why bytes are not a value.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

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

    /// The same error, with where it was found.
    #[cold]
    pub(super) fn at_byte(self, byte: usize) -> Self {
        Self(format!("{} (at byte {byte})", self.0))
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CodecError {}

/// The default `invalid_type` and `invalid_value` would bring the formatting of floating-point numbers into every
/// component, 21 KB of code.
impl de::Error for CodecError {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    #[cold]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("invalid type: {}, expected {expected}", describe(&found)))
    }

    #[cold]
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("invalid value: {}, expected {expected}", describe(&found)))
    }
}

fn describe(found: &Unexpected<'_>) -> String {
    let text = match *found {
        Unexpected::Unsigned(number) => return format!("integer `{number}`"),
        Unexpected::Signed(number) => return format!("integer `{number}`"),
        Unexpected::Str(text) => return format!("string \"{text}\""),
        Unexpected::Char(text) => return format!("character `{text}`"),
        Unexpected::Bool(true) => "boolean `true`",
        Unexpected::Bool(false) => "boolean `false`",
        Unexpected::Float(_) => "floating point number",
        Unexpected::Bytes(_) => "byte array",
        Unexpected::Unit => "null",
        Unexpected::Option => "optional value",
        Unexpected::NewtypeStruct => "newtype struct",
        Unexpected::Seq => "sequence",
        Unexpected::Map => "map",
        Unexpected::Enum => "enum",
        Unexpected::UnitVariant => "unit variant",
        Unexpected::NewtypeVariant => "newtype variant",
        Unexpected::TupleVariant => "tuple variant",
        Unexpected::StructVariant => "struct variant",
        Unexpected::Other(text) => text,
    };
    text.to_owned()
}

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
