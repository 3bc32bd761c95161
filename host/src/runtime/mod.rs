//! The host: it owns the directory of live actors, the deployments and the shutdown.

mod actor_ref;
mod builder;
mod catalog_of_tenant;
mod courier;
mod deploy;
mod deployed;
mod deployment;
mod directory;
mod feed;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod gate;
mod host;
mod journal;
mod kept;
mod loading;
mod look;
mod recheck;
mod rehearsal;
mod revisions;
mod roll;
mod rollout;
mod secret;
mod settings;
mod tenancy;
mod tenant_settings;
mod text;
mod threads;
mod trouble;
mod views;
mod waker;
mod written;

pub use crate::actor::{AskError, Command, DeadReason, OnFull, Phase, RecoveryProgress, Reply, RequestError};
pub use actor_ref::ActorRef;
pub use builder::HostBuilder;
pub use feed::EventFeed;
pub use host::{DeployPlace, Host};
pub use loading::RefusalView;
pub use recheck::{Drift, Recheck};
pub use rehearsal::{
    ChosenActors, Export, Rehearsal, RehearsalCounts, RehearsalFailure, RehearsalFinding, RehearsalLine, RehearsalNote,
    RehearsalNoteKind, RehearsalOptions, RehearsalPlace, RehearsalProgress, RehearsalSettings, RehearsalStart,
    RehearsalSummary, RehearsalVerdict, RehearsedCommand, ReplayFrom,
};
pub use rollout::{
    Activation, CandidateView, CannotGoBack, HeldView, LiveView, PauseView, RollbackCheck, RolloutEntry, RolloutView,
    Whom,
};
pub use settings::{
    AfterDeploy, DeadLetterSettings, DefaultQuotas, Durability, HostSettings, KindSettings, LimitOverrides,
    PassivationSettings, RecordingSettings, RecoverySettings, RetentionSettings, RolloutSettings, SnapshotSettings,
    SupervisionSettings, TenantSettings,
};
pub(crate) use tenancy::Realm;
pub use tenancy::{
    Act, ActResult, AuditEntry, Identity, KeyId, KeyRequest, KeyText, KeyView, NewKey, TenancyError, TenantChange,
    TenantView, Usage, create_operator_key,
};
pub use threads::threads;
pub use trouble::{
    CauseView, DeadLetterView, FailureView, Operator, PoisonCommandView, PoisonEventView, TroubleListing, TroubleView,
};
pub use views::{
    ActorStatus, Checked, DeployedRevision, EventView, GuestCalls, KeptView, KeptWhat, RevisionView, StateView,
};

/// Gives every metric of the host its help text; call once after the recorder is installed.
pub fn describe_metrics() {
    crate::actor::describe_metrics();
    crate::sandbox::describe_metrics();
    loading::describe_metrics();
    rehearsal::describe_metrics();
    tenancy::describe_metrics();
    trouble::describe_metrics();
    rollout::describe_metrics();
}
