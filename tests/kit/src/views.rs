//! What the server says of an actor, as far as tests read it.

use anyhow::{Context, Result};
use serde_json::Value;

/// The status of an actor.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The highest durable event number.
    pub sequence: u64,
    /// The newest snapshot's number.
    pub snapshot_sequence: Option<u64>,
    /// The revision it runs, or would run.
    pub revision: u64,
    /// Where it is in its life.
    pub phase: String,
    /// The recovery that is running, or the last one.
    pub recovery: Option<Recovery>,
}

/// How far a recovery is, or what the last one took.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// The number of the snapshot that it started from; `None`: from the first event.
    pub from_snapshot: Option<u64>,
    /// Events replayed so far.
    pub events_done: u64,
    /// Events to replay in all.
    pub events_total: u64,
    /// Events replayed per second so far.
    pub events_per_second: f64,
    /// Milliseconds since the recovery began.
    pub elapsed_ms: f64,
    /// Milliseconds until it is done, as far as the host can say.
    pub remaining_ms: Option<f64>,
}

/// One event of a journal, rendered for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number.
    pub sequence: u64,
    /// Its type's name.
    pub event_type: String,
    /// Its type's version.
    pub version: u64,
    /// Its payload.
    pub payload: Value,
}

impl Status {
    /// Reads a status.
    ///
    /// # Errors
    /// The first member that is missing.
    pub fn read(value: &Value) -> Result<Self> {
        let recovery = value.get("recovery").filter(|value| !value.is_null()).map(Recovery::read).transpose()?;
        Ok(Self {
            sequence: number(value, "sequence")?,
            snapshot_sequence: value.get("snapshot_sequence").and_then(Value::as_u64),
            revision: number(value, "revision")?,
            phase: text(value, "phase")?,
            recovery,
        })
    }
}

impl Recovery {
    fn read(value: &Value) -> Result<Self> {
        Ok(Self {
            from_snapshot: value.get("from_snapshot").and_then(Value::as_u64),
            events_done: number(value, "events_done")?,
            events_total: number(value, "events_total")?,
            events_per_second: value
                .get("events_per_second")
                .and_then(Value::as_f64)
                .context("no rate in the recovery")?,
            elapsed_ms: value.get("elapsed_ms").and_then(Value::as_f64).context("no time in the recovery")?,
            remaining_ms: value.get("remaining_ms").and_then(Value::as_f64),
        })
    }
}

impl Event {
    /// Reads JSON lines.
    ///
    /// # Errors
    /// The first line that is not an event.
    pub fn read_lines(lines: &str) -> Result<Vec<Self>> {
        let read = |line: &str| {
            let value: Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
            Ok(Self {
                sequence: number(&value, "sequence")?,
                event_type: text(&value, "type")?,
                version: number(&value, "version")?,
                payload: value.get("payload").cloned().with_context(|| format!("no payload: {line}"))?,
            })
        };
        lines.lines().filter(|line| !line.trim().is_empty()).map(read).collect()
    }
}

fn number(value: &Value, name: &str) -> Result<u64> {
    value.get(name).and_then(Value::as_u64).with_context(|| format!("no number `{name}` in {value}"))
}

fn text(value: &Value, name: &str) -> Result<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no text `{name}` in {value}"))
}
