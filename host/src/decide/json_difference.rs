//! Where two JSON documents say different things. What only looks different (spaces, the order of members, the spelling of
//! a number or a character) is the same.
//!
//! Nothing is built of the documents: where the texts are equal they are not looked into.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Differences that are listed; more are counted.
pub const DIFFERENCES_MAX: usize = 16;
/// Bytes of a value, or of a path, that are shown.
const SHOWN_BYTES: usize = 200;
/// How deep documents are looked into; below, texts are compared.
const DEPTH_MAX: usize = 100;

/// One place where they differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where: a JSON pointer (RFC 6901); empty: the whole.
    pub path: String,
    /// What the old one has there, as JSON text; `None`: nothing. A long text is cut and ends with `…`.
    pub old: Option<String>,
    /// What the new one has there.
    pub new: Option<String>,
}

/// All places where two documents differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// The first ones, in the order of the documents.
    pub listed: Vec<Difference>,
    /// How many more there are.
    pub more: u64,
}

impl Differences {
    /// Where two documents differ. A text that is no JSON is compared as a text.
    #[must_use]
    pub fn between(old: &str, new: &str) -> Self {
        let mut walk = Walk { found: Self::default(), path: Vec::new() };
        walk.compare(old.trim(), new.trim());
        walk.found
    }

    /// One difference: of the whole.
    #[must_use]
    pub fn of_the_whole(old: &str, new: &str) -> Self {
        let difference = Difference { path: String::new(), old: Some(shown(old)), new: Some(shown(new)) };
        Self { listed: vec![difference], more: 0 }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
}

enum Value<'a> {
    Object(BTreeMap<String, &'a RawValue>),
    Array(Vec<&'a RawValue>),
    Text(String),
    Number(Decimal),
    Other,
}

enum Step {
    Member(String),
    Element(usize),
}

struct Walk {
    found: Differences,
    path: Vec<Step>,
}

impl Walk {
    fn compare(&mut self, old: &str, new: &str) {
        if old == new {
            return;
        }
        if self.path.len() >= DEPTH_MAX {
            return self.note(Some(old), Some(new));
        }
        match (Value::read(old), Value::read(new)) {
            (Value::Object(old), Value::Object(new)) => self.objects(&old, &new),
            (Value::Array(old), Value::Array(new)) => {
                for at in 0..old.len().max(new.len()) {
                    self.path.push(Step::Element(at));
                    self.member(old.get(at).copied(), new.get(at).copied());
                    self.path.pop();
                }
            }
            (Value::Text(a), Value::Text(b)) if a == b => {}
            (Value::Number(a), Value::Number(b)) if a == b => {}
            _ => self.note(Some(old), Some(new)),
        }
    }

    fn objects(&mut self, old: &BTreeMap<String, &RawValue>, new: &BTreeMap<String, &RawValue>) {
        let added = new.keys().filter(|name| !old.contains_key(*name));
        let mut names: Vec<&String> = old.keys().chain(added).collect();
        names.sort_unstable();
        for name in names {
            self.path.push(Step::Member(name.clone()));
            self.member(old.get(name).copied(), new.get(name).copied());
            self.path.pop();
        }
    }

    fn member(&mut self, old: Option<&RawValue>, new: Option<&RawValue>) {
        match (old, new) {
            (Some(old), Some(new)) => self.compare(old.get(), new.get()),
            (old, new) => self.note(old.map(RawValue::get), new.map(RawValue::get)),
        }
    }

    fn note(&mut self, old: Option<&str>, new: Option<&str>) {
        if self.found.listed.len() >= DIFFERENCES_MAX {
            self.found.more = self.found.more.saturating_add(1);
            return;
        }
        let path = self.pointer();
        self.found.listed.push(Difference { path, old: old.map(shown), new: new.map(shown) });
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            // Writing to a String cannot fail.
            let _ = match step {
                Step::Member(name) => write!(pointer, "/{}", name.replace('~', "~0").replace('/', "~1")),
                Step::Element(at) => write!(pointer, "/{at}"),
            };
        }
        shown(&pointer)
    }
}

impl<'a> Value<'a> {
    fn read(text: &'a str) -> Self {
        let read = match text.as_bytes().first() {
            Some(b'{') => serde_json::from_str(text).ok().map(Self::Object),
            Some(b'[') => serde_json::from_str(text).ok().map(Self::Array),
            Some(b'"') => serde_json::from_str(text).ok().map(Self::Text),
            Some(b'-' | b'0'..=b'9') => Decimal::read(text).map(Self::Number),
            _ => None,
        };
        read.unwrap_or(Self::Other)
    }
}

/// A number as it is meant: its digits and where the point stands, without rounding.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// Without zeros at either end; empty: zero.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        // Only what is a number in JSON: the parser knows.
        serde_json::from_str::<&RawValue>(text).ok()?;
        let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let trimmed = all.trim_end_matches('0');
        let dropped = i64::try_from(all.len().saturating_sub(trimmed.len())).ok()?;
        let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(dropped)?;
        let digits = trimmed.trim_start_matches('0').to_owned();
        Some(if digits.is_empty() {
            Self { is_negative: false, digits, exponent: 0 }
        } else {
            Self { is_negative, digits, exponent }
        })
    }
}

