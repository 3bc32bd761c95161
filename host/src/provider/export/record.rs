//! One record of an export: how it is written and read.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::frame::Frame;
use crate::frame::codec;
use crate::provider::{Head, Snapshot, SnapshotMeta, StoreError};
use crate::vocab::{Address, RevisionId, Sequence, Timestamp};

/// The first bytes of an export: the magic number, then the format's version, little-endian.
pub const EXPORT_HEADER: [u8; 8] = [b'G', b'R', b'X', b'P', VERSION, 0, 0, 0];
const VERSION: u8 = 1;

/// Bytes in front of each payload: its length, its checksum, its kind, three zeros.
pub(super) const HEAD_BYTES: usize = 12;
/// The longest payload: a component, a frame or a snapshot, with what stands beside it.
pub(super) const PAYLOAD_BYTES_MAX: u32 = /* 64 MiB */ 64 * 1_024 * 1_024;

const CATALOG: u8 = 1;
const ACTOR: u8 = 2;
const FRAME: u8 = 3;
const SNAPSHOT: u8 = 4;
const END: u8 = 5;

/// Where an exported journal begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportedHead {
    /// The highest number.
    pub sequence: Sequence,
    /// Events up to this number are deleted.
    pub deleted_through: Sequence,
}

impl From<ExportedHead> for Head {
    fn from(head: ExportedHead) -> Self {
        // Nobody is ever woken from an export.
        Self { sequence: head.sequence, deleted_through: head.deleted_through, wake_at: None }
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportRecord {
    /// A record of the catalog.
    Catalog {
        /// Its key.
        key: String,
        /// Its value.
        value: Bytes,
    },
    /// An actor; its frames and snapshots follow.
    Actor {
        /// Who it is.
        address: Address,
        /// Where its journal begins and ends.
        head: ExportedHead,
    },
    /// A frame of the actor before it.
    Frame(Bytes),
    /// A snapshot of the actor before it: what it says of itself, the state, and what the host keeps beside it.
    Snapshot {
        /// What it says of itself.
        meta: SnapshotMeta,
        /// What the guest captured.
        state: Bytes,
        /// What the host keeps beside it.
        ledger: Bytes,
    },
    /// The end: how many actors, frames and snapshots there are.
    End {
        /// Actors.
        actors: u64,
        /// Frames.
        frames: u64,
        /// Snapshots.
        snapshots: u64,
    },
}

/// The payload of a catalog record.
#[derive(Debug, Serialize, Deserialize)]
struct StoredCatalog {
    key: String,
    value: Vec<u8>,
}

/// The payload of an actor's record.
#[derive(Debug, Serialize, Deserialize)]
struct StoredActor {
    tenant: String,
    kind: String,
    key: String,
    sequence: u64,
    deleted_through: u64,
}

/// The payload of a snapshot.
#[derive(Debug, Serialize, Deserialize)]
struct StoredSnapshot {
    sequence: u64,
    time: u64,
    revision: u32,
    state_version: u32,
    state: Vec<u8>,
    ledger: Vec<u8>,
}

/// The payload of the end.
#[derive(Debug, Serialize, Deserialize)]
struct StoredEnd {
    actors: u64,
    frames: u64,
    snapshots: u64,
}

impl ExportRecord {
    /// A snapshot.
    #[must_use]
    pub fn of_snapshot(snapshot: &Snapshot) -> Self {
        let Snapshot { address: _, meta, state, ledger } = snapshot.clone();
        Self::Snapshot { meta, state, ledger }
    }

    /// The record's bytes.
    ///
    /// # Errors
    /// When it is too large.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let too_large = |reason: String| StoreError::Corrupt { place: "a record of an export".to_owned(), reason };
        let (kind, payload) = match self {
            Self::Catalog { key, value } => {
                (CATALOG, codec::encode(&StoredCatalog { key: key.clone(), value: value.to_vec() }))
            }
            Self::Actor { address, head } => {
                let stored = StoredActor {
                    tenant: address.tenant.to_string(),
                    kind: address.kind.to_string(),
                    key: address.key.to_string(),
                    sequence: head.sequence.0,
                    deleted_through: head.deleted_through.0,
                };
                (ACTOR, codec::encode(&stored))
            }
            Self::Frame(bytes) => (FRAME, Ok(bytes.to_vec())),
            Self::Snapshot { meta, state, ledger } => {
                let stored = StoredSnapshot {
                    sequence: meta.sequence.0,
                    time: meta.time.0,
                    revision: meta.revision.0,
                    state_version: meta.state_version,
                    state: state.to_vec(),
                    ledger: ledger.to_vec(),
                };
                (SNAPSHOT, codec::encode(&stored))
            }
            Self::End { actors, frames, snapshots } => {
                (END, codec::encode(&StoredEnd { actors: *actors, frames: *frames, snapshots: *snapshots }))
            }
        };
        let payload = payload.map_err(|error| too_large(error.to_string()))?;
        let length = u32::try_from(payload.len()).ok().filter(|length| *length <= PAYLOAD_BYTES_MAX);
        let length = length.ok_or_else(|| too_large(format!("it has {} bytes", payload.len())))?;
        let mut bytes = Vec::with_capacity(HEAD_BYTES.saturating_add(payload.len()));
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&checksum(kind, &payload).to_le_bytes());
        bytes.extend_from_slice(&[kind, 0, 0, 0]);
        bytes.extend_from_slice(&payload);
        Ok(bytes)
    }

