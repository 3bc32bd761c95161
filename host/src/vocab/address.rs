//! Who an actor is: tenant, kind and key, and the fixed-size id derived from them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Code;

/// The longest tenant or kind, in bytes; they become metric labels and catalog keys.
const NAME_BYTES_MAX: usize = 64;
/// The longest key, in bytes; keys are stored once per actor and held in memory while it is live.
const KEY_BYTES_MAX: usize = 1_024;

/// Why a tenant, kind or key was refused. The message says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// A tenant or kind is empty, too long, or has a character outside `a-z 0-9 - _`.
    #[error("{part} {value:?} is not a name: use 1 to 64 of a-z, 0-9, '-' and '_', starting with a letter or digit")]
    Name {
        /// Which part of the address: `tenant` or `kind`.
        part: &'static str,
        /// What was given.
        value: String,
    },
    /// A key is empty or longer than 1,024 bytes.
    #[error("a key has 1 to 1024 bytes of UTF-8; this one has {bytes}")]
    Key {
        /// The length that was given.
        bytes: usize,
    },
}

impl AddressError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::InvalidAddress
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $part:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a name: 1 to 64 of `a-z 0-9 - _`, starting with a letter or digit.
            ///
            /// # Errors
            /// [`AddressError::Name`] when it is anything else.
            pub fn new(value: impl Into<String>) -> Result<Self, AddressError> {
                let value = value.into();
                if is_name(&value) {
                    Ok(Self(value))
                } else {
                    Err(AddressError::Name { part: $part, value: shown(value) })
                }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = AddressError;
            fn try_from(value: String) -> Result<Self, AddressError> {
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name!(
    /// The party on whose behalf actors run; the boundary of isolation and of quotas.
    Tenant,
    "tenant"
);
name!(
    /// A deployed actor type of one tenant.
    Kind,
    "kind"
);

impl Tenant {
    /// The tenant that exists from the start: `default`.
    #[must_use]
    pub fn default_tenant() -> Self {
        Self("default".to_owned())
    }
}

/// As much of a refused name as a message needs: whoever gave it may have given megabytes.
fn shown(mut value: String) -> String {
    if value.len() > NAME_BYTES_MAX {
        value.truncate(value.floor_char_boundary(NAME_BYTES_MAX));
        value.push('…');
    }
    value
}

fn is_name(value: &str) -> bool {
    value.len() <= NAME_BYTES_MAX
        && value.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

/// Which actor of a kind: any UTF-8 text of 1 to 1,024 bytes, compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

impl Key {
    /// Checks and wraps a key.
    ///
    /// # Errors
    /// [`AddressError::Key`] when it is empty or longer than 1,024 bytes.
    pub fn new(value: impl Into<String>) -> Result<Self, AddressError> {
        let value = value.into();
        if value.is_empty() || value.len() > KEY_BYTES_MAX {
            return Err(AddressError::Key { bytes: value.len() });
        }
        Ok(Self(value))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Key {
    type Error = AddressError;
    fn try_from(value: String) -> Result<Self, AddressError> {
        Self::new(value)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// Who an actor is. Unique within a host or cluster; never reused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// Whose actor it is.
    pub tenant: Tenant,
    /// Which deployed type it is.
    pub kind: Kind,
    /// Which one of that type.
    pub key: Key,
}

impl Address {
    /// Checks the three parts and joins them.
    ///
    /// # Errors
    /// The first part that is not allowed, as an [`AddressError`].
    pub fn new(
        tenant: impl Into<String>,
        kind: impl Into<String>,
        key: impl Into<String>,
    ) -> Result<Self, AddressError> {
        Ok(Self { tenant: Tenant::new(tenant)?, kind: Kind::new(kind)?, key: Key::new(key)? })
    }

    /// The fixed-size id of this address; the same on every machine.
    #[must_use]
    pub fn id(&self) -> ActorId {
        let mut hasher = blake3::Hasher::new();
        for part in [self.tenant.as_str(), self.kind.as_str(), self.key.as_str()] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            hasher.update(&length.to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        ActorId(id)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.kind, self.key)
    }
}

/// The first 128 bits of BLAKE3 over the length-prefixed parts of an [`Address`].
///
/// Frames carry it instead of the address, so that it needs no allocation, no lookup and no
/// coordination, and so that a journal moves between stores unchanged. A store keeps the address
/// beside the first frame and refuses two addresses with one id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ActorId(pub [u8; 16]);

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_run_into_each_other() {
        let one = Address::new("a", "bc", "d").map(|a| a.id());
        let two = Address::new("ab", "c", "d").map(|a| a.id());
        assert_ne!(one, two);
    }

    #[test]
    fn the_id_of_an_address_never_changes() {
        let id = Address::new("default", "counter", "c-1").map(|a| a.id().to_string());
        assert_eq!(id.as_deref(), Ok("9d5440b2e5ee21d82e7bf5f0be13ca45"));
    }

    #[test]
    fn illegal_names_are_refused_with_the_rule() {
        for bad in ["", "Upper", "-dash", "sp ace", "a/b", "ä", &"x".repeat(65)] {
            assert!(Tenant::new(bad).is_err(), "{bad:?}");
        }
        assert!(Kind::new("x".repeat(64)).is_ok());
    }

    #[test]
    fn keys_are_any_text_of_bounded_length() {
        for good in ["../x", "a\0b", "%2f", "a/b:c", "ключ", &"k".repeat(1024)] {
            assert!(Key::new(good).is_ok(), "{good:?}");
        }
        assert!(Key::new("").is_err());
        assert!(Key::new("k".repeat(1025)).is_err());
    }
}
