//! What `serve` can be told: the server's own settings, and the host's beside them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use toml::{Table, Value};

use super::config_file::{self, check_keys, section};
use crate::api::HttpSettings;
use crate::provider::log::LogSettings;
use crate::runtime::HostSettings;
use crate::vocab::{Code, Kind, Tenant};

/// Where a server listens unless it is told otherwise.
const PORT: u16 = 7_411;
/// How long a shutdown may take unless it is told otherwise, milliseconds.
const SHUTDOWN_DEADLINE_MS: u64 = 10_000;

/// The settings of a server. In the configuration file, the host's settings stand beside the server's own.
#[derive(Debug, Clone, PartialEq)]
pub struct ServeSettings {
    /// Where it listens; beyond loopback only with TLS, and once there are keys.
    pub listen: SocketAddr,
    /// The certificate chain, PEM; without one it speaks plain HTTP.
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// The data directory; there is no default.
    pub data: Option<PathBuf>,
    /// How long a graceful shutdown may take before it is forced, milliseconds.
    pub shutdown_deadline_ms: u64,
    /// The bounds of the HTTP face.
    pub http: HttpSettings,
    /// How the embedded store writes and reads; its directory and durability come from `data` and `host`.
    pub log: LogSettings,
    /// The host's settings.
    pub host: HostSettings,
}

/// Why a configuration is refused; names the setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file is not TOML.
    #[error("the configuration is not TOML: {0}")]
    Syntax(String),
    /// A key that does not exist.
    #[error("there is no setting {key}{hint}")]
    Unknown {
        /// The key, with its sections.
        key: String,
        /// What may have been meant, as the rest of the sentence; may be empty.
        hint: String,
    },
    /// A value that is not allowed.
    #[error("{key}: {reason}")]
    Invalid {
        /// The key, with its sections.
        key: String,
        /// What is wrong, and what is allowed.
        reason: String,
    },
}

impl SettingsError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unknown { .. } => Code::UnknownSetting,
            Self::Syntax(_) | Self::Invalid { .. } => Code::InvalidSetting,
        }
    }

    pub(super) fn invalid(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { key: key.into(), reason: reason.into() }
    }
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            data: None,
            tls_certificate: None,
            tls_key: None,
            shutdown_deadline_ms: SHUTDOWN_DEADLINE_MS,
            http: HttpSettings::default(),
            log: LogSettings::default(),
            host: HostSettings::default(),
        }
    }
}

