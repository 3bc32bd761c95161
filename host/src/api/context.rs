//! What every verb gets: the host, the bounds, and whether the server is closing.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::connections::{Connection, Connections};
use super::{HttpSettings, Metrics};
use crate::runtime::Host;

/// How far the server's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// Requests are still answered, but nothing may follow a journal any longer.
    Closing,
    /// No new connections; open ones end after their response.
    Drained,
    /// Whatever is still open is dropped.
    Aborted,
}

/// What every verb gets; cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) host: Host,
    /// Whether only this machine can reach the server.
    pub(super) is_local: bool,
    pub(super) settings: Arc<HttpSettings>,
    /// How many connections tenants have.
    pub(super) connections: Connections,
    /// The one that this request came on.
    pub(super) connection: Arc<Connection>,
    pub(super) metrics: Option<Metrics>,
    /// The rendered `/openapi.json`.
    pub(super) openapi: Bytes,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Context {
    /// Resolves when the server reached `phase`, or is gone.
    pub(super) async fn reached(&self, phase: Phase) {
        // An error means that the server is gone, which is past every phase.
        let _ = self.phase.clone().wait_for(|now| *now >= phase).await;
    }
}
