//! Records of the host that are read back from the catalog, and texts that may be keys.

pub(crate) use super::deployment::fuzz_revision;
pub(crate) use super::loading::{fuzz_budget, fuzz_refusal};
pub(crate) use super::rollout::fuzz_rollout;
pub(crate) use super::tenancy::{fuzz_change as change, fuzz_key as key, fuzz_records};
pub(crate) use super::trouble::fuzz_troubles;

/// Bytes are a record or an error, whichever record they are taken for; a record that was read is written as it was read.
pub(crate) fn catalog(bytes: &[u8]) {
    fuzz_revision(bytes);
    fuzz_rollout(bytes);
    fuzz_refusal(bytes);
    fuzz_budget(bytes);
    fuzz_troubles(bytes);
    fuzz_records(bytes);
}
