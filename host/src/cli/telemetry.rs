//! The log: on standard error, pretty or JSON.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::failure::Failure;
use crate::vocab::Code;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    #[default]
    Pretty,
    /// One JSON object per line
    Json,
}

/// What is logged, and how.
#[derive(Debug, Args)]
pub(super) struct LogArguments {
    /// What is logged: a level, or a filter such as info,greenroom_host::actor=debug
    #[arg(long, env = "GREENROOM_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
    /// How log lines look
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    log_format: LogFormat,
}

impl LogArguments {
    /// Starts logging for the rest of the process.
    ///
    /// # Errors
    /// When the filter is not one, or something else logs already.
    pub(super) fn start(&self, has_colours: bool) -> Result<(), Failure> {
        let filter = filter(&self.log)?;
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        let started = match self.log_format {
            LogFormat::Pretty => builder.with_ansi(has_colours).try_init(),
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
        };
        started.map_err(|error| Failure::new(Code::InvalidSetting, format!("the log could not be started: {error}")))
    }
}

fn filter(text: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::builder()
        .parse(text)
        .map_err(|error| Failure::new(Code::InvalidSetting, format!("--log {text} is not a log filter: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_filters_are_understood_and_typing_errors_are_not() {
        assert!(filter("debug").is_ok());
        assert!(filter("info,greenroom_host::actor=trace").is_ok());
        assert!(filter("info,greenroom_host=verbose").is_err());
    }
}
