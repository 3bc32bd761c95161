//! One tenant: what is stored of it, what is shown, what can be changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::face::Usage;
use super::{TenancyError, key_record::text_problem};
use crate::vocab::{Code, Grant, Grants, Quota, Quotas, Tenant, Timestamp};

/// A tenant's share beside others', when nobody says otherwise.
const WEIGHT: u32 = 100;
/// The largest weight: shares of a thousand to one are enough, and sums stay small.
const WEIGHT_MAX: u32 = 1_000;

/// What the catalog keeps of a tenant. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredTenant {
    /// The first layout.
    V1(TenantRecord),
}

/// One tenant as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TenantRecord {
    pub(super) tenant: String,
    pub(super) display_name: String,
    pub(super) weight: u32,
    pub(super) standing: Standing,
    pub(super) created_at: u64,
    pub(super) quotas: Quotas,
    pub(super) grants: Grants,
}

/// Where a tenant is in its life. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Standing {
    /// It is served.
    Active,
    /// Its data can be read; nothing of it runs.
    Suspended,
    /// Its data is being deleted; goes on after a crash.
    Deleting,
    /// It is gone. Its actors' numbering remains in the store, so the name is not used again.
    Deleted,
}

/// What is to be different about a tenant; what is left out stays, or has its default in a new one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantChange {
    /// The name for people.
    pub display_name: Option<String>,
    /// The share beside other tenants, 1 to 1000.
    pub weight: Option<u32>,
    /// Quotas to set; null takes one away.
    pub quotas: BTreeMap<Quota, Option<u64>>,
    /// What the tenant's own keys may do; replaces what was granted.
    pub grants: Option<Grants>,
}

/// A tenant as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantView {
    /// Its name, as it stands in paths.
    pub tenant: String,
    /// Its name for people.
    pub display_name: String,
    /// Its share beside other tenants.
    pub weight: u32,
    /// Whether it is suspended.
    pub suspended: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// What bounds it.
    pub quotas: Quotas,
    /// What its own keys may do.
    pub grants: Grants,
    /// What it has.
    pub usage: Usage,
}

impl TenantRecord {
    /// A tenant with the defaults: no quota, every grant.
    pub(super) fn new(tenant: &Tenant, now: Timestamp) -> Self {
        Self {
            tenant: tenant.to_string(),
            display_name: tenant.to_string(),
            weight: WEIGHT,
            standing: Standing::Active,
            created_at: now.0,
            quotas: Quotas::new(),
            grants: Grant::ALL.into(),
        }
    }

    /// The record after a change.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub(super) fn with(mut self, change: &TenantChange) -> Result<Self, TenancyError> {
        if let Some(name) = &change.display_name {
            if let Some(problem) = text_problem(name) {
                return Err(invalid(format!("display_name {problem}")));
            }
            self.display_name.clone_from(name);
        }
        if let Some(weight) = change.weight {
            if !(1..=WEIGHT_MAX).contains(&weight) {
                return Err(invalid(format!("weight={weight} is not between 1 and {WEIGHT_MAX}")));
            }
            self.weight = weight;
        }
        if change.quotas.get(&Quota::CommandsPerSecond) == Some(&Some(0)) {
            return Err(invalid("commands_per_second is 0; suspend the tenant to let no command in".to_owned()));
        }
        for (quota, value) in &change.quotas {
            match value {
                Some(value) => drop(self.quotas.insert(*quota, *value)),
                None => drop(self.quotas.remove(quota)),
            }
        }
        if let Some(grants) = &change.grants {
            self.grants.clone_from(grants);
        }
        Ok(self)
    }

    pub(super) fn view(&self, usage: Usage) -> TenantView {
        TenantView {
            tenant: self.tenant.clone(),
            display_name: self.display_name.clone(),
            weight: self.weight,
            suspended: self.standing == Standing::Suspended,
            created_at: Timestamp(self.created_at),
            quotas: self.quotas.clone(),
            grants: self.grants.clone(),
            usage,
        }
    }
}

fn invalid(reason: String) -> TenancyError {
    TenancyError::refused(Code::InvalidRequest, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> TenantRecord {
        TenantRecord::new(&Tenant::new("acme").unwrap(), Timestamp(7))
    }

    #[test]
    fn a_change_leaves_alone_what_it_does_not_name() {
        let change: TenantChange = serde_json::from_str(r#"{"weight": 5, "quotas": {"kinds": 3}}"#).unwrap();
        let changed = record().with(&change).unwrap();
        assert_eq!((changed.weight, changed.quotas.get(&Quota::Kinds)), (5, Some(&3)));
        let change: TenantChange = serde_json::from_str(r#"{"quotas": {"kinds": null}}"#).unwrap();
        let changed = changed.with(&change).unwrap();
        assert_eq!((changed.weight, changed.quotas.len()), (5, 0));
    }

    #[test]
    fn values_that_are_not_allowed_are_named() {
        for (text, name) in [
            (r#"{"weight": 0}"#, "weight"),
            (r#"{"weight": 1001}"#, "weight"),
            (r#"{"display_name": ""}"#, "display_name"),
            (r#"{"display_name": "a\nb"}"#, "display_name"),
            (r#"{"quotas": {"commands_per_second": 0}}"#, "commands_per_second"),
        ] {
            let error = record().with(&serde_json::from_str(text).unwrap()).unwrap_err();
            assert_eq!(error.code(), Code::InvalidRequest);
            assert!(error.to_string().contains(name), "{text}: {error}");
        }
        assert!(serde_json::from_str::<TenantChange>(r#"{"quotas": {"cpu": 1}}"#).is_err());
        assert!(serde_json::from_str::<TenantChange>(r#"{"wieght": 1}"#).is_err());
    }

    /// Bytes as they lie in stores. A change that fails here breaks them.
    #[test]
    fn the_stored_layout_does_not_change() {
        let change: TenantChange = serde_json::from_str(r#"{"quotas": {"kinds": 3}}"#).unwrap();
        let stored = StoredTenant::V1(record().with(&change).unwrap());
        let bytes = crate::frame::codec::encode(&stored).unwrap();
        assert_eq!(bytes, b"\0\x04acme\x04acme\x64\0\x07\x01\x01\x03\x02\0\x01");
        assert_eq!(crate::frame::codec::decode::<StoredTenant>(&bytes).unwrap(), stored);
    }
}