/// As much of a text as is shown.
#[must_use]
pub fn shown(text: &str) -> String {
    if text.len() <= SHOWN_BYTES {
        return text.to_owned();
    }
    let end = (0..=SHOWN_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(old: &str, new: &str) -> Vec<(String, Option<String>, Option<String>)> {
        let differences = Differences::between(old, new);
        assert_eq!(differences.more, 0);
        differences.listed.into_iter().map(|d| (d.path, d.old, d.new)).collect()
    }

    fn one(path: &str, old: Option<&str>, new: Option<&str>) -> Vec<(String, Option<String>, Option<String>)> {
        vec![(path.to_owned(), old.map(str::to_owned), new.map(str::to_owned))]
    }

    #[test]
    fn what_only_looks_different_is_the_same() {
        for (old, new) in [
            (r#"{"a":1,"b":[1,2]}"#, "{ \"b\": [1, 2],\n \"a\": 1 }"),
            ("1", "1.0"),
            ("1e3", "1000"),
            ("-0", "0.00e7"),
            ("0.10", "1e-1"),
            (r#""\u00fc""#, "\"ü\""),
            (r#"["a\/b"]"#, r#"["a/b"]"#),
            (" null ", "null"),
        ] {
            assert_eq!(found(old, new), [], "{old} {new}");
        }
    }

    #[test]
    fn a_difference_has_its_place_and_both_values() {
        assert_eq!(found(r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#), one("/a/b", Some("1"), Some("2")));
        assert_eq!(found(r#"{"a":1}"#, r#"{"a":1,"b":[]}"#), one("/b", None, Some("[]")));
        assert_eq!(found(r#"{"a":1,"b":null}"#, r#"{"a":1}"#), one("/b", Some("null"), None));
        assert_eq!(found("[1,2,3]", "[1,2]"), one("/2", Some("3"), None));
        assert_eq!(found(r#"{"a/b":{"~":1}}"#, r#"{"a/b":{"~":"1"}}"#), one("/a~1b/~0", Some("1"), Some("\"1\"")));
        assert_eq!(found("1", "2"), one("", Some("1"), Some("2")));
        assert_eq!(found("{}", "[]"), one("", Some("{}"), Some("[]")));
        assert_eq!(found("true", "false"), one("", Some("true"), Some("false")));
    }

    #[test]
    fn numbers_are_not_rounded() {
        let (old, new) = ("9007199254740993", "9007199254740992");
        assert_eq!(found(old, new), one("", Some(old), Some(new)));
        assert_eq!(found("123456789012345678901234567890", "123456789012345678901234567891").len(), 1);
        assert_eq!(found("1e400", "1e401").len(), 1);
    }

    #[test]
    fn what_is_no_json_is_compared_as_text() {
        assert_eq!(found("{broken", "{broken"), []);
        assert_eq!(found("{broken", "{}"), one("", Some("{broken"), Some("{}")));
        assert_eq!(found("", "{}").len(), 1);
    }

    #[test]
    fn only_so_many_are_listed_and_long_values_are_cut() {
        let list =
            |from: usize| format!("[{}]", (from..from + 40).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        let differences = Differences::between(&list(0), &list(100));
        assert_eq!((differences.listed.len(), differences.more), (DIFFERENCES_MAX, 40 - DIFFERENCES_MAX as u64));
        let long = format!("\"{}\"", "ü".repeat(500));
        let differences = Differences::between("1", &long);
        let new = differences.listed[0].new.clone().unwrap();
        assert!(new.len() <= SHOWN_BYTES + '…'.len_utf8() && new.ends_with('…'));
    }

    #[test]
    fn a_document_as_deep_as_can_be_is_compared_without_harm() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(100_000), "]".repeat(100_000));
        let differences = Differences::between(&deep("1"), &deep("2"));
        assert_eq!(differences.listed.len(), 1);
        assert_eq!(Differences::between(&deep("1"), &deep("1")), Differences::default());
    }
}
