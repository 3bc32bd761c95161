//! One table of one run: for people as Markdown, for programs as JSON.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::aim::{Aim, Outcome};
use crate::machine::{Machine, load_average};
use crate::options::Options;
use crate::rows::Row;
use crate::sample::{Sample, median};

/// The figures of one run.
pub(crate) struct Report {
    machine: Machine,
    command: String,
    load_after: String,
    rows: Vec<Measured>,
}

/// A row with its figures.
struct Measured {
    name: &'static str,
    unit: &'static str,
    what: &'static str,
    aims: Vec<Aim>,
    samples: Vec<Sample>,
}

impl Report {
    pub(crate) fn new(machine: Machine, options: &Options) -> Self {
        Self { machine, command: options.command(), load_after: String::new(), rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: &Row, samples: Vec<Sample>) {
        let aims = row.aims.clone();
        self.rows.push(Measured { name: row.name, unit: row.unit, what: row.what, aims, samples });
    }

    /// All rows are measured.
    pub(crate) fn end(&mut self) {
        self.load_after = load_average();
    }

    /// What the figures were measured on, for people.
    pub(crate) fn header(&self) -> String {
        format!(
            "{}\nDurability: sync wherever a row names the log (the answer waits for fdatasync); load and host share the cores\n\
             Repeat with: {}\n",
            self.machine.lines(),
            self.command
        )
    }

    /// The figures, for people.
    pub(crate) fn table(&self) -> String {
        let mut table =
            "| row | median | spread | against its aim | also | what |\n|---|--:|--:|---|---|---|\n".to_owned();
        for row in &self.rows {
            let (middle, low, high) = row.figures();
            let notes: Vec<String> =
                row.notes().into_iter().map(|(label, value, unit)| format!("{label} {}", show(value, unit))).collect();
            table.push_str(&format!(
                "| {} | {} | {} – {} | {} | {} | {} |\n",
                row.name,
                show(middle, row.unit),
                show(low, row.unit),
                show(high, row.unit),
                self.outcomes(row).iter().map(|outcome| row.tells(outcome)).collect::<Vec<_>>().join("; "),
                notes.join("; "),
                row.what
            ));
        }
        table.push_str(&format!("\nLoad average after: {}", self.load_after));
        table
    }

    /// What became of a row's aims. One that needs a row which was not measured is left out.
    fn outcomes(&self, row: &Measured) -> Vec<Outcome> {
        let of = |name: Option<&str>, note: Option<&str>| {
            let found = name.map_or(Some(row), |name| self.rows.iter().find(|other| other.name == name))?;
            match note {
                None => Some(found.figures().0),
                Some(note) => found.notes().iter().find(|(label, ..)| *label == note).map(|(_, value, _)| *value),
            }
        };
        row.aims.iter().filter_map(|aim| aim.outcome(of)).collect()
    }

    /// # Errors
    /// When the file cannot be written.
    #[expect(clippy::disallowed_methods, reason = "a report, not a durable file of the host")]
    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        let rows: Vec<Value> = self.rows.iter().map(|row| row.as_json(&self.outcomes(row))).collect();
        let report = json!({
            "machine": self.machine.as_json(),
            "durability": "sync",
            "command": self.command,
            "load_average_after": self.load_after,
            "rows": rows,
        });
        let text = serde_json::to_string_pretty(&report).context("figures that JSON cannot hold")?;
        std::fs::write(path, text).with_context(|| format!("{} could not be written", path.display()))
    }
}

impl Measured {
    /// Median, smallest, largest.
    fn figures(&self) -> (f64, f64, f64) {
        median(self.samples.iter().map(|sample| sample.figure).collect())
    }

    /// The median of each note over the repetitions, in the order of the first.
    fn notes(&self) -> Vec<(&'static str, f64, &'static str)> {
        let first = self.samples.first().map_or(&[][..], |sample| &sample.notes);
        let of = |label: &str| {
            let all = self.samples.iter().flat_map(|sample| &sample.notes);
            median(all.filter(|note| note.0 == label).map(|note| note.1).collect()).0
        };
        first.iter().map(|(label, _, unit)| (*label, of(label), *unit)).collect()
    }

    /// An outcome, for people.
    fn tells(&self, outcome: &Outcome) -> String {
        let is = if outcome.is_met() { "met" } else { "missed" };
        let than = if outcome.is_least { "≥" } else { "≤" };
        let of_note = |note| self.notes().into_iter().find(|(label, ..)| *label == note).map(|(.., unit)| unit);
        let unit = outcome.note.map_or(Some(self.unit), of_note).unwrap_or_default();
        let unit = if outcome.reference.is_some() { "×" } else { unit };
        let label = outcome.note.map(|note| format!("{note} ")).unwrap_or_default();
        let of = outcome.reference.map(|reference| format!(" {reference}")).unwrap_or_default();
        format!("{label}{}{of} ({than} {}: {is})", show(outcome.found, unit), show(outcome.bound, unit))
    }

    fn as_json(&self, outcomes: &[Outcome]) -> Value {
        let (middle, low, high) = self.figures();
        let notes: serde_json::Map<String, Value> = self
            .notes()
            .into_iter()
            .map(|(l, value, unit)| (format!("{l} {unit}").trim().to_owned(), json!(value)))
            .collect();
        json!({
            "name": self.name,
            "unit": self.unit,
            "median": middle,
            "smallest": low,
            "largest": high,
            "repetitions": self.samples.iter().map(|sample| sample.figure).collect::<Vec<_>>(),
            "also": notes,
            "what": self.what,
            "aims": outcomes.iter().map(|outcome| json!({
                "found": outcome.found,
                if outcome.is_least { "at_least" } else { "at_most" }: outcome.bound,
                "times": outcome.reference,
                "note": outcome.note,
                "met": outcome.is_met(),
            })).collect::<Vec<_>>(),
        })
    }
}

/// A figure with three or four significant digits.
fn show(value: f64, unit: &str) -> String {
    let (value, unit) = if unit == "µs" && value >= 10_000.0 { (value / 1e3, "ms") } else { (value, unit) };
    let text = match value {
        v if v >= 1e9 => format!("{:.2} G", v / 1e9),
        v if v >= 1e6 => format!("{:.2} M", v / 1e6),
        v if v >= 1e4 => format!("{:.1} k", v / 1e3),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    };
    format!(
        "{text}{}{unit}",
        if unit.is_empty() || unit.starts_with('/') || text.ends_with(['k', 'M', 'G']) { "" } else { " " }
    )
}
