//! Does it import only what actors may have?

use crate::sandbox::{DeployError, wasi};

/// The contract's own interfaces that a component may import, with any version 1.x.
const CONTRACT: &[&str] =
    &["greenroom:actor/context", "greenroom:actor/effects", "greenroom:actor/log", "greenroom:actor/types"];

/// Refuses the first import that is not on the list.
pub(super) fn check_imports(imports: &[String]) -> Result<(), DeployError> {
    match imports.iter().find(|import| !is_allowed(import)) {
        Some(import) => Err(DeployError::ForbiddenImport { import: import.clone() }),
        None => Ok(()),
    }
}

fn is_allowed(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else { return false };
    let numbers: Vec<&str> = version.split('.').collect();
    match numbers.as_slice() {
        ["1", minor, patch] => CONTRACT.contains(&interface) && is_number(minor) && is_number(patch),
        ["0", "2", patch] => wasi::INTERFACES.contains(&interface) && is_number(patch),
        _ => false,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn only_listed_interfaces_of_known_versions_may_be_imported() {
        for allowed in ["greenroom:actor/log@1.0.0", "greenroom:actor/types@1.12.3", "wasi:io/streams@0.2.9"] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for forbidden in [
            "greenroom:actor/log",
            "greenroom:actor/log@2.0.0",
            "greenroom:actor/secrets@1.0.0",
            "wasi:sockets/tcp@0.2.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:io/streams@0.3.0",
            "wasi:io/streams@0.2.0-rc-2023-11-10",
            "wasi:io/streams@0.2",
            "env",
            "",
        ] {
            assert!(!is_allowed(forbidden), "{forbidden}");
        }
    }
}
