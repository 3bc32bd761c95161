//! Tells code from comments and strings: enough of Rust's lexer for that, and no more.

/// The text with comments and the contents of strings and characters replaced by blanks, line for line.
pub(crate) fn blank_comments_and_strings(text: &str) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let follows_word = blanked.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let length = match c {
            '/' => comment(rest),
            '"' => string(rest),
            'r' | 'b' | 'c' if !follows_word => prefixed_string(rest),
            '\'' => character(rest),
            _ => None,
        };
        let (token, after) = rest.split_at(length.unwrap_or(c.len_utf8()));
        if length.is_some() {
            blanked.extend(token.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            blanked.push_str(token);
        }
        rest = after;
    }
    blanked
}

/// The length of the comment that begins here.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0_usize;
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    Some(rest.len())
}

/// The length of the string with escapes that begins here.
fn string(rest: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// The length of the raw, byte or C string that begins here.
fn prefixed_string(rest: &str) -> Option<usize> {
    let after_letters = rest.trim_start_matches(['b', 'c']);
    let letters = rest.len() - after_letters.len();
    let Some(raw) = after_letters.strip_prefix('r') else {
        return (after_letters.starts_with('"') && letters == 1)
            .then(|| string(after_letters))
            .flatten()
            .map(|n| n + letters);
    };
    let quote = raw.trim_start_matches('#');
    let hashes = raw.len() - quote.len();
    let body = quote.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(letters + 1 + hashes + 1 + length)
}

/// The length of the character that begins here; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        return chars.skip(1).find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked_and_lines_stay() {
        let text = "a // b\nc /* d /* e */ f */ g\n\"h \\\" i\" j r#\"k \" l\"# m b\"n\" 'o' '\\'' 'p";
        let code = blank_comments_and_strings(text);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "c", "g", "j", "m", "'p"]);
        assert_eq!(code.lines().count(), 3);
    }

    #[test]
    fn a_string_that_holds_code_is_not_code() {
        let code = blank_comments_and_strings("let text = \"use crate::runtime;\"; for_r\"x\"");
        assert!(!code.contains("runtime") && code.contains("for_r"));
    }
}
