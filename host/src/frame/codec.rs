//! How the host writes down its own records: bincode 2 (little-endian, variable-length integers), and nothing else.
//!
//! This module is the only one that knows bincode. A record carries its version as an enum or a field of its own:
//! bincode does not describe itself, so a changed type is a new type. Never used on bytes that a guest chose
//! without their length being bounded first.
//!
//! The way out, should bincode have to go: `wincode` decodes the same bytes (`wincode_decodes_what_bincode_wrote`).

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest record that is written or read; bounds what a hostile length can make the host allocate.
pub const RECORD_BYTES_MAX: usize = /* 32 MiB */ 32 * 1_024 * 1_024;

/// Why a record of the host could not be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The value cannot be expressed, or is over [`RECORD_BYTES_MAX`].
    #[error("the record cannot be encoded: {reason}")]
    Encode {
        /// What the encoder said.
        reason: String,
    },
    /// The bytes are not this type's.
    #[error("the record cannot be decoded: {reason}")]
    Decode {
        /// What the decoder said.
        reason: String,
    },
    /// The value ended before the bytes did, so they are not this type's.
    #[error("the record ends after {used} of {length} bytes")]
    Leftover {
        /// Bytes that the value took.
        used: usize,
        /// Bytes there were.
        length: usize,
    },
}

/// Encodes a record; the result decodes to an equal value.
///
/// # Errors
/// [`CodecError::Encode`] when the value is over the limit or of a shape that bincode lacks.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let config = bincode::config::standard().with_limit::<RECORD_BYTES_MAX>();
    let bytes = bincode::serde::encode_to_vec(value, config)
        .map_err(|error| CodecError::Encode { reason: error.to_string() })?;
    if bytes.len() > RECORD_BYTES_MAX {
        let reason = format!("{} bytes are over the limit of {RECORD_BYTES_MAX}", bytes.len());
        return Err(CodecError::Encode { reason });
    }
    Ok(bytes)
}

/// Decodes a record from exactly these bytes.
///
/// # Errors
/// When they are not this type's, when some are left over, or when a length in them is over the limit.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::standard().with_limit::<RECORD_BYTES_MAX>();
    let (value, used) = bincode::serde::decode_from_slice(bytes, config)
        .map_err(|error| CodecError::Decode { reason: error.to_string() })?;
    if used != bytes.len() {
        return Err(CodecError::Leftover { used, length: bytes.len() });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// One of everything that records are made of.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, wincode::SchemaRead, wincode::SchemaWrite)]
    struct Sample {
        name: String,
        number: u32,
        large: u64,
        below_zero: i64,
        small: Option<u16>,
        bytes: Vec<u8>,
        digest: [u8; 4],
        choice: Choice,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, wincode::SchemaRead, wincode::SchemaWrite)]
    enum Choice {
        Nothing,
        Names(Vec<String>),
    }

    fn sample() -> Sample {
        Sample {
            name: "größer".to_owned(),
            number: 251,
            large: 1 << 53,
            below_zero: -3,
            small: Some(65_535),
            bytes: vec![0, 255],
            digest: *b"four",
            choice: Choice::Names(vec![String::new(), "b".to_owned()]),
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(decode(&encode(&sample()).expect("sound")), Ok(sample()));
        let nothing = Sample { choice: Choice::Nothing, small: None, ..sample() };
        assert_eq!(decode(&encode(&nothing).expect("sound")), Ok(nothing));
    }

    /// Bytes as they lie in stores. A change that fails here breaks them.
    #[test]
    fn the_golden_record_is_decoded_and_encoded_again_byte_for_byte() {
        let golden = include_bytes!("../../tests/golden/codec/v1-sample.bin");
        assert_eq!(decode(golden), Ok(sample()));
        assert_eq!(encode(&sample()).as_deref(), Ok(golden.as_slice()));
    }

    #[test]
    fn wincode_decodes_what_bincode_wrote() {
        let config = wincode::config::Configuration::default().with_varint_encoding();
        let bytes = encode(&sample()).expect("sound");
        let decoded: Sample = wincode::config::deserialize_exact(&bytes, config).expect("the same format");
        assert_eq!(decoded, sample());
        assert_eq!(wincode::config::serialize(&sample(), config).expect("the same format"), bytes);
    }

    #[test]
    fn bytes_that_are_left_over_are_an_error() {
        let mut bytes = encode(&sample()).expect("sound");
        let length = bytes.len();
        bytes.push(0);
        assert_eq!(decode::<Sample>(&bytes), Err(CodecError::Leftover { used: length, length: length + 1 }));
        assert!(matches!(decode::<Sample>(&bytes[..length - 1]), Err(CodecError::Decode { .. })));
    }

    #[test]
    fn a_hostile_length_is_refused_before_it_is_allocated() {
        // A byte vector that claims 2^63 bytes.
        let bytes = [253, 0, 0, 0, 0, 0, 0, 0, 128];
        assert!(matches!(decode::<Vec<u8>>(&bytes), Err(CodecError::Decode { .. })));
        assert!(matches!(encode(&vec![0u8; RECORD_BYTES_MAX + 1]), Err(CodecError::Encode { .. })));
    }
}
