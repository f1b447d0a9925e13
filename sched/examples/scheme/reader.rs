//! From text to data with places: parentheses, prefixes, dots and datum comments.

use std::rc::Rc;

use super::core::{Datum, Span};
use super::lexer::{Lexer, Prefix, Token};
use super::syntax::{MAX_NESTING, Syntax, SyntaxKind};
use super::syntax_error::{Checked, Fault};

/// All data of a source text, in order.
///
/// # Errors
///
/// The first fault of the text, with its place in `file`.
pub fn read(file: &str, source: &str) -> Checked<Vec<Syntax>> {
    let mut reader = Reader { lexer: Lexer::new(file, source), depth: 0 };
    let mut data = Vec::new();
    while let Some((span, token)) = reader.lexer.next_token()? {
        match token {
            Token::Close | Token::CloseBracket => {
                return Err(reader.lexer.fault(Fault::UnexpectedClose, span));
            }
            Token::Dot => return Err(reader.lexer.fault(Fault::MisplacedDot, span)),
            Token::DatumComment => drop(reader.datum_after("#;", span)?),
            token => data.push(reader.datum(span, token)?),
        }
    }
    Ok(data)
}

/// What opens a list, vector or bytevector, and what must close it.
#[derive(Clone, Copy)]
struct Bracket {
    shown: &'static str,
    close: &'static Token,
}

impl Bracket {
    const ROUND: Bracket = Bracket { shown: "`(`", close: &Token::Close };
    const SQUARE: Bracket = Bracket { shown: "`[`", close: &Token::CloseBracket };
    const VECTOR: Bracket = Bracket { shown: "`#(`", close: &Token::Close };
    const BYTES: Bracket = Bracket { shown: "`#u8(`", close: &Token::Close };
}

struct Reader<'s> {
    lexer: Lexer<'s>,
    depth: usize,
}

impl Reader<'_> {
    /// The datum that starts with `token`, which is not `)`, `.` or `#;`.
    fn datum(&mut self, span: Span, token: Token) -> Checked<Syntax> {
        if self.depth == MAX_NESTING {
            return Err(self.lexer.fault(Fault::TooDeep, span));
        }
        self.depth += 1;
        let kind = match token {
            Token::Prefix(prefix) => self.prefixed(prefix, span)?,
            Token::OpenVector => self.vector(span)?,
            Token::OpenBytes => self.bytes(span)?,
            Token::Label(label) => self.labelled(label, span)?,
            Token::Reference(label) => SyntaxKind::Atom(Datum::Reference(label)),
            Token::Atom(atom) => SyntaxKind::Atom(atom),
            Token::OpenBracket => self.list(Bracket::SQUARE, span)?,
            _ => self.list(Bracket::ROUND, span)?,
        };
        self.depth -= 1;
        Ok(Syntax { span, kind })
    }

    /// `'x` is `(quote x)`, and so on.
    fn prefixed(&mut self, prefix: Prefix, span: Span) -> Checked<SyntaxKind> {
        let datum = self.datum_after(prefix.mark, span)?;
        Ok(SyntaxKind::List(vec![Syntax::symbol(span, prefix.keyword), datum], None))
    }

    /// What has a label is a constant from there on: no program text is circular.
    fn labelled(&mut self, label: usize, span: Span) -> Checked<SyntaxKind> {
        let datum = self.datum_after("#0=", span)?.datum().map_err(|fault| self.lexer.fault(fault, span))?;
        Ok(SyntaxKind::Atom(Datum::Labelled(label, Rc::new(datum))))
    }

    /// The datum that must follow `mark`; datum comments in between are skipped.
    fn datum_after(&mut self, mark: &'static str, span: Span) -> Checked<Syntax> {
        loop {
            match self.lexer.next_token()? {
                None | Some((_, Token::Close | Token::CloseBracket | Token::Dot)) => {
                    return Err(self.lexer.fault(Fault::NothingAfter(mark), span));
                }
                Some((inner, Token::DatumComment)) => drop(self.nested_comment(inner)?),
                Some((start, token)) => return self.datum(start, token),
            }
        }
    }

    /// `#; #; a b` comments out two data, by recursion: the depth is counted here, too.
    fn nested_comment(&mut self, span: Span) -> Checked<Syntax> {
        if self.depth == MAX_NESTING {
            return Err(self.lexer.fault(Fault::TooDeep, span));
        }
        self.depth += 1;
        let datum = self.datum_after("#;", span)?;
        self.depth -= 1;
        Ok(datum)
    }

    fn vector(&mut self, opened: Span) -> Checked<SyntaxKind> {
        let mut items = Vec::new();
        loop {
            match self.inner_token(opened, Bracket::VECTOR)? {
                (_, Token::Close) => return Ok(SyntaxKind::Vector(items)),
                (span, Token::Dot) => return Err(self.lexer.fault(Fault::MisplacedDot, span)),
                (span, token) => items.push(self.datum(span, token)?),
            }
        }
    }

    fn bytes(&mut self, opened: Span) -> Checked<SyntaxKind> {
        let mut bytes = Vec::new();
        loop {
            match self.inner_token(opened, Bracket::BYTES)? {
                (_, Token::Close) => return Ok(SyntaxKind::Atom(Datum::Bytevector(bytes.into()))),
                (_, Token::Atom(Datum::Fixnum(byte @ 0..=255))) => bytes.push(byte as u8),
                (span, _) => return Err(self.lexer.fault(Fault::NoByte, span)),
            }
        }
    }

    fn list(&mut self, bracket: Bracket, opened: Span) -> Checked<SyntaxKind> {
        let mut items = Vec::new();
        loop {
            match self.inner_token(opened, bracket)? {
                (_, Token::Close) => return Ok(SyntaxKind::List(items, None)),
                (span, Token::Dot) => return self.dotted(items, bracket, opened, span),
                (span, token) => items.push(self.datum(span, token)?),
            }
        }
    }

    /// What follows the dot of a list. If that is a list, it continues this one.
    fn dotted(
        &mut self,
        mut items: Vec<Syntax>,
        bracket: Bracket,
        opened: Span,
        dot: Span,
    ) -> Checked<SyntaxKind> {
        if items.is_empty() {
            return Err(self.lexer.fault(Fault::MisplacedDot, dot));
        }
        let tail = self.datum_after(".", dot)?;
        match self.inner_token(opened, bracket)? {
            (_, Token::Close) => {}
            (span, _) => return Err(self.lexer.fault(Fault::MisplacedDot, span)),
        }
        let tail = match tail.kind {
            SyntaxKind::List(more, end) => {
                items.extend(more);
                end
            }
            kind => Some(Box::new(Syntax { span: tail.span, kind })),
        };
        Ok(SyntaxKind::List(items, tail))
    }

    /// The next token inside of the `bracket` opened at `opened`, datum comments left out; what closes it is `)` for all.
    fn inner_token(&mut self, opened: Span, bracket: Bracket) -> Checked<(Span, Token)> {
        loop {
            match self.lexer.next_token()? {
                None => return Err(self.lexer.fault(Fault::Unclosed(bracket.shown), opened)),
                Some((span, Token::DatumComment)) => drop(self.nested_comment(span)?),
                Some((span, token)) if token == *bracket.close => return Ok((span, Token::Close)),
                Some((span, Token::Close)) => return Err(self.lexer.fault(Fault::Mismatched(')'), span)),
                Some((span, Token::CloseBracket)) => {
                    return Err(self.lexer.fault(Fault::Mismatched(']'), span));
                }
                Some(token) => return Ok(token),
            }
        }
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
