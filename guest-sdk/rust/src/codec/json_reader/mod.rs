//! serde over JSON text.
//!
//! It accepts what `serde_json` accepts, which a test holds against it. It exists because `serde_json`'s errors
//! bring the formatting of floating-point numbers into every component, 30 KB of code and tables; here that code
//! is linked only where a type has such a number. Writing JSON is `serde_json`'s.

mod key;
mod text;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};

use super::CodecError;
use key::Key;
use text::Text;

type Result<T> = std::result::Result<T, CodecError>;

/// Decodes the value that `bytes` are, which must be consumed whole.
pub(super) fn read<'de, S: DeserializeSeed<'de>>(seed: S, bytes: &'de [u8]) -> Result<S::Value> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| CodecError::new("this is not JSON, because it is not UTF-8").at_byte(error.valid_up_to()))?;
    let mut text = Text::new(text);
    let value = seed.deserialize(JsonReader(&mut text))?;
    text.end()?;
    Ok(value)
}

struct JsonReader<'a, 'de>(&'a mut Text<'de>);

impl<'de> JsonReader<'_, 'de> {
    /// What comes next is of another kind than `expected`.
    #[cold]
    fn mismatch(self, expected: &dyn Expected) -> CodecError {
        let found = match self.0.peek() {
            None => return self.0.error("the JSON ends where a value is expected"),
            Some(b'n') => Unexpected::Unit,
            Some(b't') => Unexpected::Bool(true),
            Some(b'f') => Unexpected::Bool(false),
            Some(b'"') => Unexpected::Other("string"),
            Some(b'[') => Unexpected::Seq,
            Some(b'{') => Unexpected::Map,
            Some(b'-' | b'0'..=b'9') => Unexpected::Other("number"),
            Some(_) => return self.0.error("this is not a JSON value"),
        };
        let at = self.0.at();
        // A word or a string that is none is worth a better message than its kind.
        match self.0.skip() {
            Ok(()) => CodecError::invalid_type(found, expected).at_byte(at),
            Err(error) => error,
        }
    }

    fn integer<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if !matches!(self.0.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.mismatch(&visitor));
        }
        let at = self.0.at();
        let (digits, integer) = self.0.number()?;
        if !integer {
            return Err(CodecError::invalid_type(Unexpected::Float(0.0), &visitor).at_byte(at));
        }
        let visited = if let Ok(number) = digits.parse::<u64>() {
            visitor.visit_u64(number)
        } else if let Ok(number) = digits.parse::<i64>() {
            visitor.visit_i64(number)
        } else {
            Err(CodecError::invalid_value(Unexpected::Other("integer beyond 64 bits"), &visitor))
        };
        visited.map_err(|error: CodecError| error.at_byte(at))
    }

    fn float<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if !matches!(self.0.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.mismatch(&visitor));
        }
        let (digits, _) = self.0.number()?;
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => visitor.visit_f64(number),
            _ => Err(self.0.error("this number is out of range")),
        }
    }

    fn text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.0.peek() != Some(b'"') {
            return Err(self.mismatch(&visitor));
        }
        let at = self.0.at();
        let visited = match self.0.string()? {
            std::borrow::Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            std::borrow::Cow::Owned(text) => visitor.visit_string(text),
        };
        visited.map_err(|error: CodecError| error.at_byte(at))
    }

    fn array<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.enter()?;
        let value = visitor.visit_seq(Items { text: self.0, first: true })?;
        self.0.leave(b']')?;
        Ok(value)
    }

    fn object<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.enter()?;
        let value = visitor.visit_map(Items { text: self.0, first: true })?;
        self.0.leave(b'}')?;
        Ok(value)
    }
}

