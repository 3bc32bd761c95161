//! One tenant: what is stored of it, what is shown, what can be changed.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::face::Usage;
use super::{TenancyError, key_record::text_problem};
use crate::decide::{LimitOverrides, OverrideProblem, override_problem};
use crate::vocab::{Code, Grant, Grants, Limit, Limits, Quota, Quotas, Tenant, Timestamp};

/// A tenant's share beside others', when nobody says otherwise.
const WEIGHT: u32 = 100;
/// The largest weight: shares of a thousand to one are enough, and sums stay small.
const WEIGHT_MAX: u32 = 1_000;

/// What the catalog keeps of a tenant. Append-only: a new layout is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoredTenant {
    /// The first layout: no limits.
    V1(FirstRecord),
    /// With limits; quotas by name.
    V2(SecondRecord),
}

/// One tenant as the first layout had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FirstRecord {
    tenant: String,
    display_name: String,
    weight: u32,
    standing: Standing,
    created_at: u64,
    quotas: Quotas,
    grants: Grants,
}

/// One tenant as the second layout has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SecondRecord {
    tenant: String,
    display_name: String,
    weight: u32,
    standing: Standing,
    created_at: u64,
    quotas: BTreeMap<String, u64>,
    grants: Grants,
    limits: BTreeMap<String, u64>,
}

impl StoredTenant {
    pub(super) fn of(record: TenantRecord) -> Self {
        let TenantRecord { tenant, display_name, weight, standing, created_at, quotas, grants, limits } = record;
        let quotas = quotas.into_iter().map(|(quota, value)| (quota.to_string(), value)).collect();
        let limits = limits.into_iter().map(|(limit, value)| (limit.to_string(), value)).collect();
        Self::V2(SecondRecord { tenant, display_name, weight, standing, created_at, quotas, grants, limits })
    }

    /// The record, whatever its layout.
    ///
    /// # Errors
    /// The quota or limit that this host does not know.
    pub(super) fn read(self) -> Result<TenantRecord, String> {
        Ok(match self {
            Self::V1(FirstRecord { tenant, display_name, weight, standing, created_at, quotas, grants }) => {
                let limits = LimitOverrides::new();
                TenantRecord { tenant, display_name, weight, standing, created_at, quotas, grants, limits }
            }
            Self::V2(SecondRecord { tenant, display_name, weight, standing, created_at, quotas, grants, limits }) => {
                let (quotas, limits) = (named(quotas)?, named(limits)?);
                TenantRecord { tenant, display_name, weight, standing, created_at, quotas, grants, limits }
            }
        })
    }
}

fn named<T: FromStr<Err = String> + Ord>(values: BTreeMap<String, u64>) -> Result<BTreeMap<T, u64>, String> {
    values.into_iter().map(|(name, value)| Ok((name.parse()?, value))).collect()
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TenantRecord {
    pub(super) tenant: String,
    pub(super) display_name: String,
    pub(super) weight: u32,
    pub(super) standing: Standing,
    pub(super) created_at: u64,
    pub(super) quotas: Quotas,
    pub(super) grants: Grants,
    /// Limits that differ from the host's.
    pub(super) limits: LimitOverrides,
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
    /// Limits of the tenant's actors that differ from the host's, up to its ceilings; null: the host's again.
    pub limits: BTreeMap<Limit, Option<u64>>,
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
    /// What bounds it: its own quotas, and the host's defaults where it has none.
    pub quotas: Quotas,
    /// What its own keys may do.
    pub grants: Grants,
    /// Limits of its actors that differ from the host's.
    pub limits: LimitOverrides,
    /// What holds for each of its actors, unless the configuration says otherwise for its kind.
    pub effective_limits: Limits,
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
            limits: LimitOverrides::new(),
        }
    }

    /// The record after a change.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub(super) fn with(mut self, change: &TenantChange, ceiling: &Limits) -> Result<Self, TenancyError> {
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
        for stops_all in Quota::STOP_ALL {
            if change.quotas.get(stops_all) == Some(&Some(0)) {
                return Err(invalid(format!("{stops_all} is 0; suspend the tenant to let none of it run")));
            }
        }
        for (quota, value) in &change.quotas {
            match value {
                Some(value) => drop(self.quotas.insert(*quota, *value)),
                None => drop(self.quotas.remove(quota)),
            }
        }
        for (limit, value) in &change.limits {
            match value {
                Some(value) => drop(self.limits.insert(*limit, *value)),
                None => drop(self.limits.remove(limit)),
            }
        }
        // Only what is named now: a ceiling that was lowered later must not stand in the way of another change.
        let named = change.limits.iter().filter_map(|(limit, value)| Some((*limit, (*value)?))).collect();
        if let Some(problem) = override_problem(&named, ceiling) {
            return Err(TenancyError::refused(code_of(problem), format!("limits: {problem}")));
        }
        if let Some(grants) = &change.grants {
            self.grants.clone_from(grants);
        }
        Ok(self)
    }

    pub(super) fn view(&self, effective_limits: Limits, usage: Usage) -> TenantView {
        TenantView {
            tenant: self.tenant.clone(),
            display_name: self.display_name.clone(),
            weight: self.weight,
            suspended: self.standing == Standing::Suspended,
            created_at: Timestamp(self.created_at),
            quotas: self.quotas.clone(),
            grants: self.grants.clone(),
            limits: self.limits.clone(),
            effective_limits,
            usage,
        }
    }
}

