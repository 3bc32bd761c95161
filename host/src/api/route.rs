//! What a verb says of itself. Routing, the allowed query, the metrics' label and the OpenAPI document come from it.

use super::access::{ACCESS, Access};
use crate::vocab::Code;

/// A method that some path has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    Get,
    Put,
    Patch,
    Post,
    Delete,
}

impl Verb {
    /// Every method, in the order that `Allow` lists them.
    pub(super) const ALL: [Self; 5] = [Self::Get, Self::Put, Self::Patch, Self::Post, Self::Delete];

    /// The method with this name; `HEAD` is a `GET` whose body the server leaves out.
    pub(super) fn of(method: &str) -> Option<Self> {
        match method {
            "GET" | "HEAD" => Some(Self::Get),
            "PUT" => Some(Self::Put),
            "PATCH" => Some(Self::Patch),
            "POST" => Some(Self::Post),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }

    /// The method's name on the wire.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// What a query parameter's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterType {
    Text,
    Number,
    Switch,
}

/// A query parameter.
#[derive(Debug)]
pub(super) struct QueryParameter {
    pub(super) name: &'static str,
    pub(super) of: ParameterType,
    pub(super) about: &'static str,
}

/// A request body.
#[derive(Debug)]
pub(super) struct RequestPayload {
    pub(super) content_type: &'static str,
    pub(super) about: &'static str,
    pub(super) required: bool,
}

/// The answer when all went well.
#[derive(Debug)]
pub(super) struct Success {
    pub(super) content_type: &'static str,
    /// A schema of the OpenAPI document; `None`: anything of that type.
    pub(super) schema: Option<&'static str>,
    pub(super) about: &'static str,
    /// Response headers, with what they say.
    pub(super) headers: &'static [(&'static str, &'static str)],
}

/// One verb on one path.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) verb: Verb,
    /// The path with its parameters in braces; also the label of its metrics.
    pub(super) template: &'static str,
    /// The operation's name in the OpenAPI document.
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// What it asks of its caller.
    pub(super) access: Access,
    /// Request headers that are looked at, with what they do.
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) query: &'static [QueryParameter],
    pub(super) body: Option<RequestPayload>,
    pub(super) success: Success,
    /// What can go wrong, in groups that several routes share.
    pub(super) errors: &'static [&'static [Code]],
}

impl Route {
    /// Every code that this route can answer with, ascending, each once.
    pub(super) fn codes(&self) -> Vec<Code> {
        let mut codes: Vec<Code> = self.errors.iter().copied().flatten().copied().collect();
        codes.push(Code::InvalidRequest);
        if self.access != Access::Public {
            codes.extend(ACCESS);
        }
        if matches!(self.access, Access::Owner(_)) {
            codes.push(Code::TenantConnections);
        }
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// What can be wrong with a path that names a tenant.
pub(super) const TENANT: &[Code] = &[Code::InvalidAddress, Code::UnknownTenant];
/// What can be wrong with a path that names a kind.
pub(super) const KIND: &[Code] = &[Code::InvalidAddress, Code::UnknownTenant, Code::UnknownKind];
/// What can go wrong when the store is read.
pub(super) const READ: &[Code] =
    &[Code::ShuttingDown, Code::StoreFailed, Code::StoreCorrupt, Code::FormatTooNew, Code::SequenceGap];
/// What can go wrong when the store is written.
pub(super) const WRITE: &[Code] =
    &[Code::WriteConflict, Code::OutcomeUnknown, Code::StorePoisoned, Code::DiskFull, Code::StoreFailed];
/// What can go wrong when guest code runs.
pub(super) const GUEST: &[Code] = &[
    Code::GuestTrapped,
    Code::GuestOutOfTime,
    Code::GuestOutOfMemory,
    Code::InvalidOutcome,
    Code::GuestLimit,
    Code::StartFailed,
    Code::MailboxFull,
    Code::TenantSuspended,
];
/// What a call is told of an actor that failed again and again.
pub(super) const TROUBLE: &[Code] = &[Code::Quarantined, Code::Restarting];
/// What can go wrong when an actor is brought up from its journal.
pub(super) const RECOVERY: &[Code] =
    &[Code::ReplayFailed, Code::UnknownEventType, Code::CompileFailed, Code::RecoveryOutOfTime];
