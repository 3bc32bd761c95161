//! Texts that are kept: bounded.

/// At most so many bytes of a text, cut between characters.
pub(super) fn cut(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}
