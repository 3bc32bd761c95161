//! One key: what is stored of it, what is shown, what is asked for.

use serde::{Deserialize, Serialize};

use super::key::{KeyId, KeyText};
use crate::vocab::{Owner, Scopes, Timestamp};

/// The longest name of a key or tenant, in bytes.
const TEXT_BYTES_MAX: usize = 200;

/// What the catalog keeps of a key. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredKey {
    /// The first layout.
    V1(KeyRecord),
}

/// One key as it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    /// BLAKE3 of the secret bytes.
    pub(super) hash: [u8; 32],
    pub(super) owner: Owner,
    pub(super) scopes: Scopes,
    pub(super) name: String,
    pub(super) created_at: u64,
    pub(super) expires_at: Option<u64>,
    pub(super) revoked_at: Option<u64>,
    /// The key that it was rotated from.
    pub(super) replaces: Option<KeyId>,
}

impl std::fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRecord").field("owner", &self.owner).field("name", &self.name).finish_non_exhaustive()
    }
}

impl KeyRecord {
    /// Why it is not valid at a time; `None`: it is.
    pub(super) fn problem(&self, now: Timestamp) -> Option<&'static str> {
        if self.revoked_at.is_some() {
            Some("was revoked")
        } else if self.expires_at.is_some_and(|at| at <= now.0) {
            Some("has expired")
        } else {
            None
        }
    }

    pub(super) fn view(&self, id: KeyId, last_used: u64) -> KeyView {
        KeyView {
            id,
            owner: self.owner.clone(),
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            created_at: Timestamp(self.created_at),
            expires_at: self.expires_at.map(Timestamp),
            revoked_at: self.revoked_at.map(Timestamp),
            last_used: (last_used > 0).then_some(Timestamp(last_used)),
            replaces: self.replaces,
        }
    }
}

/// What somebody wants of a new key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// What it is for, in words.
    #[serde(default)]
    pub name: String,
    /// What it may be used for; at least one.
    pub scopes: Scopes,
    /// How long it is valid, seconds; for ever without it.
    #[serde(default)]
    pub expires_in_s: Option<u64>,
}

/// A key as people see it: never the key itself, nor its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// Its id.
    pub id: KeyId,
    /// Whose it is; `-` is the host.
    pub owner: Owner,
    /// What it is for.
    pub name: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to about a minute.
    pub last_used: Option<Timestamp>,
    /// The key that it was rotated from.
    pub replaces: Option<KeyId>,
}

/// A key that was just created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The key; there is no other moment at which it can be seen.
    pub text: KeyText,
    /// What is kept of it.
    pub view: KeyView,
}

/// What is wrong with a name for people; `None`: nothing.
pub(super) fn text_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        Some("must have 1 to 200 bytes")
    } else if text.chars().any(char::is_control) {
        Some("has a control character")
    } else if KeyText::is_in(text) {
        Some("holds a key; keys are secret")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::{Scope, Tenant};

    fn record() -> KeyRecord {
        KeyRecord {
            hash: [3; 32],
            owner: Owner::Tenant(Tenant::new("acme").unwrap()),
            scopes: Scopes::from([Scope::Call, Scope::Read]),
            name: "n".to_owned(),
            created_at: 5,
            expires_at: Some(10),
            revoked_at: None,
            replaces: None,
        }
    }

    #[test]
    fn a_key_is_valid_until_its_end_and_not_after() {
        assert_eq!(record().problem(Timestamp(9)), None);
        assert!(record().problem(Timestamp(10)).is_some());
        assert!(KeyRecord { revoked_at: Some(6), ..record() }.problem(Timestamp(7)).is_some());
    }

    #[test]
    fn nothing_that_is_shown_holds_the_hash() {
        let view = record().view(super::super::key::KeyHash([3; 32]).id(), 0);
        let shown = format!("{:?} {}", record(), serde_json::to_string(&view).unwrap());
        assert!(!shown.contains("03030303030303030303") && !shown.contains("3, 3, 3"), "{shown}");
    }

    /// Bytes as they lie in stores. A change that fails here breaks them.
    #[test]
    fn the_stored_layout_does_not_change() {
        let bytes = crate::frame::codec::encode(&StoredKey::V1(record())).unwrap();
        let expected = [&[0][..], &[3; 32], b"\x04acme\x02\0\x02\x01n\x05\x01\x0a\0\0"].concat();
        assert_eq!(bytes, expected);
        assert_eq!(crate::frame::codec::decode::<StoredKey>(&bytes).unwrap(), StoredKey::V1(record()));
    }
}
