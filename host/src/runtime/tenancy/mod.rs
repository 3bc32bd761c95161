//! Tenants, keys and the record of who administered what. Durable in the catalog, in memory while the host runs.
//!
//! - `tenants`, `tenant`: who there is, and whether their commands are let in; `census`: how many actors they have;
//!   `books`: how many bytes they store.
//! - `keys`, `key`: who may do what; only hashes are kept. `uses`: when a key was last used.
//! - `audit`: what was done by whom. `delete`: what becomes of a tenant's data.

mod audit;
mod books;
mod census;
mod delete;
mod error;
mod face;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz;
mod key;
mod key_record;
mod keys;
mod metric;
mod offline;
mod tenant;
mod tenants;

pub use audit::{Act, ActResult, AuditEntry};
pub use error::TenancyError;
pub use face::Usage;
pub(super) use face::resume;
pub use key::{KeyId, KeyText};
pub use key_record::{KeyRequest, KeyView, NewKey};
pub use keys::Identity;
pub use offline::create_operator_key;
pub use tenant::{TenantChange, TenantView};

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use fuzz::{fuzz_change, fuzz_key, fuzz_records};

pub(super) use audit::AuditLog;
pub(crate) use audit::Realm;
pub(super) use books::{Books, keep_books};
pub(super) use census::Census;
pub(super) use keys::Keys;
pub(super) use metric::{describe as describe_metrics, used};
pub(super) use tenants::{Shares, Tenants};
