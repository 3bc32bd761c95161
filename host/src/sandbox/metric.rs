//! When a limit was hit, by whom.

use metrics::{counter, describe_counter};

use crate::vocab::{Limit, Quota, Tenant};

/// A request, a turn or a snapshot would have passed a tenant's quota.
const QUOTA_REFUSALS: &str = "greenroom_quota_refusals_total";
/// One name for all limits, wherever they are looked at.
const LIMIT_HITS: &str = "greenroom_limit_hits_total";

/// Gives the metric its help text.
pub(crate) fn describe_limit_hits() {
    describe_counter!(QUOTA_REFUSALS, "What a tenant's quota refused or made wait, by tenant and quota");
    describe_counter!(LIMIT_HITS, "Times that a limit was reached or would have been passed, by tenant and limit");
}

/// A quota refused something or made it wait.
pub(crate) fn quota_hit(tenant: &Tenant, quota: Quota) {
    counter!(QUOTA_REFUSALS, "tenant" => tenant.to_string(), "quota" => quota.as_str()).increment(1);
}

/// A limit was hit. There are as many labels as limits, and as tenants.
pub(crate) fn limit_hit(tenant: &Tenant, limit: Limit) {
    counter!(LIMIT_HITS, "tenant" => tenant.to_string(), "limit" => limit.as_str()).increment(1);
}
