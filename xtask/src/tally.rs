//! Sums what test runners say at their end.

use std::ops::AddAssign;

/// How many tests did what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed, ran out of time or could not be started.
    pub(crate) failed: u64,
    /// Tests that were ignored or filtered out.
    pub(crate) skipped: u64,
}

/// Whose summaries are read. What tests themselves print may look like the other one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `cargo nextest run`
    Nextest,
    /// `cargo test`
    Cargo,
}

impl Tally {
    /// Adds the figures of a line, if it is the runner's summary.
    pub(crate) fn read_line(&mut self, runner: Runner, line: &str) {
        let line = without_colours(line);
        let figures = match runner {
            Runner::Nextest => line.trim_start().strip_prefix("Summary [").and_then(|rest| rest.split_once(" run:")),
            Runner::Cargo => line.strip_prefix("test result:").map(|figures| ("", figures)),
        };
        if let Some((_, figures)) = figures {
            *self += read_figures(figures);
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Reads `3 passed (1 slow), 1 timed out, 2 skipped` and `ok. 3 passed; 0 failed; 1 ignored; 2 filtered out`.
fn read_figures(figures: &str) -> Tally {
    let mut tally = Tally::default();
    let mut words = figures.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        let Ok(count) = word.parse::<u64>() else { continue };
        match words.peek().copied() {
            Some("passed") => tally.passed += count,
            Some("failed" | "timed" | "exec") => tally.failed += count,
            Some("skipped" | "ignored" | "filtered") => tally.skipped += count,
            _ => {}
        }
    }
    tally
}

/// The text without ANSI colour sequences.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut in_sequence = false;
    for c in text.chars() {
        match (in_sequence, c) {
            (false, '\u{1b}') => in_sequence = true,
            (false, _) => plain.push(c),
            (true, _) => in_sequence = !c.is_ascii_alphabetic(),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(runner: Runner, lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.read_line(runner, line));
        tally
    }

    #[test]
    fn summaries_of_nextest_are_read_with_colours_and_without() {
        let plain =
            "     Summary [   1.003s] 12 tests run: 9 passed (1 slow, 2 flaky), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(tally_of(Runner::Nextest, &[plain]), Tally { passed: 9, failed: 3, skipped: 4 });
        let one = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.006s] \u{1b}[1m1\u{1b}[0m test run: \u{1b}[1m1\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped";
        assert_eq!(tally_of(Runner::Nextest, &[one]), Tally { passed: 1, failed: 0, skipped: 0 });
    }

    #[test]
    fn summaries_of_cargo_are_added_up() {
        let lines = [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ];
        assert_eq!(tally_of(Runner::Cargo, &lines), Tally { passed: 4, failed: 1, skipped: 3 });
    }

    #[test]
    fn other_lines_count_nothing() {
        let of_nextest =
            ["        PASS [   0.005s] 3 passed", "    test result: FAILED. 0 passed; 1 failed; 0 ignored", ""];
        assert_eq!(tally_of(Runner::Nextest, &of_nextest), Tally::default());
        let of_cargo = ["running 7 tests", "     Summary [   0.006s] 1 test run: 1 passed, 0 skipped"];
        assert_eq!(tally_of(Runner::Cargo, &of_cargo), Tally::default());
    }
}
