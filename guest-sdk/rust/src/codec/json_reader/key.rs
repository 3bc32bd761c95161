//! An object's key, which is a string whatever the type of a map's keys is.

use std::borrow::Cow;

use serde::de::value::CowStrDeserializer;
use serde::de::{Deserializer, Error, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::text::Text;
use crate::codec::CodecError;

/// A key; numbers and booleans are read from the string.
pub(super) struct Key<'de>(pub(super) Cow<'de, str>);

macro_rules! parse {
    ($($method:ident => $visit:ident;)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
                match self.0.parse() {
                    Ok(parsed) if is_number(&self.0) => visitor.$visit(parsed),
                    _ => Err(CodecError::invalid_type(Unexpected::Str(&self.0), &visitor)),
                }
            }
        )*
    };
}

/// Whether a key is spelled as JSON spells numbers; Rust's own parsing also takes `+5`, `05` and `inf`.
fn is_number(key: &str) -> bool {
    let mut text = Text::new(key);
    text.number().is_ok() && text.at() == key.len() && key != "-0"
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = CodecError;

    parse! {
        deserialize_i8 => visit_i8;
        deserialize_i16 => visit_i16;
        deserialize_i32 => visit_i32;
        deserialize_i64 => visit_i64;
        deserialize_i128 => visit_i128;
        deserialize_u8 => visit_u8;
        deserialize_u16 => visit_u16;
        deserialize_u32 => visit_u32;
        deserialize_u64 => visit_u64;
        deserialize_u128 => visit_u128;
        deserialize_f32 => visit_f32;
        deserialize_f64 => visit_f64;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match &*self.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => Err(CodecError::invalid_type(Unexpected::Str(other), &visitor)),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        let variant: CowStrDeserializer<'de, CodecError> = self.0.into_deserializer();
        visitor.visit_enum(variant)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
