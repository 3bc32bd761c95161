//! Data on standard output, talk on standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::failure::Failure;
use crate::vocab::Code;

/// How something is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
}

/// Where the program speaks.
#[derive(Debug)]
pub(super) struct Output {
    is_json: bool,
    /// Colours on standard error: it is a terminal, and `NO_COLOR` is unset or empty.
    has_colours: bool,
}

impl Output {
    /// As the terminal and the environment allow.
    pub(super) fn new(is_json: bool) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { is_json, has_colours: !is_json && !no_colour && io::stderr().is_terminal() }
    }

    #[cfg(test)]
    pub(super) const fn plain() -> Self {
        Self { is_json: false, has_colours: false }
    }

    /// Whether a script reads.
    pub(super) const fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether a person reads standard error at a terminal that shows colours.
    pub(super) const fn has_colours(&self) -> bool {
        self.has_colours
    }

    /// Data: one line.
    ///
    /// # Errors
    /// When standard output cannot be written.
    #[expect(clippy::unused_self, reason = "all output goes through one value")]
    pub(super) fn line(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.write_all(b"\n")?;
        // Somebody may be waiting for this line.
        Ok(stdout.flush()?)
    }

    /// Data: a value as one line of JSON.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(super) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text =
            serde_json::to_string(value).map_err(|error| Failure::new(Code::InvalidRequest, error.to_string()))?;
        self.line(&text)
    }

    /// Data: rows under a heading, as wide as they need.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(super) fn table<const N: usize>(&self, head: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
        self.line(&table(head, rows))
    }

    /// Talk: a line on standard error.
    #[expect(clippy::unused_self, reason = "all output goes through one value")]
    pub(super) fn tell(&self, text: &str) {
        // Nobody is left to be told when standard error is gone.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Talk that scripts have no use for.
    pub(super) fn note(&self, text: &str) {
        if !self.is_json {
            self.tell(text);
        }
    }

    /// A text in its colour, for standard error.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.has_colours {
            return text.to_owned();
        }
        let colour = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
        };
        format!("\u{1b}[1;{colour}m{text}\u{1b}[0m")
    }
}

/// Rows under a heading, as wide as they need.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
        cells.chain(head.get(column).copied()).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: &[&str]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let body = rows.iter().map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
    std::iter::once(line(&head)).chain(body).collect::<Vec<_>>().join("\n")
}

/// Bytes for people: `812 B`, `109.4 KiB`, `3.2 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const KIB: u64 = 1_024;
    const MIB: u64 = KIB * KIB;
    let tenths = |unit: u64| {
        let tenths = bytes.saturating_mul(10) / unit;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{} KiB", tenths(KIB)),
        _ => format!("{} MiB", tenths(MIB)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["ключ".to_owned(), "7".to_owned()], ["a-long-key".to_owned(), "12".to_owned()]];
        assert_eq!(table(["KEY", "SEQUENCE"], &rows), "KEY         SEQUENCE\nключ        7\na-long-key  12");
        assert_eq!(table(["KEY"], &[]), "KEY");
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(
            [size(0), size(1_023), size(1_024), size(1_600), size(3_355_443)],
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "3.1 MiB"]
        );
    }

    #[test]
    fn nothing_is_coloured_without_a_terminal() {
        assert_eq!(Output::plain().paint(Tone::Bad, "error"), "error");
    }
}
