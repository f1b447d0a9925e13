//! Characters, strings and `|symbols|`: the literals with escapes.

use super::core::Span;
use super::lexer::Lexer;
use super::syntax_error::{Checked, Fault};

/// The names of characters (R7RS 6.6), and some of older systems.
const NAMES: [(&str, char); 14] = [
    ("alarm", '\u{7}'),
    ("altmode", '\u{1b}'),
    ("backspace", '\u{8}'),
    ("delete", '\u{7f}'),
    ("escape", '\u{1b}'),
    ("linefeed", '\n'),
    ("newline", '\n'),
    ("nul", '\0'),
    ("null", '\0'),
    ("page", '\u{c}'),
    ("return", '\r'),
    ("rubout", '\u{7f}'),
    ("space", ' '),
    ("tab", '\t'),
];

impl Lexer<'_> {
    /// What follows `#\`. The first character counts whatever it is: `#\(` is a parenthesis.
    pub(super) fn character(&mut self, span: Span) -> Checked<char> {
        let Some(first) = self.bump() else {
            return Err(self.fault(Fault::NothingAfter("#\\"), span));
        };
        let more = if first.is_alphanumeric() { self.take_word() } else { "" };
        if more.is_empty() {
            return Ok(first);
        }
        let name = format!("{first}{more}");
        named_character(&name).ok_or_else(|| self.fault(Fault::UnknownCharacter(format!("#\\{name}")), span))
    }

    /// A string or symbol between two `quote` characters.
    pub(super) fn delimited(&mut self, quote: char, what: &'static str) -> Checked<String> {
        let opened = self.here();
        self.bump();
        let mut text = String::new();
        loop {
            let span = self.here();
            match self.bump() {
                None => return Err(self.fault(Fault::Unclosed(what), opened)),
                Some(c) if c == quote => return Ok(text),
                Some('\\') => text.extend(self.escape(span, opened, what)?),
                // A line ends in one newline, however the file writes it.
                Some('\r') if self.peek() == Some('\n') => {}
                Some(c) => text.push(c),
            }
        }
    }

    /// What follows a backslash; nothing for an escaped end of line.
    fn escape(&mut self, span: Span, opened: Span, what: &'static str) -> Checked<Option<char>> {
        match self.peek() {
            None => return Err(self.fault(Fault::Unclosed(what), opened)),
            Some(c) if c.is_whitespace() => return self.escaped_line_end(span),
            Some('x') => return self.hex_escape(span).map(Some),
            Some(_) => {}
        }
        match self.bump() {
            Some('a') => Ok(Some('\u{7}')),
            Some('b') => Ok(Some('\u{8}')),
            Some('t') => Ok(Some('\t')),
            Some('n') => Ok(Some('\n')),
            Some('r') => Ok(Some('\r')),
            Some(c @ ('"' | '\\' | '|')) => Ok(Some(c)),
            other => Err(self.fault(Fault::UnknownEscape(other.into_iter().collect()), span)),
        }
    }

    /// Blanks, a line end, and the blanks that indent the next line.
    fn escaped_line_end(&mut self, span: Span) -> Checked<Option<char>> {
        let is_blank = |c: Option<char>| c.is_some_and(|c| c != '\n' && c.is_whitespace());
        while is_blank(self.peek()) {
            self.bump();
        }
        if self.bump() != Some('\n') {
            return Err(self.fault(Fault::UnknownEscape(" ".to_owned()), span));
        }
        while is_blank(self.peek()) {
            self.bump();
        }
        Ok(None)
    }

    /// `xHEX;` after the backslash.
    fn hex_escape(&mut self, span: Span) -> Checked<char> {
        let digits = self.take_word();
        let terminated = self.peek() == Some(';');
        let value = digits.get(1..).filter(|_| terminated).and_then(hex_character);
        let value = value.ok_or_else(|| self.fault(Fault::UnknownEscape(digits.to_owned()), span))?;
        self.bump();
        Ok(value)
    }
}

fn named_character(name: &str) -> Option<char> {
    match name.strip_prefix('x').and_then(hex_character) {
        None => NAMES.iter().find(|(known, _)| *known == name).map(|&(_, c)| c),
        found => found,
    }
}

/// The character of a scalar value; surrogates are none.
fn hex_character(digits: &str) -> Option<char> {
    let plain = digits.chars().all(|c| c.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| plain).and_then(char::from_u32)
}
