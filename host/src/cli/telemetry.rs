//! The log: on standard error, pretty or JSON.

use std::borrow::Cow;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::debug_fn;

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
            LogFormat::Pretty => {
                // Keys and what guests say are shown, and cannot begin a line of their own.
                let fields = debug_fn(|writer, field, value| {
                    // Where a line of a library that does not trace comes from: no news.
                    if field.name().starts_with("log.") {
                        return Ok(());
                    }
                    let value = format!("{value:?}");
                    let value = on_one_line(&value);
                    if field.name() == "message" {
                        write!(writer, "{value}")
                    } else {
                        write!(writer, "{field}={value}")
                    }
                });
                builder.with_ansi(has_colours).fmt_fields(fields.delimited(" ")).try_init()
            }
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
        };
        started.map_err(|error| Failure::new(Code::InvalidSetting, format!("the log could not be started: {error}")))
    }
}

/// A value with its control characters, and what ends a line, written as escapes.
fn on_one_line(value: &str) -> Cow<'_, str> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !value.contains(breaks) {
        return Cow::Borrowed(value);
    }
    let shown = |c: char| if breaks(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(value.chars().map(shown).collect())
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
    fn nothing_that_is_logged_begins_a_line_of_its_own() {
        assert_eq!(on_one_line("bank/k-1"), "bank/k-1");
        assert_eq!(on_one_line("x\n2026 INFO paid \u{1b}[2J\u{2028}"), "x\\n2026 INFO paid \\u{1b}[2J\\u{2028}");
    }

    #[test]
    fn levels_and_filters_are_understood_and_typing_errors_are_not() {
        assert!(filter("debug").is_ok());
        assert!(filter("info,greenroom_host::actor=trace").is_ok());
        assert!(filter("info,greenroom_host=verbose").is_err());
    }
}
