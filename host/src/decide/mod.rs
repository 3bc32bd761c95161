//! Pure decisions: no I/O, no clock, no async. Each file is one decision with its constants.

mod access;
mod debt_bucket;
mod effective_limits;
mod passivation;
mod recovery;
mod retention;
mod snapshot;
mod token_bucket;
mod turn_size;

pub use access::{Denial, permit};
pub use debt_bucket::DebtBucket;
pub use effective_limits::{LimitOverrides, OverrideProblem, effective_limits, limit_ceiling, override_problem};
pub use passivation::{PassivationSettings, least_recently_used};
pub use recovery::RecoverySettings;
pub use retention::{RetentionPlan, RetentionSettings, plan_retention};
pub use snapshot::{
    ReplayCost, SinceSnapshot, SnapshotReason, SnapshotSettings, snapshot_due, snapshot_due_on_passivation,
};
pub use token_bucket::TokenBucket;
pub use turn_size::TurnSize;
