//! The table: every promise, every provider, and what was found.

use std::fmt::{self, Write};

use super::CHECKS;
use super::items::{Bearing, ITEMS};
use super::kit::MakePlace;
use super::run::{Outcome, run_check};

/// One provider with what every check found.
#[derive(Debug, Clone)]
pub struct Column {
    /// The provider's name.
    pub name: String,
    /// What each check came to, in the order of [`CHECKS`].
    pub outcomes: Vec<Outcome>,
}

/// Promises by providers.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// One for each provider.
    pub columns: Vec<Column>,
}

impl Column {
    /// Runs every check on new places of this provider.
    #[must_use]
    pub fn run(name: impl Into<String>, make: &MakePlace) -> Self {
        Self { name: name.into(), outcomes: CHECKS.iter().map(|check| run_check(check, make)).collect() }
    }

    /// Broken promises: the check, and how.
    pub fn broken(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.with_names().filter_map(|(name, outcome)| match outcome {
            Outcome::Broken(how) => Some((name, how.as_str())),
            Outcome::Kept | Outcome::Gap(_) => None,
        })
    }

    /// Gaps: the check, and the reason.
    pub fn gaps(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.with_names().filter_map(|(name, outcome)| match outcome {
            Outcome::Gap(why) => Some((name, why.as_str())),
            Outcome::Kept | Outcome::Broken(_) => None,
        })
    }

    fn with_names(&self) -> impl Iterator<Item = (&'static str, &Outcome)> {
        CHECKS.iter().map(|(name, _)| *name).zip(&self.outcomes)
    }

    /// What is shown of one promise: `kept`, `part` (some of its checks are gaps), `gap`, or `BROKEN`.
    fn cell(&self, beginnings: &[&str]) -> &'static str {
        let chosen = self.with_names().filter(|(name, _)| beginnings.iter().any(|start| name.starts_with(start)));
        let (mut kept, mut gaps) = (0, 0);
        for (_, outcome) in chosen {
            match outcome {
                Outcome::Kept => kept += 1,
                Outcome::Gap(_) => gaps += 1,
                Outcome::Broken(_) => return "BROKEN",
            }
        }
        match (kept, gaps) {
            (0, 0) => "NOT CHECKED",
            (_, 0) => "kept",
            (0, _) => "gap",
            (_, _) => "part",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<5} {:<52}", "", "promise")?;
        self.columns.iter().try_for_each(|column| write!(f, " {:<11}", column.name))?;
        for item in ITEMS {
            write!(f, "\n{:<5} {:<52}", item.id, item.promise)?;
            match item.bearing {
                Bearing::Shown(beginnings) => {
                    self.columns.iter().try_for_each(|column| write!(f, " {:<11}", column.cell(beginnings)))?;
                }
                Bearing::Elsewhere(why) => write!(f, " none: {why}")?,
            }
        }
        f.write_str("\n\nGaps, with their reasons:\n")?;
        for column in &self.columns {
            for (check, why) in column.gaps() {
                writeln!(f, "  {}, {check}: {why}", column.name)?;
            }
        }
        for column in &self.columns {
            for (check, how) in column.broken() {
                writeln!(f, "BROKEN: {}, {check}: {how}", column.name)?;
            }
        }
        let count = |column: &Column| column.outcomes.iter().filter(|outcome| **outcome == Outcome::Kept).count();
        for column in &self.columns {
            let (kept, gaps, broken) = (count(column), column.gaps().count(), column.broken().count());
            writeln!(f, "{}: {} checks, {kept} kept, {gaps} gaps, {broken} broken", column.name, CHECKS.len())?;
        }
        f.write_char('\n')
    }
}
