//! From characters to tokens: comments, names, numerals; literals are in `literal.rs`.

use std::rc::Rc;

use super::core::{Datum, Span};
use super::numbers::complex::Complex;
use super::numbers::{Number, parse};
use super::syntax_error::{Checked, Fault, SyntaxError};

/// The smallest pieces with a meaning.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[`, which by custom is a parenthesis that `]` closes.
    OpenBracket,
    /// `]`
    CloseBracket,
    /// `#(`
    OpenVector,
    /// `#u8(`
    OpenBytes,
    /// `#0=`, before the datum that has this label.
    Label(usize),
    /// `#0#`, the datum with that label.
    Reference(usize),
    /// `.` alone.
    Dot,
    /// `#;`
    DatumComment,
    /// A mark before a datum.
    Prefix(Prefix),
    /// A datum without parts.
    Atom(Datum),
}

/// The marks that stand for a list of a keyword and the datum after the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// As written.
    pub mark: &'static str,
    /// The keyword.
    pub keyword: &'static str,
}

/// Reads tokens off a source text, keeping the place.
#[derive(Debug)]
pub struct Lexer<'s> {
    file: &'s str,
    rest: &'s str,
    at: Span,
    /// Are names in small letters, whatever they are written in?
    folds: bool,
}

impl<'s> Lexer<'s> {
    /// At the start of `source`; `file` is for messages.
    pub fn new(file: &'s str, source: &'s str) -> Self {
        let rest = source.strip_prefix('\u{feff}').unwrap_or(source);
        Lexer { file, rest, at: Span { line: 1, column: 1 }, folds: false }
    }

    /// The next token and where it starts; `None` at the end of the text.
    pub fn next_token(&mut self) -> Checked<Option<(Span, Token)>> {
        self.skip_blank()?;
        let span = self.at;
        let Some(first) = self.peek() else { return Ok(None) };
        let token = match first {
            '(' => self.single(Token::Open),
            ')' => self.single(Token::Close),
            '\'' => self.prefix("'", "quote"),
            '`' => self.prefix("`", "quasiquote"),
            ',' if self.rest.starts_with(",@") => self.prefix(",@", "unquote-splicing"),
            ',' => self.prefix(",", "unquote"),
            '[' => self.single(Token::OpenBracket),
            ']' => self.single(Token::CloseBracket),
            '{' | '}' => return Err(self.fault(Fault::Brace(first), span)),
            '"' => Token::Atom(Datum::String(self.delimited('"', "string")?.into())),
            '|' => self.barred(String::new())?,
            '#' => self.sharp(span)?,
            _ => self.word(span)?,
        };
        Ok(Some((span, token)))
    }

    /// An error of this file.
    pub(super) fn fault(&self, fault: Fault, span: Span) -> Box<SyntaxError> {
        fault.at(self.file, span)
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Where the next character stands.
    pub(super) fn here(&self) -> Span {
        self.at
    }

    /// Takes one character.
    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = &self.rest[next.len_utf8()..];
        if next == '\n' {
            self.at = Span { line: self.at.line + 1, column: 1 };
        } else {
            self.at.column += 1;
        }
        Some(next)
    }

