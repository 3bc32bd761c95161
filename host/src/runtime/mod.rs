//! The host: it owns the directory of live actors, the deployments and the shutdown.

mod builder;
mod courier;
mod deploy;
mod deployment;
mod directory;
mod feed;
mod host;
mod look;
mod settings;
mod views;
mod waker;

pub use crate::actor::{AskError, Command, OnFull, Phase, RecoveryProgress, Reply, RequestError, describe_metrics};
pub use builder::HostBuilder;
pub use feed::EventFeed;
pub use host::{ActorRef, Host};
pub use settings::{
    Durability, HostSettings, KindSettings, PassivationSettings, RecoverySettings, RetentionSettings, SnapshotSettings,
};
pub use views::{ActorStatus, DeployedRevision, EventView, StateView};
