//! What a row is meant to reach, and what it is compared with: another row of the same run, or a figure.

/// One aim of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    /// At least so many times what the row of this name reaches.
    Times(f64, &'static str),
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// What the row shows beside its figure under this name: at least this.
    NoteAtLeast(&'static str, f64),
    /// The same: at most this.
    NoteAtMost(&'static str, f64),
    /// The same: at most so many times what the row of this name shows under it.
    NoteTimes(&'static str, f64, &'static str),
}

/// What became of an aim.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What it was held against: a ratio, or a figure.
    pub(crate) found: f64,
    /// What was asked of that.
    pub(crate) bound: f64,
    /// It was asked to be no smaller than that, rather than no larger.
    pub(crate) is_least: bool,
    /// The row that it was divided by.
    pub(crate) reference: Option<&'static str>,
    /// Which of the row's figures it is about; `None`: the first.
    pub(crate) note: Option<&'static str>,
}

impl Outcome {
    /// Whether the aim was reached.
    pub(crate) fn is_met(&self) -> bool {
        if self.is_least { self.found >= self.bound } else { self.found <= self.bound }
    }
}

impl Aim {
    /// The row that it compares with.
    pub(crate) const fn reference(self) -> Option<&'static str> {
        match self {
            Self::Times(_, reference) | Self::NoteTimes(_, _, reference) => Some(reference),
            Self::AtLeast(_) | Self::AtMost(_) | Self::NoteAtLeast(..) | Self::NoteAtMost(..) => None,
        }
    }

    /// Holds it against what was found: `of(row, note)` is a figure of the run, the row itself being `None`. Nothing if what it
    /// needs was not measured.
    pub(crate) fn outcome(self, of: impl Fn(Option<&str>, Option<&str>) -> Option<f64>) -> Option<Outcome> {
        let (note, bound, is_least) = match self {
            Self::Times(bound, _) | Self::AtLeast(bound) => (None, bound, true),
            Self::AtMost(bound) => (None, bound, false),
            Self::NoteAtLeast(note, bound) => (Some(note), bound, true),
            Self::NoteAtMost(note, bound) | Self::NoteTimes(note, bound, _) => (Some(note), bound, false),
        };
        let figure = of(None, note)?;
        let reference = self.reference();
        let found = match reference {
            Some(reference) => figure / of(Some(reference), note).filter(|other| *other > 0.0)?,
            None => figure,
        };
        Some(Outcome { found, bound, is_least, reference, note })
    }
}
