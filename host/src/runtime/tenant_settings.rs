//! What holds for tenants that have nothing of their own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::vocab::{Quota, Quotas};

/// Kinds of a tenant: each has metrics of its own, and its name is in memory for ever.
const KINDS: u64 = 200;
/// Revisions of a tenant, of all its kinds.
const REVISIONS: u64 = 2_000;

/// What holds for tenants that have nothing of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct TenantSettings {
    /// What bounds a tenant in what it has no quota of its own for, whenever it was created.
    pub default_quotas: DefaultQuotas,
}

/// Quotas by name; a quota that is not named keeps its default, which most have none of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, u64>", into = "BTreeMap<String, u64>")]
pub struct DefaultQuotas(Quotas);

impl Default for DefaultQuotas {
    fn default() -> Self {
        Self([(Quota::Kinds, KINDS), (Quota::Revisions, REVISIONS)].into())
    }
}

impl DefaultQuotas {
    /// The quotas.
    #[must_use]
    pub fn quotas(&self) -> Quotas {
        self.0.clone()
    }

    /// Sets one; `None`: a tenant without its own is not bounded in this.
    pub fn set(&mut self, quota: Quota, value: Option<u64>) {
        match value {
            Some(value) => drop(self.0.insert(quota, value)),
            None => drop(self.0.remove(&quota)),
        }
    }
}

impl TryFrom<BTreeMap<String, u64>> for DefaultQuotas {
    type Error = String;
    fn try_from(named: BTreeMap<String, u64>) -> Result<Self, String> {
        let mut quotas = Self::default();
        for (name, value) in named {
            quotas.set(name.parse()?, Some(value));
        }
        Ok(quotas)
    }
}

impl From<DefaultQuotas> for BTreeMap<String, u64> {
    fn from(quotas: DefaultQuotas) -> Self {
        quotas.0.into_iter().map(|(quota, value)| (quota.to_string(), value)).collect()
    }
}

impl TenantSettings {
    /// What is not allowed; `None`: nothing.
    pub(super) fn problem(&self) -> Option<String> {
        let zero = Quota::STOP_ALL.iter().find(|quota| self.default_quotas.0.get(quota) == Some(&0))?;
        Some(format!("default_quotas.{zero} is 0; nothing of any tenant would run"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_added_to_the_defaults() {
        let quotas = DefaultQuotas::try_from(BTreeMap::from([("kinds".to_owned(), 3), ("actors".to_owned(), 4)]));
        let expected = [(Quota::Kinds, 3), (Quota::Actors, 4), (Quota::Revisions, REVISIONS)].into();
        assert_eq!(quotas.map(|quotas| quotas.quotas()), Ok(expected));
        assert!(DefaultQuotas::try_from(BTreeMap::from([("kind".to_owned(), 3)])).is_err());
    }

    #[test]
    fn none_of_what_everything_needs_is_refused() {
        let mut settings = TenantSettings::default();
        settings.default_quotas.set(Quota::Kinds, Some(0));
        assert_eq!(settings.problem(), None);
        settings.default_quotas.set(Quota::LiveActors, Some(0));
        assert!(settings.problem().is_some_and(|problem| problem.contains("live_actors")));
    }
}
