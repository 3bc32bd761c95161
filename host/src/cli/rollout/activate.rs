//! `greenroom activate KIND`

use clap::Args;
use serde_json::{Map, Value, json};

use super::show::print;
use crate::cli::arguments;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::views;
use crate::vocab::Kind;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Whose actors
    #[arg(value_parser = arguments::kind)]
    kind: Kind,
    /// Which revision; else the newest
    #[arg(long, value_name = "N")]
    revision: Option<u32>,
    #[command(flatten)]
    whom: WhomArguments,
    /// How long a ramp stays at each stage, like 30s, 10m or 500ms
    #[arg(long, value_name = "TIME", requires = "ramp", value_parser = milliseconds)]
    pause: Option<u64>,
    /// So many actors must fail before it is taken back; 0: never
    #[arg(long, value_name = "N")]
    failures: Option<u32>,
    /// Why; it is kept in the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// At most one of these; none: everybody at once.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct WhomArguments {
    /// Everybody at once, also if nothing else is said
    #[arg(long)]
    now: bool,
    /// So many percent of the actors
    #[arg(long, value_name = "P")]
    percent: Option<f64>,
    /// These actors, by key
    #[arg(long, value_name = "KEY,KEY", value_delimiter = ',')]
    actors: Option<Vec<String>>,
    /// A share that grows, like 1,10,50,100
    #[arg(long, value_name = "P,P", value_delimiter = ',')]
    ramp: Option<Vec<f64>>,
    /// Stop the ramp that is under way
    #[arg(long)]
    hold: bool,
    /// Let a ramp that was stopped go on
    #[arg(long)]
    resume: bool,
}

/// A time with its unit, in milliseconds.
fn milliseconds(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text.get(number.len()..).unwrap_or_default() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("write it with its unit: 500ms, 30s, 10m or 1h".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| format!("{number:?} is no whole number"))?;
    number.checked_mul(unit).ok_or_else(|| "it is too long".to_owned())
}

impl Arguments {
    fn body(&self) -> Value {
        let whom = &self.whom;
        let stages = whom.ramp.as_ref();
        let paused = match (whom.hold, whom.resume) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        let members = [
            ("revision", self.revision.map(Value::from)),
            ("percent", whom.percent.map(Value::from)),
            ("actors", whom.actors.clone().map(Value::from)),
            ("stages", stages.cloned().map(Value::from)),
            ("pause_ms", self.pause.map(Value::from)),
            ("paused", paused.map(Value::from)),
            ("failures_actors", self.failures.map(Value::from)),
            ("reason", (!self.reason.is_empty()).then(|| json!(self.reason))),
        ];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect::<Map<_, _>>())
    }
}

pub(in crate::cli) fn run(arguments: &Arguments, client: &Client, output: &Output) -> Result<(), Failure> {
    let path = format!("{}/kinds/{}:activate", client.tenant(), arguments.kind);
    let answer = client.post::<views::Rollout>(&path, Some(&arguments.body()))?;
    print(&answer, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_typed_with_its_unit() {
        assert_eq!(milliseconds("500ms"), Ok(500));
        assert_eq!(milliseconds("30s"), Ok(30_000));
        assert_eq!(milliseconds("2h"), Ok(7_200_000));
        for wrong in ["30", "s", "1.5s", "-1s", "1d", "99999999999999999999h"] {
            assert!(milliseconds(wrong).is_err(), "{wrong}");
        }
    }
}