macro_rules! forward {
    ($($method:ident => $to:ident;)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
                self.$to(visitor)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for JsonReader<'_, 'de> {
    type Error = CodecError;

    forward! {
        deserialize_i8 => integer;
        deserialize_i16 => integer;
        deserialize_i32 => integer;
        deserialize_i64 => integer;
        deserialize_u8 => integer;
        deserialize_u16 => integer;
        deserialize_u32 => integer;
        deserialize_u64 => integer;
        deserialize_f32 => float;
        deserialize_f64 => float;
        deserialize_char => text;
        deserialize_str => text;
        deserialize_string => text;
        deserialize_identifier => text;
        deserialize_byte_buf => deserialize_bytes;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.peek() {
            Some(b'n') => self.deserialize_unit(visitor),
            Some(b't' | b'f') => self.deserialize_bool(visitor),
            Some(b'"') => self.text(visitor),
            Some(b'[') => self.array(visitor),
            Some(b'{') => self.object(visitor),
            _ => {
                let (digits, integer) = self.0.number()?;
                match (digits.parse::<u64>(), digits.parse::<i64>(), digits.parse::<f64>()) {
                    (Ok(number), ..) if integer => visitor.visit_u64(number),
                    (_, Ok(number), _) if integer => visitor.visit_i64(number),
                    (.., Ok(number)) if number.is_finite() => visitor.visit_f64(number),
                    _ => Err(self.0.error("this number is out of range")),
                }
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.peek() {
            Some(b't') => {
                self.0.word("true")?;
                visitor.visit_bool(true)
            }
            Some(b'f') => {
                self.0.word("false")?;
                visitor.visit_bool(false)
            }
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.peek();
        let (digits, _) = self.0.number()?;
        digits.parse().map_or_else(|_| Err(self.0.error("this is not a 128-bit integer")), |it| visitor.visit_i128(it))
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.peek();
        let (digits, _) = self.0.number()?;
        digits.parse().map_or_else(|_| Err(self.0.error("this is not a 128-bit integer")), |it| visitor.visit_u128(it))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.peek() {
            Some(b'[') => self.array(visitor),
            _ => self.text(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.peek() {
            Some(b'n') => {
                self.0.word("null")?;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.peek() {
            Some(b'n') => {
                self.0.word("null")?;
                visitor.visit_unit()
            }
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.peek() {
            Some(b'[') => self.array(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.peek() {
            Some(b'{') => self.object(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.0.peek() {
            Some(b'[') => self.array(visitor),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.0.peek() {
            Some(b'"') => visitor.visit_enum(Tag(self.0)),
            Some(b'{') => {
                self.0.enter()?;
                let value = visitor.visit_enum(Tag(&mut *self.0))?;
                self.0.leave(b'}')?;
                Ok(value)
            }
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.skip()?;
        visitor.visit_unit()
    }
}

/// The items of an array or the entries of an object.
struct Items<'a, 'de> {
    text: &'a mut Text<'de>,
    first: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = CodecError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.text.next_item(&mut self.first, b']')? {
            seed.deserialize(JsonReader(self.text)).map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = CodecError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.text.next_item(&mut self.first, b'}')? {
            let at = self.text.at();
            seed.deserialize(Key(self.text.string()?)).map(Some).map_err(|error| error.at_byte(at))
        } else {
            Ok(None)
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.text.expect(b':', "a colon is missing")?;
        seed.deserialize(JsonReader(self.text))
    }
}

/// An enum: `"Variant"` or `{"Variant": fields}`.
struct Tag<'a, 'de>(&'a mut Text<'de>);

impl<'de> EnumAccess<'de> for Tag<'_, 'de> {
    type Error = CodecError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let variant = seed.deserialize(JsonReader(self.0))?;
        Ok((variant, self))
    }
}

impl<'de> Tag<'_, 'de> {
    fn fields<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        self.0.expect(b':', "the fields of this variant are missing")?;
        seed.deserialize(JsonReader(self.0))
    }
}

impl<'de> VariantAccess<'de> for Tag<'_, 'de> {
    type Error = CodecError;

    fn unit_variant(self) -> Result<()> {
        // In an object, `null` stands for no fields.
        if !self.0.take(b':') {
            return Ok(());
        }
        match self.0.peek() {
            Some(b'n') => self.0.word("null"),
            _ => Err(self.0.error("this variant has no fields")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        self.fields(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.0.expect(b':', "the fields of this variant are missing")?;
        JsonReader(self.0).deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.0.expect(b':', "the fields of this variant are missing")?;
        JsonReader(self.0).deserialize_struct("", fields, visitor)
    }
}
