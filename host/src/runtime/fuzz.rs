//! Records of the host that are read back from the catalog, and texts that may be keys.

pub(crate) use super::deployment::fuzz_revision;
pub(crate) use super::rollout::fuzz_rollout;
pub(crate) use super::tenancy::{fuzz_change as change, fuzz_key as key, fuzz_records};

/// Bytes are a record or an error; a record that was read is written as it was read. The first byte chooses which kind.
pub(crate) fn catalog(bytes: &[u8]) {
    fuzz_revision(bytes);
    fuzz_rollout(bytes);
    fuzz_records(bytes);
}