const fn code_of(problem: OverrideProblem) -> Code {
    match problem {
        OverrideProblem::AboveCeiling { .. } => Code::LimitAboveCeiling,
        OverrideProblem::HostOnly(_) | OverrideProblem::Zero(_) => Code::InvalidRequest,
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
        let changed = record().with(&change, &Limits::default()).unwrap();
        assert_eq!((changed.weight, changed.quotas.get(&Quota::Kinds)), (5, Some(&3)));
        let change: TenantChange = serde_json::from_str(r#"{"quotas": {"kinds": null}}"#).unwrap();
        let changed = changed.with(&change, &Limits::default()).unwrap();
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
            (r#"{"quotas": {"cpu_ms_per_second": 0}}"#, "cpu_ms_per_second"),
        ] {
            let error = record().with(&serde_json::from_str(text).unwrap(), &Limits::default()).unwrap_err();
            assert_eq!(error.code(), Code::InvalidRequest);
            assert!(error.to_string().contains(name), "{text}: {error}");
        }
        assert!(serde_json::from_str::<TenantChange>(r#"{"quotas": {"cpu": 1}}"#).is_err());
        assert!(serde_json::from_str::<TenantChange>(r#"{"wieght": 1}"#).is_err());
    }

    #[test]
    fn a_limit_is_set_up_to_the_ceiling_and_taken_away_again() {
        let ceiling = Limits::default();
        let with = |record: TenantRecord, text: &str| record.with(&serde_json::from_str(text).unwrap(), &ceiling);
        let most = ceiling.get(Limit::ReplyBytes);
        let changed = with(record(), &format!(r#"{{"limits": {{"reply_bytes": {most}}}}}"#)).unwrap();
        assert_eq!(changed.limits, [(Limit::ReplyBytes, most)].into());
        let error = with(record(), &format!(r#"{{"limits": {{"reply_bytes": {}}}}}"#, most + 1)).unwrap_err();
        assert_eq!(error.code(), Code::LimitAboveCeiling);
        assert!(error.to_string().contains(&format!("ceiling of {most}")), "{error}");
        for text in [r#"{"limits": {"reply_bytes": 0}}"#, r#"{"limits": {"live_actors": 1}}"#] {
            assert_eq!(with(record(), text).unwrap_err().code(), Code::InvalidRequest);
        }
        assert!(with(changed, r#"{"limits": {"reply_bytes": null}}"#).unwrap().limits.is_empty());
        assert!(serde_json::from_str::<TenantChange>(r#"{"limits": {"reply_byte": 1}}"#).is_err());
    }

    #[test]
    fn a_limit_above_a_ceiling_that_was_lowered_does_not_stand_in_the_way_of_another_change() {
        let record = TenantRecord { limits: [(Limit::ReplyBytes, u64::MAX)].into(), ..record() };
        let change: TenantChange = serde_json::from_str(r#"{"weight": 5}"#).unwrap();
        assert_eq!(record.with(&change, &Limits::default()).unwrap().weight, 5);
    }

    /// Bytes as they lie in stores. A change that fails here breaks them.
    #[test]
    fn the_stored_layouts_do_not_change() {
        let change = r#"{"quotas": {"kinds": 3}, "limits": {"turn_events": 9, "reply_bytes": 7}}"#;
        let new = record().with(&serde_json::from_str(change).unwrap(), &Limits::default()).unwrap();
        let bytes = crate::frame::codec::encode(&StoredTenant::of(new.clone())).unwrap();
        let expected =
            b"\x01\x04acme\x04acme\x64\0\x07\x01\x05kinds\x03\x02\0\x01\x02\x0breply_bytes\x07\x0bturn_events\x09";
        assert_eq!(bytes, expected);
        let read = |bytes: &[u8]| crate::frame::codec::decode::<StoredTenant>(bytes).unwrap().read().unwrap();
        assert_eq!(read(&bytes), new);
        let old = b"\0\x04acme\x04acme\x64\0\x07\x01\x01\x03\x02\0\x01";
        assert_eq!(read(old), TenantRecord { limits: LimitOverrides::new(), ..new });
    }
}
