//! How payloads and snapshots are encoded: the only module that knows bincode and JSON.
//!
//! An event's or command's type travels beside its payload, so a payload holds the fields of one enum variant
//! and no tag. `variant` and `untagged` put serde's derived implementations to that use.

mod error;
mod untagged;
mod variant;

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};

use crate::command::CommandType;
use crate::event::{Event, Upcasted};
use variant::Variant;

pub use error::CodecError;
pub(crate) use error::must;
pub use untagged::Untagged;

/// Bytes that one event may claim while it is decoded: what a damaged length can make an actor allocate.
const EVENT_BYTES_MAX: usize = /* 16 MiB */ 16 * 1_024 * 1_024;
/// Bytes that one snapshot may claim while it is decoded.
const STATE_BYTES_MAX: usize = /* 64 MiB */ 64 * 1_024 * 1_024;

const fn event_config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<EVENT_BYTES_MAX>()
}

const fn state_config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<STATE_BYTES_MAX>()
}

/// An encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Small and fast, for machines: bincode 2's standard configuration. It holds no field names, so every
    /// change of a layout needs a new version.
    Bincode,
    /// Larger and slower, for types that bincode cannot hold: serde's JSON.
    Json,
}

/// What serde can decode; exists for its error message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be decoded",
    note = "write `#[derive(serde::Deserialize)]` above it"
)]
pub trait Decodable: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Decodable for T {}

/// What serde can encode; exists for its error message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be encoded",
    note = "write `#[derive(serde::Serialize)]` above it"
)]
pub trait Encodable: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> Encodable for T {}

/// JSON in a vector of its own.
pub(crate) fn encode_json(value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, CodecError> {
    Ok(serde_json::to_vec(value)?)
}

/// JSON at the end of `out`.
pub(crate) fn encode_json_into(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    Ok(serde_json::to_writer(out, value)?)
}

/// An event's payload at the end of `out`.
#[inline]
pub fn encode_event<E: Event>(event: &E, codec: Codec, out: &mut Vec<u8>) -> Result<(), CodecError> {
    match codec {
        Codec::Bincode => {
            bincode::serde::encode_into_std_write(Untagged(event), out, event_config())?;
            Ok(())
        }
        Codec::Json => encode_json_into(&Untagged(event), out),
    }
}

/// The event of a payload, which must be consumed whole. `variant` is the enum variant's position.
#[inline]
pub fn decode_event<E: Event>(variant: u16, codec: Codec, payload: &[u8]) -> Result<E, CodecError> {
    match codec {
        Codec::Bincode => read_bincode(Variant::<E>::at(variant), payload, event_config()),
        Codec::Json => read_json(Variant::<E>::at(variant), payload),
    }
}

/// Decodes an old payload, and hands what `upcaster` makes of it to `sink`.
pub fn upcast<E: Event, Old: DeserializeOwned, New: Upcasted<E>>(
    upcaster: impl Fn(Old) -> New,
    codec: Codec,
    payload: &[u8],
    sink: &mut impl FnMut(E),
) -> Result<(), CodecError> {
    upcaster(decode_old(codec, payload)?).each(sink);
    Ok(())
}

/// An event's payload as JSON.
pub fn event_to_json<E: Event>(variant: u16, codec: Codec, payload: &[u8]) -> Result<String, CodecError> {
    Ok(serde_json::to_string(&Untagged(&decode_event::<E>(variant, codec, payload)?))?)
}

/// An old payload as JSON. The upcaster only tells its type.
pub fn old_to_json<Old: Serialize + DeserializeOwned, New>(
    _upcaster: impl Fn(Old) -> New,
    codec: Codec,
    payload: &[u8],
) -> Result<String, CodecError> {
    Ok(serde_json::to_string(&decode_old::<Old>(codec, payload)?)?)
}

/// A payload as older code wrote it, at the end of `out`.
pub(crate) fn encode_old(payload: &impl Serialize, codec: Codec, out: &mut Vec<u8>) -> Result<(), CodecError> {
    match codec {
        Codec::Bincode => {
            bincode::serde::encode_into_std_write(payload, out, event_config())?;
            Ok(())
        }
        Codec::Json => encode_json_into(payload, out),
    }
}

fn decode_old<Old: DeserializeOwned>(codec: Codec, payload: &[u8]) -> Result<Old, CodecError> {
    match codec {
        Codec::Bincode => read_bincode(PhantomData, payload, event_config()),
        Codec::Json => read_json(PhantomData, payload),
    }
}

/// A command's payload. Empty, and `null` where the fields are a JSON object, stand for no fields at all.
pub(crate) fn decode_command<C: DeserializeOwned>(
    variant: u16,
    command: &CommandType,
    payload: &[u8],
) -> Result<C, CodecError> {
    let payload = match payload.trim_ascii() {
        b"" => command.when_empty.as_bytes(),
        b"null" if command.when_empty == "{}" => b"{}",
        _ => payload,
    };
    read_json(Variant::<C>::at(variant), payload)
}

/// A state as snapshot bytes.
pub(crate) fn encode_state(state: &impl Serialize, codec: Codec) -> Result<Vec<u8>, CodecError> {
    match codec {
        Codec::Bincode => Ok(bincode::serde::encode_to_vec(state, state_config())?),
        Codec::Json => encode_json(state),
    }
}

/// The state of snapshot bytes, which must be consumed whole.
pub(crate) fn decode_state<S: DeserializeOwned>(codec: Codec, bytes: &[u8]) -> Result<S, CodecError> {
    match codec {
        Codec::Bincode => read_bincode(PhantomData, bytes, state_config()),
        Codec::Json => read_json(PhantomData, bytes),
    }
}

/// What derived code returns for an index that the manifest does not list.
#[cold]
#[must_use]
pub fn unknown_type(index: u16) -> CodecError {
    CodecError::unknown_type(index)
}

/// A value that fills its bytes.
#[inline]
fn read_bincode<'de, S: DeserializeSeed<'de>>(
    seed: S,
    bytes: &'de [u8],
    config: impl bincode::config::Config,
) -> Result<S::Value, CodecError> {
    let (value, read) = bincode::serde::seed_decode_from_slice(seed, bytes, config)?;
    if read == bytes.len() { Ok(value) } else { Err(CodecError::leftover(bytes.len() - read)) }
}

/// A value that fills its JSON text.
fn read_json<'de, S: DeserializeSeed<'de>>(seed: S, text: &'de [u8]) -> Result<S::Value, CodecError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}
