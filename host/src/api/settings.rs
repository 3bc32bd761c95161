//! What an operator may tweak about HTTP.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The bounds of the HTTP face.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HttpSettings {
    /// Connections that are open at the same time; more wait in the system's queue: a client that opens without end.
    pub connections: u32,
    /// Connections of one tenant; on one more it is told so: one that opens as many as there are.
    pub tenant_connections: u32,
    /// How long a connection may take to send a request's head, or stay idle, milliseconds: clients that trickle.
    pub header_read_timeout_ms: u64,
    /// How long a request may take to send its body, milliseconds: clients that trickle.
    pub body_read_timeout_ms: u64,
    /// How long a command may go unanswered, milliseconds; it may still be handled afterwards.
    pub answer_timeout_ms: u64,
    /// How long open responses may go on after a shutdown, milliseconds: clients that do not read.
    pub drain_timeout_ms: u64,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connections: 1_024,
            tenant_connections: 768,
            header_read_timeout_ms: 30_000,
            body_read_timeout_ms: 60_000,
            answer_timeout_ms: 30_000,
            drain_timeout_ms: 2_000,
        }
    }
}

impl HttpSettings {
    pub(super) const fn header_read_timeout(&self) -> Duration {
        Duration::from_millis(self.header_read_timeout_ms)
    }

    pub(super) const fn body_read_timeout(&self) -> Duration {
        Duration::from_millis(self.body_read_timeout_ms)
    }

    pub(super) const fn answer_timeout(&self) -> Duration {
        Duration::from_millis(self.answer_timeout_ms)
    }

    pub(super) const fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }
}
