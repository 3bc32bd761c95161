//! The words every other room is written in: ids, sequence numbers, limits and errors.
//!
//! Nothing here does I/O, reads a clock or knows wasm.

mod address;
mod clock;
#[expect(clippy::zero_prefixed_literal, reason = "codes stand as people read them; the same digits name their pages")]
mod code;
mod digest;
pub mod limits;
#[cfg(test)]
mod limits_page;
mod sequence;
mod tenancy;

pub use address::{ActorId, Address, AddressError, Key, Kind, Tenant};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use code::{Code, ErrorKind};
pub use digest::Digest;
pub use limits::{Limit, LimitForce, LimitInfo, LimitScope, Limits};
pub use sequence::{RevisionId, Sequence};
pub use tenancy::{Grant, Grants, Owner, Quota, Quotas, Scope, Scopes};
