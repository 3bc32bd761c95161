//! Is what it says of itself usable?

use std::collections::BTreeSet;

use crate::sandbox::{DeployError, Manifest};

/// Commands, and event types, of one component; the host keeps them in memory and writes them to every log.
const TYPES_MAX: usize = 1_000;
/// Bytes of a command's or an event's name.
const NAME_BYTES_MAX: usize = 64;

pub(in crate::sandbox) fn check_manifest(manifest: &Manifest) -> Result<(), DeployError> {
    check_commands(manifest)
        .and_then(|()| check_events(manifest))
        .map_err(|reason| DeployError::InvalidManifest { reason })
}

fn check_commands(manifest: &Manifest) -> Result<(), String> {
    check_count("commands", manifest.commands.len())?;
    if manifest.commands.is_empty() {
        return Err("it names no command, so nobody could talk to it".to_owned());
    }
    let mut seen = BTreeSet::new();
    for name in manifest.commands.iter().map(|command| command.name.as_str()) {
        if !is_kebab_case(name) {
            return Err(format!(
                "the command name {name:?} is not in kebab case: use a-z, 0-9 and single hyphens, start with a letter, \
                 at most {NAME_BYTES_MAX} bytes"
            ));
        }
        if !seen.insert(name) {
            return Err(format!("the command {name} is there twice"));
        }
    }
    Ok(())
}

fn check_events(manifest: &Manifest) -> Result<(), String> {
    check_count("event types", manifest.events.len())?;
    let mut seen = BTreeSet::new();
    for event in &manifest.events {
        let name = event.name.as_str();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(format!("the event name {name:?} is empty, over {NAME_BYTES_MAX} bytes or not printable"));
        }
        if !seen.insert((name, event.version)) {
            return Err(format!("the event {name}, version {}, is there twice", event.version));
        }
    }
    Ok(())
}

fn check_count(what: &str, found: usize) -> Result<(), String> {
    if found > TYPES_MAX { Err(format!("it names {found} {what}, the limit is {TYPES_MAX}")) } else { Ok(()) }
}

fn is_kebab_case(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::is_kebab_case;

    #[test]
    fn command_names_are_kebab_case() {
        for good in ["a", "add", "add-2", "set-daily-limit"] {
            assert!(is_kebab_case(good), "{good}");
        }
        for bad in ["", "-", "Add", "add_one", "add--one", "add-", "2-add", "ädd", &"x".repeat(65)] {
            assert!(!is_kebab_case(bad), "{bad}");
        }
    }
}
