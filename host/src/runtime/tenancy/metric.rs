//! The metrics of tenants and keys.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::vocab::{Code, Quota, Tenant};

const USED: &str = "greenroom_tenant_usage";
const BUSY: &str = "greenroom_tenant_busy_refusals_total";
const DENIED: &str = "greenroom_access_refusals_total";

/// Says what the metrics mean.
pub(crate) fn describe() {
    describe_gauge!(USED, "What a tenant has of what its quotas bound, by tenant and quota");
    describe_counter!(BUSY, "Commands refused because too many of the tenant's commands wait, by tenant");
    describe_counter!(DENIED, "Requests refused for their key, by code");
}

/// Too many commands of a tenant wait.
pub(super) fn busy(tenant: &Tenant) {
    counter!(BUSY, "tenant" => tenant.to_string()).increment(1);
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
