//! Reading a configuration file so that every refusal names its setting.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::settings::SettingsError;
use super::spelling::nearest;
use crate::runtime::HostSettings;
use crate::vocab::{Limit, Quota};

/// The section whose keys are kinds that people name.
const KINDS: &str = "kinds";
/// The section of the highest limits.
const CEILINGS: &str = "ceilings";
/// The section of what holds for all tenants, and the one in it whose keys are quotas.
const TENANTS: &str = "tenants";
const DEFAULT_QUOTAS: &str = "default_quotas";
/// The sections that a kind can have of its own.
const KIND_SECTIONS: [&str; 5] = ["snapshots", "retention", "passivation", "recovery", "supervision"];

/// Refuses the first key that is not known, with the nearest one that is.
pub(super) fn check_keys(table: &Table, known: &Table) -> Result<(), SettingsError> {
    // Names of limits stand in more than one section; the host's own is what is meant.
    let everywhere = leaves("", known);
    let mut known = known.clone();
    known.insert(KINDS.to_owned(), Value::Table(kinds(table, &known)));
    known.insert(CEILINGS.to_owned(), Value::Table(limits_that_can_differ()));
    known.insert(TENANTS.to_owned(), Value::Table(tenants()));
    check("", table, &known, &everywhere)
}

/// What can be said of all tenants.
fn tenants() -> Table {
    let quotas = Quota::ALL.iter().map(|quota| (quota.as_str().to_owned(), Value::Integer(0))).collect();
    Table::from_iter([(DEFAULT_QUOTAS.to_owned(), Value::Table(quotas))])
}

/// The limits that a kind or a tenant can have of its own.
fn limits_that_can_differ() -> Table {
    let limits = Limit::ALL.iter().filter(|limit| limit.can_differ());
    limits.map(|limit| (limit.as_str().to_owned(), Value::Integer(0))).collect()
}

/// What the kinds that the file names may hold.
fn kinds(table: &Table, known: &Table) -> Table {
    let sections = KIND_SECTIONS.into_iter().filter_map(|name| Some((name.to_owned(), known.get(name)?.clone())));
    let mut sections: Table = sections.collect();
    sections.insert("limits".to_owned(), Value::Table(limits_that_can_differ()));
    let named = table.get(KINDS).and_then(Value::as_table).into_iter().flatten();
    named.map(|(name, _)| (name.clone(), Value::Table(sections.clone()))).collect()
}

fn check(prefix: &str, table: &Table, known: &Table, everywhere: &[String]) -> Result<(), SettingsError> {
    for (key, value) in table {
        let path = format!("{prefix}{key}");
        match (value, known.get(key)) {
            (_, None) => return Err(unknown(prefix, key, known, everywhere)),
            (Value::Table(inner), Some(Value::Table(known))) => {
                check(&format!("{path}."), inner, known, everywhere)?;
            }
            (_, Some(Value::Table(_))) => return Err(SettingsError::invalid(path, "is a section, not a value")),
            (Value::Table(_), Some(_)) => return Err(SettingsError::invalid(path, "is a value, not a section")),
            (_, Some(_)) => {}
        }
    }
    Ok(())
}

/// The same name in another section is what was meant more often than a similar name in this one.
fn unknown(prefix: &str, key: &str, known: &Table, everywhere: &[String]) -> SettingsError {
    let named = |name: &str| everywhere.iter().find(|path| last(path) == name).cloned();
    let here = || nearest(key, known.keys().map(String::as_str)).map(|name| format!("{prefix}{name}"));
    let elsewhere = || nearest(key, everywhere.iter().map(|path| last(path))).and_then(named);
    let meant = named(key).or_else(here).or_else(elsewhere);
    let hint = meant.map_or_else(String::new, |path| format!("; is {path} meant?"));
    SettingsError::Unknown { key: format!("{prefix}{key}"), hint }
}

/// The name of a setting without its sections.
fn last(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, name)| name)
}

/// The full names of all values.
fn leaves(prefix: &str, table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => found.extend(leaves(&format!("{prefix}{key}."), inner)),
            _ => found.push(format!("{prefix}{key}")),
        }
    }
    found
}

/// Takes one key out of the file and reads it; `None` if it is not there.
pub(super) fn section<T: DeserializeOwned>(table: &mut Table, key: &str) -> Result<Option<T>, SettingsError> {
    match table.remove(key) {
        None => Ok(None),
        Some(value) => read(key, value).map(Some),
    }
}

/// Reads what is left of a file as the host's settings.
pub(super) fn host(table: Table) -> Result<HostSettings, SettingsError> {
    // Section by section, so that a value that is not allowed is named with its section.
    for (key, value) in &table {
        let one: Table = std::iter::once((key.clone(), value.clone())).collect();
        Value::Table(one).try_into::<HostSettings>().map_err(|error| refused(key, &error))?;
    }
    Value::Table(table).try_into().map_err(|error| refused("the configuration", &error))
}

fn read<T: DeserializeOwned>(key: &str, value: Value) -> Result<T, SettingsError> {
    value.try_into().map_err(|error| refused(key, &error))
}

/// The reader tells the place on a line of its own, below the section that it was given.
fn refused(key: &str, error: &toml::de::Error) -> SettingsError {
    let text = error.to_string();
    let (reason, place) = text.trim().rsplit_once("\nin `").unwrap_or((text.trim(), ""));
    match place.trim_end_matches('`') {
        "" => SettingsError::invalid(key, reason),
        place if place == key || place.starts_with(&format!("{key}.")) => SettingsError::invalid(place, reason),
        place => SettingsError::invalid(format!("{key}.{place}"), reason),
    }
}
