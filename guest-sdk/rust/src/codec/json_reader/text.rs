//! The grammar: white space, strings, numbers, values to be passed over.

use std::borrow::Cow;

use crate::codec::CodecError;

/// Arrays and objects inside each other: what hostile input can make of the stack.
const DEPTH_MAX: u8 = 128;

/// A place in a JSON text.
pub(super) struct Text<'de> {
    text: &'de str,
    at: usize,
    depth: u8,
}

type Result<T> = std::result::Result<T, CodecError>;

impl<'de> Text<'de> {
    pub(super) const fn new(text: &'de str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    #[cold]
    pub(super) fn error(&self, message: &str) -> CodecError {
        CodecError::new(message).at_byte(self.at)
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The first byte of what comes next, behind white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
        self.byte()
    }

    /// Passes over `expected`, if that comes next.
    pub(super) fn take(&mut self, expected: u8) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, expected: u8, message: &str) -> Result<()> {
        if self.take(expected) { Ok(()) } else { Err(self.error(message)) }
    }

    pub(super) fn end(&mut self) -> Result<()> {
        if self.peek().is_none() { Ok(()) } else { Err(self.error("something is left over behind the value")) }
    }

    /// Goes into an array or object; [`leave`](Self::leave) goes out.
    pub(super) fn enter(&mut self) -> Result<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(self.error("arrays and objects are nested too deeply")) } else { Ok(()) }
    }

    pub(super) fn leave(&mut self, close: u8) -> Result<()> {
        self.depth -= 1;
        self.expect(close, "an array or object is not closed here")
    }

    /// Before each item of an array or object: whether there is one.
    pub(super) fn next_item(&mut self, first: &mut bool, close: u8) -> Result<bool> {
        match self.peek() {
            Some(next) if next == close => return Ok(false),
            Some(_) => {}
            None => return Err(self.error("an array or object does not end")),
        }
        if !std::mem::take(first) {
            self.expect(b',', "a comma is missing")?;
            if self.peek() == Some(close) {
                return Err(self.error("a comma is followed by nothing"));
            }
        }
        Ok(true)
    }

    /// Passes over `null`, `true` or `false`.
    pub(super) fn word(&mut self, word: &str) -> Result<()> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.error("this is not a JSON value"))
        }
    }

    /// A number's text, and whether it is an integer. White space before it is not passed over.
    pub(super) fn number(&mut self) -> Result<(&'de str, bool)> {
        let begin = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        let zero = self.byte() == Some(b'0');
        match self.digits() {
            0 => return Err(self.error("this is not a JSON value")),
            2.. if zero => return Err(self.error("a number may not begin with 0")),
            _ => {}
        }
        let mut integer = true;
        if self.byte() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.some_digits()?;
        }
        let text = self.slice(begin);
        // Minus zero is no integer: its sign would be lost.
        Ok((text, integer && text != "-0"))
    }

    fn digits(&mut self) -> usize {
        let begin = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - begin
    }

    fn some_digits(&mut self) -> Result<()> {
        if self.digits() == 0 { Err(self.error("a digit is missing in this number")) } else { Ok(()) }
    }

    /// From `begin`, which is a character's first byte like every place where this stops.
    fn slice(&self, begin: usize) -> &'de str {
        self.text.get(begin..self.at).unwrap_or_default()
    }

    /// A string, borrowed unless it has escapes.
    pub(super) fn string(&mut self) -> Result<Cow<'de, str>> {
        self.expect(b'"', "a string is expected")?;
        let mut unescaped = String::new();
        let mut begin = self.at;
        loop {
            match self.byte() {
                Some(b'"') => {
                    let rest = self.slice(begin);
                    self.at += 1;
                    return Ok(if unescaped.is_empty() { Cow::Borrowed(rest) } else { Cow::Owned(unescaped + rest) });
                }
                Some(b'\\') => {
                    unescaped.push_str(self.slice(begin));
                    self.at += 1;
                    let escaped = self.escaped()?;
                    unescaped.push(escaped);
                    begin = self.at;
                }
                Some(0..=0x1f) => return Err(self.error("a control character stands in a string; escape it")),
                Some(_) => self.at += 1,
                None => return Err(self.error("a string does not end")),
            }
        }
    }

    fn escaped(&mut self) -> Result<char> {
        let byte = self.byte();
        self.at += 1;
        Ok(match byte {
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code_point(),
            _ => return Err(self.error("this escape is not known")),
        })
    }

    fn code_point(&mut self) -> Result<char> {
        let high = self.four_hex()?;
        let code = if (0xd800..0xdc00).contains(&high) {
            if self.text.get(self.at..self.at + 2) != Some("\\u") {
                return Err(self.error("the second half of this escape is missing"));
            }
            self.at += 2;
            let low = self.four_hex()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(self.error("the second half of this escape is missing"));
            }
            0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)
        } else {
            high
        };
        char::from_u32(code).ok_or_else(|| self.error("this escape is not a character"))
    }

    fn four_hex(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| self.error("an escape has four hexadecimal digits"))
    }

    /// Passes over a value of any kind.
    pub(super) fn skip(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'n') => self.word("null"),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'[') => self.skip_items(b']'),
            Some(b'{') => self.skip_items(b'}'),
            _ => self.number().map(drop),
        }
    }

    fn skip_items(&mut self, close: u8) -> Result<()> {
        self.enter()?;
        let mut first = true;
        while self.next_item(&mut first, close)? {
            if close == b'}' {
                self.string()?;
                self.expect(b':', "a colon is missing")?;
            }
            self.skip()?;
        }
        self.leave(close)
    }
}
