//! Which names a pattern means: `*` is any run of characters, `?` is one, `\` takes the next character as it is.

/// The longest pattern, bytes: bounds what looking at one name costs.
pub const PATTERN_BYTES_MAX: usize = 256;

/// A pattern of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Any,
    One,
    Char(char),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence: it is empty, too long, or ends with `\`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
            return Err(format!("a pattern has 1 to {PATTERN_BYTES_MAX} bytes; this one has {}", text.len()));
        }
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            match char {
                '*' if parts.last() == Some(&Part::Any) => {}
                '*' => parts.push(Part::Any),
                '?' => parts.push(Part::One),
                '\\' => match chars.next() {
                    Some(next) => parts.push(Part::Char(next)),
                    None => return Err(format!("the pattern {text:?} ends with a lone backslash; write two")),
                },
                other => parts.push(Part::Char(other)),
            }
        }
        Ok(Self { parts })
    }

    /// Whether it means this name, all of it.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let chars: Vec<char> = name.chars().collect();
        let (mut part, mut at) = (0, 0);
        // Where to go on if what follows the newest `*` does not fit: one character more is the star's.
        let mut retry: Option<(usize, usize)> = None;
        while at < chars.len() {
            match self.parts.get(part) {
                Some(Part::Any) => {
                    retry = Some((part, at));
                    part += 1;
                    continue;
                }
                Some(Part::One) => {
                    part += 1;
                    at += 1;
                    continue;
                }
                Some(Part::Char(char)) if chars.get(at) == Some(char) => {
                    part += 1;
                    at += 1;
                    continue;
                }
                Some(Part::Char(_)) | None => {}
            }
            let Some((star, from)) = retry else { return false };
            retry = Some((star, from + 1));
            part = star + 1;
            at = from + 1;
        }
        self.parts.get(part..).unwrap_or_default().iter().all(|part| *part == Part::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_it_says() {
        for (pattern, meant, not_meant) in [
            ("*", &["a", "ключ", "a/b"] as &[&str], &[] as &[&str]),
            ("user-*", &["user-", "user-1", "user-*"], &["user", "auser-1"]),
            ("*-1", &["a-1", "-1", "1-1-1"], &["a-12", "1"]),
            ("a*b*c", &["abc", "aXbYc", "abbcc", "abcbc"], &["acb", "ab", "bc", "abcd"]),
            ("?", &["a", "ü"], &["", "ab"]),
            ("a?c", &["abc", "a*c"], &["ac", "abbc"]),
            (r"a\*", &["a*"], &["ab", r"a\*"]),
            (r"\42", &["42"], &["4", r"\42"]),
            ("**a", &["a", "bca"], &["ab"]),
            ("42", &["42"], &["421", "142"]),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            for name in meant {
                assert!(parsed.matches(name), "{pattern} means {name}");
            }
            for name in not_meant {
                assert!(!parsed.matches(name), "{pattern} does not mean {name}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert!(Pattern::parse("").is_err());
        assert!(Pattern::parse("a\\").is_err());
        assert!(Pattern::parse(&"a".repeat(PATTERN_BYTES_MAX)).is_ok());
        assert!(Pattern::parse(&"a".repeat(PATTERN_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn the_worst_pattern_on_the_longest_key_ends_soon() {
        let pattern = Pattern::parse(&format!("{}b", "*a".repeat(127))).unwrap();
        assert!(!pattern.matches(&"a".repeat(1_024)));
    }
}
