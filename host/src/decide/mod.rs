//! Pure decisions: no I/O, no clock, no async. Each file is one decision with its constants.

mod access;
mod budget;
mod cpu_budget;
mod debt_bucket;
mod effective_limits;
mod fair_share;
mod glob;
mod index_retry;
mod json_difference;
mod memory_room;
mod pace;
mod passivation;
mod recording;
mod recovery;
mod retention;
mod rollout;
mod snapshot;
mod spread;
mod supervision;
mod token_bucket;
mod turn_size;
mod turns;

pub use access::{Denial, permit};
pub use budget::Budget;
pub use cpu_budget::CpuBudget;
pub use debt_bucket::DebtBucket;
pub use effective_limits::{LimitOverrides, OverrideProblem, effective_limits, limit_ceiling, override_problem};
pub use fair_share::{
    LONG_NS, Line, Next, Running, SLICE_NS, gives_way, gives_way_at_home, in_the_same_hands, is_mostly_long, starts_at,
    virtual_ns, who_yields,
};
pub use glob::{PATTERN_BYTES_MAX, Pattern};
pub use index_retry::index_retry_after;
pub use json_difference::{DIFFERENCES_MAX, Difference, Differences, shown};
pub use memory_room::{MemoryHolder, who_makes_room};
pub use pace::Pace;
pub use passivation::{LiveActor, PassivationSettings, cleared_at_once, who_leaves, who_leaves_of_each};
pub use recording::{RecordingSettings, kept_of_turn};
pub use recovery::RecoverySettings;
pub use retention::{RetentionPlan, RetentionSettings, going_back_needs, plan_retention};
pub use rollout::{Assignment, Chosen, Ramp, RampStep, RolloutSettings, Share, Thresholds, is_failing, ramp_step};
pub use snapshot::{
    ReplayCost, SinceSnapshot, SnapshotReason, SnapshotSettings, snapshot_due, snapshot_due_on_passivation,
};
pub use spread::Spread;
pub use supervision::{
    AfterDeploy, FAILURES_KEPT_MAX, PastFailure, Sentence, SupervisionSettings, pause_ms, recent, sentence,
};
pub use token_bucket::TokenBucket;
pub use turn_size::TurnSize;
pub use turns::{Turns, Urgency};
