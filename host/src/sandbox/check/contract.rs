//! Which version of the contract does it state?

use std::collections::BTreeSet;

use crate::sandbox::DeployError;

/// The custom section that names the version; the SDKs write it.
pub(super) const SECTION: &str = "greenroom:contract";
/// The contract version that this host serves: every component that it accepted was built for it.
pub const CONTRACT: &str = "1";

/// Refuses a component that states no version, several, or one that is not served.
pub(super) fn check_contract(stated: &BTreeSet<Vec<u8>>) -> Result<(), DeployError> {
    let versions: Vec<_> = stated.iter().map(|version| String::from_utf8_lossy(version)).collect();
    match versions.as_slice() {
        [version] if version == CONTRACT => Ok(()),
        [] => Err(DeployError::ContractVersion { found: None, served: CONTRACT }),
        _ => Err(DeployError::ContractVersion { found: Some(versions.join(" and ")), served: CONTRACT }),
    }
}
