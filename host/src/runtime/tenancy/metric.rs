//! The metrics of tenants and keys.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::vocab::{Code, Quota, Tenant};

const USED: &str = "greenroom_tenant_usage";
const DENIED: &str = "greenroom_access_refusals_total";

/// Says what the metrics mean.
pub(crate) fn describe() {
    describe_gauge!(USED, "What a tenant has of what its quotas bound, by tenant and quota");
    describe_counter!(DENIED, "Requests refused for their key, by code");
}

/// A tenant has this much now.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn used(tenant: &Tenant, quota: Quota, amount: u64) {
    gauge!(USED, "tenant" => tenant.to_string(), "quota" => quota.as_str()).set(amount as f64);
}

/// A request's key did not let it in.
pub(crate) fn denied(code: Code) {
    counter!(DENIED, "code" => code.to_string()).increment(1);
}