    /// A record from its kind and its payload, whose checksum was verified.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn decode(kind: u8, payload: Bytes) -> Result<Self, String> {
        let text = |error: codec::CodecError| error.to_string();
        Ok(match kind {
            CATALOG => {
                let StoredCatalog { key, value } = codec::decode(&payload).map_err(text)?;
                Self::Catalog { key, value: Bytes::from(value) }
            }
            ACTOR => {
                let stored: StoredActor = codec::decode(&payload).map_err(text)?;
                let address =
                    Address::new(stored.tenant, stored.kind, stored.key).map_err(|error| error.to_string())?;
                if stored.deleted_through > stored.sequence {
                    return Err("more events are deleted than there were".to_owned());
                }
                let (sequence, deleted_through) = (Sequence(stored.sequence), Sequence(stored.deleted_through));
                Self::Actor { address, head: ExportedHead { sequence, deleted_through } }
            }
            FRAME => {
                Frame::decode(payload.clone()).map_err(|error| error.to_string())?;
                Self::Frame(payload)
            }
            SNAPSHOT => {
                let stored: StoredSnapshot = codec::decode(&payload).map_err(text)?;
                let meta = SnapshotMeta {
                    sequence: Sequence(stored.sequence),
                    time: Timestamp(stored.time),
                    revision: RevisionId(stored.revision),
                    state_version: stored.state_version,
                    state_bytes: u64::try_from(stored.state.len()).unwrap_or(u64::MAX),
                };
                Self::Snapshot { meta, state: Bytes::from(stored.state), ledger: Bytes::from(stored.ledger) }
            }
            END => {
                let StoredEnd { actors, frames, snapshots } = codec::decode(&payload).map_err(text)?;
                Self::End { actors, frames, snapshots }
            }
            other => return Err(format!("there is no record of the kind {other}")),
        })
    }
}

/// The checksum of a record: over its kind and its payload.
pub(super) fn checksum(kind: u8, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&[kind]), payload)
}

/// What stands in front of a payload: length, checksum, kind.
///
/// # Errors
/// Why it cannot be one.
pub(super) fn read_head(head: [u8; HEAD_BYTES]) -> Result<(u32, u32, u8), String> {
    let word = |from: usize| {
        let bytes = head.get(from..from.saturating_add(4)).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    let (length, checksum) = (word(0), word(4));
    let [.., kind, first, second, third] = head;
    if [first, second, third] != [0; 3] || length > PAYLOAD_BYTES_MAX {
        return Err("no record begins here".to_owned());
    }
    Ok((length, checksum, kind))
}