impl ServeSettings {
    /// Reads a configuration file's text; what it does not name keeps its default.
    ///
    /// # Errors
    /// The first setting that is unknown or has a value that is not allowed. Nothing is skipped.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let mut table: Table = text.parse().map_err(|error: toml::de::Error| syntax(&error))?;
        check_keys(&table, &Self::known())?;
        let default = Self::default();
        let settings = Self {
            listen: section(&mut table, "listen")?.unwrap_or(default.listen),
            data: section(&mut table, "data")?,
            tls_certificate: section(&mut table, "tls_certificate")?,
            tls_key: section(&mut table, "tls_key")?,
            shutdown_deadline_ms: section(&mut table, "shutdown_deadline_ms")?.unwrap_or(default.shutdown_deadline_ms),
            http: section(&mut table, "http")?.unwrap_or_default(),
            log: section(&mut table, "log")?.unwrap_or_default(),
            host: config_file::host(table)?,
        };
        settings.check()?;
        Ok(settings)
    }

    /// Every setting with its default, as the configuration file writes it.
    #[must_use]
    pub fn defaults() -> Table {
        let Self { listen, data: _, tls_certificate: _, tls_key: _, shutdown_deadline_ms, http, log, host } =
            Self::default();
        let mut table = Table::try_from(host).unwrap_or_default();
        let mut log = Table::try_from(log).unwrap_or_default();
        for elsewhere in ["dir", "durability"] {
            log.remove(elsewhere);
        }
        table.insert("log".to_owned(), Value::Table(log));
        table.insert("listen".to_owned(), Value::String(listen.to_string()));
        table.insert("shutdown_deadline_ms".to_owned(), number(shutdown_deadline_ms));
        table.insert("http".to_owned(), Table::try_from(http).map_or(Value::Table(Table::new()), Value::Table));
        table
    }

    /// Every key that may be written: the defaults, and what has none.
    fn known() -> Table {
        let mut table = Self::defaults();
        for without_default in ["data", "tls_certificate", "tls_key"] {
            table.insert(without_default.to_owned(), Value::String(String::new()));
        }
        table
    }

    /// Whether the values are allowed, also together; settings that flags changed are checked again.
    ///
    /// # Errors
    /// The first one that is not.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            let (there, missing) =
                if self.tls_key.is_some() { ("tls_key", "tls_certificate") } else { ("tls_certificate", "tls_key") };
            return Err(SettingsError::invalid(there, format!("is set without {missing}; TLS needs both")));
        }
        if !self.listen.ip().is_loopback() && self.tls_certificate.is_none() {
            let reason = format!(
                "{} can be reached from other machines, and without TLS keys and data would cross the network as they \
                 are. Set tls_certificate and tls_key, or use 127.0.0.1:{PORT}",
                self.listen
            );
            return Err(SettingsError::invalid("listen", reason));
        }
        positive("limits", &self.host.limits, &["guests_memory_bytes"])?;
        positive("http", &self.http, &[])?;
        positive("log", &self.log, &LogSettings::ZERO_IS_NEVER)?;
        if let Some((name, reason)) = self.log.problem() {
            return Err(SettingsError::invalid(format!("log.{name}"), reason));
        }
        self.check_kind_names()?;
        self.check_records()?;
        self.host.problem().map_or(Ok(()), |reason| Err(SettingsError::invalid("the settings", reason)))
    }

    fn check_kind_names(&self) -> Result<(), SettingsError> {
        let refusal = |name: &String| {
            let (tenant, kind) = name.split_once('/').unwrap_or(("default", name));
            let error = Tenant::new(tenant).and_then(|_| Kind::new(kind)).err()?;
            Some(SettingsError::invalid(format!("kinds.{name:?}"), error.to_string()))
        };
        self.host.kinds.keys().find_map(refusal).map_or(Ok(()), Err)
    }

    /// What an actor may produce must fit into the store, or its turns would fail for ever.
    fn check_records(&self) -> Result<(), SettingsError> {
        let record = u64::try_from(self.log.record_bytes_max).unwrap_or(u64::MAX);
        // As large as a kind or a tenant may have it.
        let limits = self.host.ceiling();
        let sizes = [
            ("limits.frame_bytes", u64::from(limits.frame_bytes)),
            ("limits.snapshot_bytes", u64::from(limits.snapshot_bytes)),
            ("limits.component_bytes", u64::from(limits.component_bytes)),
        ];
        match sizes.into_iter().find(|(_, bytes)| *bytes > record) {
            Some((key, bytes)) => {
                let reason = format!("{bytes} is more than log.record_bytes_max ({record}), which must hold it");
                Err(SettingsError::invalid(key, reason))
            }
            None => Ok(()),
        }
    }
}

/// Every number of a section is a bound, and a bound of zero would stop everything; except those whose zero says "never".
fn positive(name: &str, section: &impl serde::Serialize, never: &[&str]) -> Result<(), SettingsError> {
    let table = Table::try_from(section).map_err(|error| SettingsError::invalid(name, error.to_string()))?;
    let is_zero = |key: &str, value: &Value| value.as_integer() == Some(0) && !never.contains(&key);
    match table.iter().find(|(key, value)| is_zero(key, value)) {
        Some((key, _)) => Err(SettingsError::invalid(format!("{name}.{key}"), "must be at least 1")),
        None => Ok(()),
    }
}

