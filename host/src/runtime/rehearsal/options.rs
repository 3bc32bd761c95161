//! What is asked of a rehearsal.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::decide::Pattern;
use crate::vocab::Key;

/// The largest sample: its keys are held in memory.
const SAMPLE_MAX: u32 = 10_000;
/// The sample when nobody says otherwise.
const SAMPLE: u32 = 100;

/// How rehearsals go about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RehearsalSettings {
    /// How much of one core's time a rehearsal takes at most, reading the store included; 1: all of it.
    pub cpu_share: f64,
}

impl Default for RehearsalSettings {
    fn default() -> Self {
        Self { cpu_share: 0.25 }
    }
}

impl RehearsalSettings {
    /// What is out of bounds; `None`: nothing.
    pub(crate) fn problem(&self) -> Option<String> {
        let is_share = (0.001..=1.0).contains(&self.cpu_share);
        (!is_share).then(|| format!("cpu_share is {}; it is between 0.001 and 1", self.cpu_share))
    }
}

/// Which actors of the kind are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChosenActors {
    /// So many, spread evenly over all keys.
    Evenly(u32),
    /// All.
    All,
    /// Those whose key a pattern means: `*` is any run of characters, `?` is one, `\` takes the next as it is.
    Matching(ActorPattern),
}

/// A pattern of keys, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorPattern {
    text: String,
    pub(super) pattern: Pattern,
}

impl Default for ChosenActors {
    fn default() -> Self {
        Self::Evenly(SAMPLE)
    }
}

/// A number, `all`, or a pattern.
impl FromStr for ChosenActors {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return match text.parse() {
                Ok(sample @ 1..=SAMPLE_MAX) => Ok(Self::Evenly(sample)),
                _ => Err(format!(
                    "a sample has 1 to {SAMPLE_MAX} actors; write all for all of them, or \\{text} for the key {text}"
                )),
            };
        }
        Ok(Self::Matching(ActorPattern { text: text.to_owned(), pattern: Pattern::parse(text)? }))
    }
}

impl fmt::Display for ChosenActors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evenly(sample) => sample.fmt(f),
            Self::All => f.write_str("all"),
            Self::Matching(pattern) => f.write_str(&pattern.text),
        }
    }
}

/// From where histories are replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayFrom {
    /// From the newest snapshot that can be used, as a recovery does; from the first event where there is none.
    Snapshot,
    /// From the first event, where history is kept.
    First,
    /// One after the other.
    #[default]
    Both,
}

impl FromStr for ReplayFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "snapshot" => Ok(Self::Snapshot),
            "first" => Ok(Self::First),
            "both" => Ok(Self::Both),
            other => Err(format!("histories are replayed from snapshot, first or both, not from {other:?}")),
        }
    }
}

impl fmt::Display for ReplayFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Snapshot => "snapshot",
            Self::First => "first",
            Self::Both => "both",
        })
    }
}

/// What is asked of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RehearsalOptions {
    /// Which actors are looked at.
    pub actors: ChosenActors,
    /// From where their histories are replayed.
    pub from: ReplayFrom,
    /// Have commands that actors handled lately handled again by both revisions.
    pub commands: bool,
    /// Go on behind this key: the `after` of a progress line.
    pub after: Option<Key>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_are_a_number_all_or_a_pattern() {
        assert_eq!("7".parse(), Ok(ChosenActors::Evenly(7)));
        assert_eq!("all".parse(), Ok(ChosenActors::All));
        for text in ["user-*", "a", r"\42", "-1", "1.5", "ALL"] {
            let chosen: ChosenActors = text.parse().unwrap();
            assert!(matches!(chosen, ChosenActors::Matching(_)), "{text}");
            assert_eq!(chosen.to_string(), text);
        }
        for text in ["0", "10001", "99999999999999999999", ""] {
            assert!(text.parse::<ChosenActors>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_is_a_part_of_one_core() {
        for (cpu_share, is_allowed) in
            [(0.25, true), (1.0, true), (0.001, true), (0.0, false), (1.5, false), (-1.0, false), (f64::NAN, false)]
        {
            assert_eq!(RehearsalSettings { cpu_share }.problem().is_none(), is_allowed, "{cpu_share}");
        }
    }
}
