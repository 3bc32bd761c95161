//! The host: it owns the directory of live actors, the deployments and the shutdown.

mod ask;
mod host;
mod settings;
mod views;

pub use ask::{AskError, Command, OnFull, Reply, RequestError};
pub use host::{ActorRef, EventFeed, Host, HostBuilder};
pub use settings::{Durability, HostSettings, PassivationSettings, RetentionSettings, SnapshotSettings};
pub use views::{ActorStatus, DeployedRevision, EventView, Phase, RecoveryProgress, StateView};