    /// Takes `text` if it comes next.
    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest.starts_with(text);
        if found {
            for _ in text.chars() {
                self.bump();
            }
        }
        found
    }

    /// Takes everything up to the next delimiter.
    pub(super) fn take_word(&mut self) -> &'s str {
        let rest = self.rest;
        let length = rest.find(is_delimiter).unwrap_or(rest.len());
        let word = &rest[..length];
        self.eat(word);
        word
    }

    fn single(&mut self, token: Token) -> Token {
        self.bump();
        token
    }

    fn prefix(&mut self, mark: &'static str, keyword: &'static str) -> Token {
        self.eat(mark);
        Token::Prefix(Prefix { mark, keyword })
    }

    fn word(&mut self, span: Span) -> Checked<Token> {
        let word = self.take_word();
        if self.peek() == Some('|') {
            let start = self.folded(word);
            return self.barred(start);
        }
        match parse::number(word, 10) {
            _ if word == "." => Ok(Token::Dot),
            Some(number) => Ok(Token::Atom(literal(number))),
            None => self.complex_or_name(word, span),
        }
    }

    fn complex_or_name(&self, word: &str, span: Span) -> Checked<Token> {
        match parse::complex(word, 10) {
            Some(number) => Ok(Token::Atom(complex_literal(number))),
            None if is_bad_number(word) => Err(self.fault(Fault::BadNumber(word.to_owned()), span)),
            None => Ok(Token::Atom(Datum::Symbol(self.folded(word).into()))),
        }
    }

    fn folded(&self, word: &str) -> String {
        if self.folds { word.to_lowercase() } else { word.to_owned() }
    }

    /// The rest of a symbol that begins with `name`, from a `|` on: what stands between two of them is taken as it is.
    fn barred(&mut self, mut name: String) -> Checked<Token> {
        while self.peek() == Some('|') {
            name += &self.delimited('|', "`|`")?;
            let word = self.take_word();
            name += &self.folded(word);
        }
        Ok(Token::Atom(Datum::Symbol(name.into())))
    }

    fn sharp(&mut self, span: Span) -> Checked<Token> {
        if self.eat("#(") {
            return Ok(Token::OpenVector);
        }
        if self.eat("#;") {
            return Ok(Token::DatumComment);
        }
        if self.eat("#\\") {
            return Ok(Token::Atom(Datum::Char(self.character(span)?)));
        }
        if self.eat("#u8(") {
            return Ok(Token::OpenBytes);
        }
        if let Some(token) = self.label() {
            return Ok(token);
        }
        let word = self.take_word();
        self.constant(word).map(Token::Atom).map_err(|fault| self.fault(fault, span))
    }

    /// `#0=` or `#0#`.
    fn label(&mut self) -> Option<Token> {
        let after = self.rest.strip_prefix('#')?;
        let digits = after.find(|c: char| !c.is_ascii_digit())?;
        let number = after[..digits].parse().ok()?;
        let token = match after.as_bytes()[digits] {
            b'=' => Token::Label(number),
            b'#' => Token::Reference(number),
            _ => return None,
        };
        (0..digits + 2).for_each(|_| _ = self.bump());
        Some(token)
    }

    /// `#t`, `#xff` and the like.
    fn constant(&self, word: &str) -> Result<Datum, Fault> {
        match word {
            "#t" | "#true" => return Ok(Datum::Bool(true)),
            "#f" | "#false" => return Ok(Datum::Bool(false)),
            _ => {}
        }
        let complex = || parse::complex(word, 10).map(complex_literal);
        match parse::number(word, 10).map(literal).or_else(complex) {
            Some(number) => Ok(number),
            None if is_numeric_prefix(word) => Err(Fault::BadNumber(word.to_owned())),
            None => Err(Fault::UnknownSharp(word.to_owned())),
        }
    }

    fn skip_blank(&mut self) -> Checked<()> {
        while let Some(next) = self.peek() {
            if next == ';' {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.bump();
                }
            } else if self.rest.starts_with("#!") && !self.rest.starts_with("#!eof") {
                self.directive();
            } else if self.rest.starts_with("#|") {
                self.block_comment()?;
            } else if next.is_whitespace() {
                self.bump();
            } else {
                break;
            }
        }
        Ok(())
    }

    /// `#!fold-case`, `#!no-fold-case`; anything else, like the first line of a script, is a comment to the end of the line.
    fn directive(&mut self) {
        if self.eat("#!fold-case") {
            self.folds = true;
        } else if self.eat("#!no-fold-case") {
            self.folds = false;
        } else {
            while self.peek().is_some_and(|c| c != '\n') {
                self.bump();
            }
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) -> Checked<()> {
        let span = self.at;
        let mut open = 0_usize;
        loop {
            if self.eat("#|") {
                open += 1;
            } else if self.eat("|#") {
                open -= 1;
            } else if self.bump().is_none() {
                return Err(self.fault(Fault::Unclosed("`#|` comment"), span));
            }
            if open == 0 {
                return Ok(());
            }
        }
    }
}

/// Is this the second character of `#xff` and its kin?
fn is_numeric_prefix(word: &str) -> bool {
    word[1..].starts_with(|c: char| "xXbBoOdDeEiI".contains(c))
}

/// Identifiers that look like numbers, by tradition.
const IDENTIFIERS: [&str; 4] = ["1+", "1-", "-1+", "-1-"];

/// Does this look like a number, without being one? Names like `1st` and `3d-point` are common, `1.2.3` is a mistake.
fn is_bad_number(word: &str) -> bool {
    let is_numeric = |c: char| c.is_ascii_digit() || "+-./eE".contains(c);
    parse::looks_like_one(word) && word.chars().all(is_numeric) && !IDENTIFIERS.contains(&word)
}

/// A complex number as a datum.
fn complex_literal(number: Complex) -> Datum {
    match number.as_real() {
        Some(real) => literal(real.clone()),
        None => Datum::Complex(Rc::new(number)),
    }
}

/// A number as a datum.
pub fn literal(number: Number) -> Datum {
    match number {
        Number::Fix(n) => Datum::Fixnum(n),
        Number::Flo(x) => Datum::Flonum(x),
        exact => Datum::Exact(Rc::new(exact)),
    }
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || "()[]{}\";'`,|".contains(c)
}
