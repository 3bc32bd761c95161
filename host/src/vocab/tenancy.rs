//! Tenants and keys: whose something is, what a key is for, what a tenant may have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AddressError, Code, Tenant};

/// How the host itself is written where a tenant could stand; no tenant can have this name.
const HOST: &str = "-";

/// Whose a key is, or what a request is about: the host as a whole, or one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Owner {
    /// The host: its operators. Written `-`.
    Host,
    /// One tenant.
    Tenant(Tenant),
}

impl Owner {
    /// Reads `-` or a tenant's name.
    ///
    /// # Errors
    /// When it is neither.
    pub fn new(text: impl Into<String>) -> Result<Self, AddressError> {
        let text = text.into();
        if text == HOST { Ok(Self::Host) } else { Tenant::new(text).map(Self::Tenant) }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str(HOST),
            Self::Tenant(tenant) => tenant.fmt(f),
        }
    }
}

impl TryFrom<String> for Owner {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::new(text)
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        owner.to_string()
    }
}

/// What a key may be used for. None includes another.
///
/// Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Send commands to actors.
    Call,
    /// Deploy components.
    Deploy,
    /// Look: states, events, status, lists.
    Read,
    /// Administer: keys, the audit log, what operators do to actors; with a key of the host, tenants.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Call, Self::Deploy, Self::Read, Self::Admin];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Deploy => "deploy",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let scope = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        scope.ok_or_else(|| format!("there is no scope {text:?}; there are call, deploy, read and admin"))
    }
}

/// The scopes of one key.
pub type Scopes = BTreeSet<Scope>;

/// What a tenant may have at most. A tenant without a quota is bounded by the host's limits only.
///
/// Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quota {
    /// Commands of clients per second; as many may come at once: a flood of commands.
    CommandsPerSecond,
    /// Deployed kinds: a catalog that grows without end.
    Kinds,
    /// Bytes of all deployed components, each counted once: the same in bytes.
    ComponentBytes,
    /// Actors that stored an event, or are live: a store that grows by new keys.
    Actors,
    /// Live actors: instances that push out those of others.
    LiveActors,
    /// Bytes of linear memory of all its instances together: a host that runs out of memory.
    MemoryBytes,
    /// Bytes of stored events and of snapshots' states: a disk that fills.
    JournalBytes,
    /// Bytes of events stored per hour; as many may come at once: a disk that fills fast.
    JournalBytesPerHour,
    /// Stored snapshots.
    Snapshots,
    /// Milliseconds of CPU that the tenant's guests use per second; as many may be used at once: a tenant that computes.
    CpuMsPerSecond,
    /// Seconds of the compiler's CPU time per hour: a tenant that deploys without end.
    CompileSeconds,
    /// Revisions of all kinds: each is in the catalog, and in memory, for as long as the kind is.
    Revisions,
}

impl Quota {
    /// Every quota.
    pub const ALL: &[Self] = &[
        Self::CommandsPerSecond,
        Self::Kinds,
        Self::ComponentBytes,
        Self::Actors,
        Self::LiveActors,
        Self::MemoryBytes,
        Self::JournalBytes,
        Self::JournalBytesPerHour,
        Self::Snapshots,
        Self::CpuMsPerSecond,
        Self::CompileSeconds,
        Self::Revisions,
    ];

    /// Those of which a tenant cannot have none: nothing of it would run, and suspending it says so.
    pub const STOP_ALL: &[Self] = &[Self::CommandsPerSecond, Self::LiveActors, Self::MemoryBytes, Self::CpuMsPerSecond];

    /// As it is written, and the label of its metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CommandsPerSecond => "commands_per_second",
            Self::Kinds => "kinds",
            Self::ComponentBytes => "component_bytes",
            Self::Actors => "actors",
            Self::LiveActors => "live_actors",
            Self::MemoryBytes => "memory_bytes",
            Self::JournalBytes => "journal_bytes",
            Self::JournalBytesPerHour => "journal_bytes_per_hour",
            Self::Snapshots => "snapshots",
            Self::CpuMsPerSecond => "cpu_ms_per_second",
            Self::CompileSeconds => "compile_seconds",
            Self::Revisions => "revisions",
        }
    }

    /// The code of a request that would pass it.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::CommandsPerSecond => Code::CommandQuota,
            Self::Kinds => Code::KindQuota,
            Self::ComponentBytes => Code::ComponentQuota,
            Self::Actors => Code::ActorQuota,
            Self::LiveActors => Code::LiveActorQuota,
            Self::MemoryBytes => Code::MemoryQuota,
            Self::JournalBytes => Code::JournalQuota,
            Self::JournalBytesPerHour => Code::JournalGrowthQuota,
            Self::Snapshots => Code::SnapshotQuota,
            Self::CpuMsPerSecond => Code::CpuQuota,
            Self::CompileSeconds => Code::CompileQuota,
            Self::Revisions => Code::RevisionQuota,
        }
    }

    /// The unit of its value.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::CommandsPerSecond => "commands/s",
            Self::Kinds => "kinds",
            Self::ComponentBytes | Self::MemoryBytes | Self::JournalBytes => "bytes",
            Self::Actors | Self::LiveActors => "actors",
            Self::JournalBytesPerHour => "bytes/h",
            Self::Snapshots => "snapshots",
            Self::CpuMsPerSecond => "ms/s",
            Self::CompileSeconds => "s/h",
            Self::Revisions => "revisions",
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Quota {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let quota = Self::ALL.iter().copied().find(|quota| quota.as_str() == text);
        quota.ok_or_else(|| {
            let names = Self::ALL.iter().map(|quota| quota.as_str()).collect::<Vec<_>>().join(", ");
            format!("there is no quota {text:?}; there are {names}")
        })
    }
}

/// The quotas of one tenant; what is not there is not bounded.
pub type Quotas = BTreeMap<Quota, u64>;

/// What a tenant's own keys may do beyond calling and reading. The host's keys need no grant.
///
/// Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grant {
    /// Deploy components.
    Deploy,
    /// Create and rotate keys of the tenant.
    Keys,
}

impl Grant {
    /// Every grant.
    pub const ALL: [Self; 2] = [Self::Deploy, Self::Keys];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Keys => "keys",
        }
    }
}

impl FromStr for Grant {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let grant = Self::ALL.into_iter().find(|grant| grant.as_str() == text);
        grant.ok_or_else(|| format!("there is no grant {text:?}; there are deploy and keys"))
    }
}

/// The grants of one tenant.
pub type Grants = BTreeSet<Grant>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tenant_is_mistaken_for_the_host() {
        assert_eq!(Owner::new("-"), Ok(Owner::Host));
        assert!(Tenant::new("-").is_err());
        assert_eq!(Owner::new("acme").map(|owner| owner.to_string()).as_deref(), Ok("acme"));
        assert!(Owner::new("--").is_err());
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        assert!(Scope::ALL.into_iter().all(|scope| scope.as_str().parse() == Ok(scope)));
        assert!(Quota::ALL.iter().all(|quota| quota.as_str().parse() == Ok(*quota)));
        assert!(Grant::ALL.into_iter().all(|grant| grant.as_str().parse() == Ok(grant)));
        assert_eq!(serde_json::to_string(&Quota::CommandsPerSecond).expect("a name"), "\"commands_per_second\"");
    }
}