fn number(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn syntax(error: &toml::de::Error) -> SettingsError {
    SettingsError::Syntax(error.to_string().trim_end().to_owned())
}

/// Every setting by its full name; what the page on settings must list.
#[cfg(test)]
fn leaves(table: &Table) -> std::collections::BTreeMap<String, String> {
    use std::collections::BTreeMap;
    fn walk(prefix: &str, table: &Table, found: &mut BTreeMap<String, String>) {
        for (key, value) in table {
            match value {
                Value::Table(inner) if !inner.is_empty() => walk(&format!("{prefix}{key}."), inner, found),
                _ => drop(found.insert(format!("{prefix}{key}"), value.to_string())),
            }
        }
    }
    let mut found = BTreeMap::new();
    walk("", table, &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Durability;
    use crate::vocab::{Limit, Quota};
    use std::collections::BTreeMap;

    fn refusal(text: &str) -> (Code, String) {
        let error = ServeSettings::parse(text).unwrap_err();
        (error.code(), error.to_string())
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(ServeSettings::parse("").unwrap(), ServeSettings::default());
    }

    #[test]
    fn the_written_defaults_read_back_as_the_defaults() {
        let text = ServeSettings::defaults().to_string();
        assert_eq!(ServeSettings::parse(&text).unwrap(), ServeSettings::default());
    }

    #[test]
    fn a_zero_that_means_never_is_allowed_and_every_other_zero_of_the_log_is_not() {
        for name in LogSettings::ZERO_IS_NEVER {
            let settings = ServeSettings::parse(&format!("log.{name} = 0")).expect("allowed");
            assert_ne!(settings.log, LogSettings::default(), "{name}");
        }
        let numbers = Table::try_from(LogSettings::default()).expect("a table");
        let numbers = numbers.iter().filter(|(_, value)| value.is_integer()).map(|(name, _)| name.as_str());
        for name in numbers.filter(|name| !LogSettings::ZERO_IS_NEVER.contains(name)) {
            let (code, text) = refusal(&format!("log.{name} = 0"));
            assert_eq!((code, text), (Code::InvalidSetting, format!("log.{name}: must be at least 1")));
        }
        // What the page on settings says of zero, the program allows.
        let page = include_str!("../../../docs/settings.md");
        let never = page.lines().filter(|line| line.starts_with("| `log.") && line.contains("0: never"));
        let never: Vec<_> = never.filter_map(|line| line.split('`').nth(1)?.strip_prefix("log.")).collect();
        assert_eq!(never, LogSettings::ZERO_IS_NEVER);
    }

    #[test]
    fn records_and_batches_that_the_log_cannot_hold_are_refused() {
        for name in ["record_bytes_max", "batch_bytes"] {
            let (code, text) = refusal(&format!("log.{name} = 5_000_000_000"));
            assert_eq!(code, Code::InvalidSetting);
            assert!(text.starts_with(&format!("log.{name}: 5000000000 is more than")), "{text}");
        }
    }

    #[test]
    fn every_section_is_read() {
        let settings = ServeSettings::parse(
            r#"
            listen = "127.0.0.1:9000"
            data = "/var/lib/greenroom"
            shutdown_deadline_ms = 500
            durability = "flush"
            limits.mailbox_commands = 7
            http.connections = 9
            [snapshots]
            every_events = 50
            recovery_budget_ms = 5
            [kinds."default/counter".retention]
            keep_snapshots = 3
            [kinds.sensor.snapshots]
            on_events = ["alarm"]
            [kinds.sensor.limits]
            reply_bytes = 4096
            [ceilings]
            guest_call_ms = 5_000
            "#,
        )
        .unwrap();
        assert_eq!(settings.listen.port(), 9_000);
        assert_eq!(settings.data.as_deref(), Some(std::path::Path::new("/var/lib/greenroom")));
        assert_eq!(settings.host.durability, Durability::Flush);
        assert_eq!((settings.host.limits.mailbox_commands, settings.http.connections), (7, 9));
        assert_eq!(settings.host.snapshots.every_events, 50);
        assert_eq!(settings.host.kinds["default/counter"].retention.as_ref().unwrap().keep_snapshots, 3);
        assert_eq!(settings.host.kinds["sensor"].limits, [(Limit::ReplyBytes, 4_096)].into());
        assert_eq!(settings.host.ceilings, [(Limit::GuestCallMs, 5_000)].into());
        assert_eq!(settings.host.kinds["sensor"].snapshots.as_ref().unwrap().on_events, ["alarm"]);
    }

    #[test]
    fn an_unknown_key_is_named_with_what_was_meant() {
        for (text, key, hint) in [
            ("lisen = 'x'", "lisen", "listen"),
            ("[limits]\nmailbox_comands = 1", "limits.mailbox_comands", "limits.mailbox_commands"),
            ("mailbox_commands = 1", "mailbox_commands", "limits.mailbox_commands"),
            ("mailbox_comands = 1", "mailbox_comands", "limits.mailbox_commands"),
            ("[http]\nconnection = 1", "http.connection", "http.connections"),
            ("[kinds.counter]\nsnapshot = 1", "kinds.counter.snapshot", "kinds.counter.snapshots"),
            ("[kinds.counter.retention]\nkeep = 1", "kinds.counter.retention.keep", ""),
            ("[limit]\nx = 1", "limit", "limits"),
            ("[kinds.a.limits]\nreply_byte = 1", "kinds.a.limits.reply_byte", "reply_bytes"),
            ("[kinds.a.limits]\nlive_actors = 1", "kinds.a.limits.live_actors", "limits.live_actors"),
            ("[ceilings]\nguest_stack_bytes = 70000", "ceilings.guest_stack_bytes", "limits.guest_stack_bytes"),
            ("[log]\ndurability = 'flush'", "log.durability", "durability"),
            ("[log]\ndir = 'x'", "log.dir", ""),
        ] {
            let (code, message) = refusal(text);
            assert_eq!(code, Code::UnknownSetting, "{text}");
            assert!(message.contains(&format!("no setting {key}")), "{message}");
            assert!(message.contains(hint), "{message}");
        }
    }

    #[test]
    fn a_value_that_is_not_allowed_is_named() {
        for (text, key) in [
            ("listen = 'localhost'", "listen"),
            ("listen = '0.0.0.0:7411'", "listen"),
            ("durability = 'fast'", "durability"),
            ("limits.mailbox_commands = 'many'", "limits.mailbox_commands"),
            ("limits.mailbox_commands = -1", "limits.mailbox_commands"),
            ("http.connections = 'many'", "http.connections: "),
            ("kinds.a.retention.keep_snapshots = 'x'", "kinds.a.retention.keep_snapshots: "),
            ("limits.live_actors = 0", "limits.live_actors"),
            ("http.connections = 0", "http.connections"),
            ("limits.event_bytes = 100000000", "limits.event_bytes"),
            ("limits.snapshot_bytes = 100000000", "limits.snapshot_bytes"),
            ("log.batch_bytes = 0", "log.batch_bytes"),
            ("retention.keep_snapshots = 0", "retention.keep_snapshots"),
            ("snapshots.recovery_budget_ms = -1.0", "snapshots.recovery_budget_ms"),
            ("snapshots.recovery_budget_ms = nan", "snapshots.recovery_budget_ms"),
            ("limits = 3", "limits"),
            ("limits.guest_stack_bytes = 1048577", "limits.guest_stack_bytes"),
            ("limits.guest_stack_bytes = 65535", "limits.guest_stack_bytes"),
            ("kinds.a.limits.reply_bytes = 1048577", "ceiling of 1048576"),
            ("kinds.a.limits.reply_bytes = 0", "reply_bytes"),
            ("ceilings.reply_bytes = 1", "ceilings.reply_bytes"),
            ("ceilings.frame_bytes = 100000000", "limits.frame_bytes"),
            ("kinds.Upper.retention.keep_snapshots = 1", "Upper"),
            ("kinds.a.retention.keep_snapshots = 0", "keep_snapshots"),
        ] {
            let (code, message) = refusal(text);
            assert_eq!(code, Code::InvalidSetting, "{text}: {message}");
            assert!(message.contains(key), "{text}: {message}");
        }
    }

    #[test]
    fn what_is_not_toml_says_where() {
        let (code, message) = refusal("listen = \n");
        assert_eq!(code, Code::InvalidSetting);
        assert!(message.contains("line 1"), "{message}");
    }

    #[test]
    fn the_page_on_settings_lists_every_setting_with_its_default() {
        let page = include_str!("../../../docs/settings.md");
        let mut written = BTreeMap::new();
        for row in page.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let cell = |at: usize| cells[at].trim_matches('`').to_owned();
            assert!(written.insert(cell(1), cell(2)).is_none(), "{row} stands there twice");
            assert!(!cells[3].is_empty() && cells[4].len() > 20, "{row} lacks its unit or what it bounds");
        }
        let mut real = leaves(&ServeSettings::defaults());
        for without_default in ["data", "tls_certificate", "tls_key"] {
            real.insert(without_default.to_owned(), "none".to_owned());
        }
        for quota in Quota::ALL {
            real.entry(format!("tenants.default_quotas.{quota}")).or_insert_with(|| "none".to_owned());
        }
        assert_eq!(written, real);
    }
}
