//! What the person at the terminal sees: a title per act, a line per proof, one progress bar.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// Prints the acts. Plain text when the output is not a terminal.
pub(crate) struct Screen {
    is_terminal: bool,
    act: u32,
    proofs: u32,
}

impl Screen {
    /// An empty screen.
    pub(crate) fn new() -> Self {
        Self { is_terminal: std::io::stdout().is_terminal(), act: 0, proofs: 0 }
    }

    /// Begins an act.
    pub(crate) fn act(&mut self, title: &str) {
        self.act += 1;
        println!("\n{}", self.styled("1", &format!("{}. {title}", self.act)));
    }

    /// Says what is being done; claims nothing.
    pub(crate) fn say(&self, sentence: &str) {
        println!("   {}", self.styled("2", sentence));
    }

    /// Shows that something holds, and ends the demo if it does not.
    pub(crate) fn prove(&mut self, holds: bool, sentence: &str) -> Result<()> {
        if !holds {
            println!(" {} {sentence}", self.styled("31;1", "✗"));
            bail!("this proof failed: {sentence}");
        }
        self.proofs += 1;
        println!(" {} {sentence}", self.styled("32;1", "✓"));
        Ok(())
    }

    /// How many proofs held so far.
    pub(crate) const fn proofs(&self) -> u32 {
        self.proofs
    }

    /// A progress bar of commands; it is gone when it is dropped, and never shown when nobody watches.
    pub(crate) fn bar(&self, total: u64) -> Bar {
        let bar = ProgressBar::new(total);
        if let Ok(style) =
            ProgressStyle::with_template("   {bar:40} {human_pos} of {human_len} acknowledged, {per_sec}")
        {
            bar.set_style(style);
        }
        Bar(bar)
    }

    /// Two columns under a rule.
    pub(crate) fn table(&self, title: &str, rows: &[(&str, String)]) {
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        println!("\n{}", self.styled("1", title));
        for (name, value) in rows {
            println!("   {name:<width$}   {value}");
        }
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.is_terminal { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A progress bar that clears itself.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Moves the bar.
    pub(crate) fn set(&self, position: u64) {
        self.0.set_position(position);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A number with commas between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A time in the unit that suits it.
pub(crate) fn in_words(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!([0, 999, 1_000, 12_345, 1_234_567].map(grouped), ["0", "999", "1,000", "12,345", "1,234,567"]);
    }
}
