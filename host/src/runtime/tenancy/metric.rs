//! The metrics of tenants and keys.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::vocab::{Code, Quota, Tenant};

const USED: &str = "greenroom_tenant_usage";
const BUSY: &str = "greenroom_tenant_busy_refusals_total";
const GUESTS_USED: &str = "greenroom_guests_memory_used_bytes";
const GUESTS_MAX: &str = "greenroom_guests_memory_max_bytes";
const DENIED: &str = "greenroom_access_refusals_total";

/// Says what the metrics mean.
pub(crate) fn describe() {
    describe_gauge!(USED, "What a tenant has of what its quotas bound, by tenant and quota");
    describe_counter!(BUSY, "Commands refused because too many of the tenant's commands wait, by tenant");
    describe_gauge!(GUESTS_USED, "Memory that all guests of all tenants use together");
    describe_gauge!(GUESTS_MAX, "Memory that all guests of all tenants may use together");
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

/// All guests use this much memory together, of so much that they may.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(super) fn guests_memory(used_bytes: u64, bytes_max: u64) {
    gauge!(GUESTS_USED).set(used_bytes as f64);
    gauge!(GUESTS_MAX).set(bytes_max as f64);
}

/// A request's key did not let it in.
pub(crate) fn denied(code: Code) {
    counter!(DENIED, "code" => code.to_string()).increment(1);
}
