//! The text of a key: a prefix that is recognised anywhere, 256 random bits, a checksum against typing errors.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::TenancyError;
use crate::runtime::secret::random_bytes;
use crate::vocab::Code;

/// Every key begins with this, so that people and scanners for leaked secrets recognise one.
pub(super) const PREFIX: &str = "grk_";
/// Random bytes of a key.
const SECRET_BYTES: usize = 32;
/// Bytes of the checksum: four billion typing errors, one of them unnoticed.
const CHECKSUM_BYTES: usize = 4;
/// Bytes of a key's id.
const ID_BYTES: usize = 8;
/// As many hexadecimal digits behind the prefix look like a key, not like somebody's text.
const SUSPICIOUS_DIGITS: usize = 16;

/// The name of a key: the first 64 bits of its hash. No secret; it stands in lists, in the audit log and in paths.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        unhex(text).map(Self).ok_or_else(|| format!("a key's id has {} hexadecimal digits in lower case", 2 * ID_BYTES))
    }
}

impl TryFrom<String> for KeyId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

/// A key. Whoever has it may use it: it is shown once, never logged, and only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText(String);

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(…)")
    }
}

/// What is kept of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyHash(pub(super) [u8; 32]);

impl KeyHash {
    pub(super) fn id(&self) -> KeyId {
        let mut id = [0; ID_BYTES];
        id.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        KeyId(id)
    }

    /// Compares in a time that does not depend on where they differ.
    pub(super) fn is(&self, stored: &[u8; 32]) -> bool {
        blake3::Hash::from_bytes(self.0) == blake3::Hash::from_bytes(*stored)
    }
}

impl KeyText {
    /// A new key.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub(super) fn generate() -> Result<(Self, KeyHash), TenancyError> {
        let secret = random_bytes()?;
        Ok((Self::of(&secret), hash(&secret)))
    }

    fn of(secret: &[u8; SECRET_BYTES]) -> Self {
        let body = format!("{PREFIX}{}", hex(secret));
        let checksum = hex(&checksum(&body));
        Self(body + &checksum)
    }

    /// The key itself, for the one who asked for it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The hash of what somebody presents as a key.
    ///
    /// # Errors
    /// When it cannot be a key. The reason never repeats what was presented.
    pub(super) fn read(presented: &str) -> Result<KeyHash, TenancyError> {
        let malformed = |reason: &str| TenancyError::refused(Code::MalformedKey, reason);
        let digits = presented
            .strip_prefix(PREFIX)
            .ok_or_else(|| malformed(&format!("a key begins with {PREFIX}; what was sent does not")))?;
        let expected = 2 * (SECRET_BYTES + CHECKSUM_BYTES);
        if digits.len() != expected {
            let reason = format!(
                "{} characters follow {PREFIX}, a key has {expected}: a part is missing or added",
                digits.len()
            );
            return Err(malformed(&reason));
        }
        let (secret, sum) = digits.split_at_checked(2 * SECRET_BYTES).unwrap_or_default();
        let typo = || malformed("its checksum does not fit: one of its characters is wrong");
        let secret: [u8; SECRET_BYTES] = unhex(secret).ok_or_else(typo)?;
        let sum: [u8; CHECKSUM_BYTES] = unhex(sum).ok_or_else(typo)?;
        if sum != checksum(&format!("{PREFIX}{}", hex(&secret))) {
            return Err(typo());
        }
        Ok(hash(&secret))
    }

    /// Whether a text holds a key, or a good part of one.
    #[must_use]
    pub fn is_in(text: &str) -> bool {
        text.split(PREFIX)
            .skip(1)
            .any(|rest| rest.bytes().take(SUSPICIOUS_DIGITS).filter(u8::is_ascii_hexdigit).count() == SUSPICIOUS_DIGITS)
    }
}

fn hash(secret: &[u8; SECRET_BYTES]) -> KeyHash {
    KeyHash(*blake3::hash(secret).as_bytes())
}

/// Of the text before it, so that it says nothing about the hash that is stored.
fn checksum(body: &str) -> [u8; CHECKSUM_BYTES] {
    let mut sum = [0; CHECKSUM_BYTES];
    blake3::Hasher::new().update(body.as_bytes()).finalize_xof().fill(&mut sum);
    sum
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lower case only: one key has one text.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_read_back_to_its_hash() {
        let (text, hash) = KeyText::generate().unwrap();
        assert!(text.expose().starts_with("grk_") && text.expose().len() == 76);
        assert!(KeyText::read(text.expose()).unwrap().is(&hash.0));
        let (other, _) = KeyText::generate().unwrap();
        assert_ne!(text, other);
    }

    #[test]
    fn the_text_of_a_key_never_changes_its_meaning() {
        let text = KeyText::of(&[7; 32]);
        assert_eq!(text.expose(), "grk_0707070707070707070707070707070707070707070707070707070707070707bf715cc3");
        assert_eq!(hash(&[7; 32]).id().to_string(), "ebaf85b465a09de2");
    }

    #[test]
    fn every_typing_error_is_told_and_never_repeated() {
        let text = KeyText::of(&[7; 32]).expose().to_owned();
        for at in 0..text.len() {
            for wrong in ["8", "G", "A"] {
                let mut typed = text.clone();
                typed.replace_range(at..=at, wrong);
                if typed == text {
                    continue;
                }
                let error = KeyText::read(&typed).err().map(|error| (error.code(), error.to_string()));
                let (code, reason) = error.unwrap_or_else(|| panic!("{typed} was taken"));
                assert_eq!(code, Code::MalformedKey, "{typed}");
                assert!(!reason.contains("0707"), "{reason}");
            }
        }
        for part in ["", "grk_", &text[..40], &format!("{text}0"), "Bearer", "grk_ä"] {
            assert_eq!(KeyText::read(part).err().map(|error| error.code()), Some(Code::MalformedKey), "{part}");
        }
    }

    #[test]
    fn a_key_is_found_in_a_text_and_ordinary_words_are_not() {
        let text = KeyText::of(&[7; 32]).expose().to_owned();
        assert!(KeyText::is_in(&format!("/v1/x?key={text}")));
        assert!(KeyText::is_in(&text[..30]));
        assert!(!KeyText::is_in("/v1/default/actors/grk_orders/1"));
    }

    #[test]
    fn debugging_output_does_not_show_a_key() {
        let (text, _) = KeyText::generate().unwrap();
        assert_eq!(format!("{text:?}"), "KeyText(…)");
    }
}
