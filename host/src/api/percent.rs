//! Percent-encoding of path segments and query values.

use std::fmt::Write;

/// Encodes a text so that it is one path segment whatever it contains: everything but letters, digits, `-` and `_`.
///
/// Dots are encoded too, because many clients and proxies resolve `..` before they send a path.
#[must_use]
pub fn encode_segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Decodes one path segment; what is not encoded stays as it is.
///
/// # Errors
/// A sentence that says what is wrong: a `%` without two hexadecimal digits, or bytes that are not UTF-8.
pub(super) fn decode_segment(raw: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        match (rest.next().and_then(hex_digit), rest.next().and_then(hex_digit)) {
            (Some(high), Some(low)) => bytes.push(high << 4 | low),
            _ => return Err(format!("{raw:?} has a '%' that two hexadecimal digits do not follow; write %25 for '%'")),
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("{raw:?} does not decode to UTF-8 text"))
}

/// Decodes a query name or value: like a segment, and `+` is a space.
///
/// # Errors
/// As [`decode_segment`].
pub(super) fn decode_query(raw: &str) -> Result<String, String> {
    if raw.contains('+') { decode_segment(&raw.replace('+', " ")) } else { decode_segment(raw) }
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_was(text in any::<String>()) {
            let encoded = encode_segment(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"%-_".contains(&b)));
            prop_assert_eq!(decode_segment(&encoded), Ok(text));
        }

        #[test]
        fn decoding_never_panics(raw in ".*") {
            let _ = decode_segment(&raw);
            let _ = decode_query(&raw);
        }
    }

    #[test]
    fn malformed_encodings_are_refused() {
        for bad in ["%", "%2", "a%zz", "%%20", "%f", "%é1"] {
            assert!(decode_segment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        for bad in ["%ff", "%c3%28", "%ed%a0%80", "%C0%80"] {
            assert!(decode_segment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_plus_is_a_space_in_a_query_only() {
        assert_eq!(decode_segment("a+b").as_deref(), Ok("a+b"));
        assert_eq!(decode_query("a+b%2B").as_deref(), Ok("a b+"));
    }
}
