//! What guests say when they fail, fit to be shown: it goes into answers and into the log.

/// Bytes of what a guest says of one failure; the rest is cut.
const SAID_BYTES_MAX: usize = 1_000;

/// A guest's text, bounded, and without anything that steers a terminal or ends a line.
pub(super) fn said(text: &str) -> String {
    let kept = text.get(..text.floor_char_boundary(SAID_BYTES_MAX)).unwrap_or_default();
    let mut said = plain(kept);
    if kept.len() < text.len() {
        said.push('…');
    }
    said
}

/// Control characters become spaces: a guest cannot forge log lines or steer a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_cut_between_characters_and_stays_on_one_line() {
        assert_eq!(said("no\nroom\x1b[2J"), "no room [2J");
        assert_eq!(said(&"ä".repeat(500)), "ä".repeat(500));
        assert_eq!(said(&format!("{}ä", "a".repeat(999))), format!("{}…", "a".repeat(999)));
    }
}
