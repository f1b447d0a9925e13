//! From text to data with places: parentheses, prefixes, dots and datum comments.

use super::core::Span;
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
            Token::Close => return Err(reader.lexer.fault(Fault::UnexpectedClose, span)),
            Token::Dot => return Err(reader.lexer.fault(Fault::MisplacedDot, span)),
            Token::DatumComment => drop(reader.datum_after("#;", span)?),
            token => data.push(reader.datum(span, token)?),
        }
    }
    Ok(data)
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
            Token::Atom(atom) => SyntaxKind::Atom(atom),
            _ => self.list(span)?,
        };
        self.depth -= 1;
        Ok(Syntax { span, kind })
    }

    /// `'x` is `(quote x)`, and so on.
    fn prefixed(&mut self, prefix: Prefix, span: Span) -> Checked<SyntaxKind> {
        let datum = self.datum_after(prefix.mark, span)?;
        Ok(SyntaxKind::List(vec![Syntax::symbol(span, prefix.keyword), datum], None))
    }

    /// The datum that must follow `mark`; datum comments in between are skipped.
    fn datum_after(&mut self, mark: &'static str, span: Span) -> Checked<Syntax> {
        loop {
            match self.lexer.next_token()? {
                None | Some((_, Token::Close | Token::Dot)) => {
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
            match self.inner_token(opened, "`#(`")? {
                (_, Token::Close) => return Ok(SyntaxKind::Vector(items)),
                (span, Token::Dot) => return Err(self.lexer.fault(Fault::MisplacedDot, span)),
                (span, token) => items.push(self.datum(span, token)?),
            }
        }
    }

    fn list(&mut self, opened: Span) -> Checked<SyntaxKind> {
        let mut items = Vec::new();
        loop {
            match self.inner_token(opened, "`(`")? {
                (_, Token::Close) => return Ok(SyntaxKind::List(items, None)),
                (span, Token::Dot) => return self.dotted(items, opened, span),
                (span, token) => items.push(self.datum(span, token)?),
            }
        }
    }

    /// What follows the dot of a list. If that is a list, it continues this one.
    fn dotted(&mut self, mut items: Vec<Syntax>, opened: Span, dot: Span) -> Checked<SyntaxKind> {
        if items.is_empty() {
            return Err(self.lexer.fault(Fault::MisplacedDot, dot));
        }
        let tail = self.datum_after(".", dot)?;
        match self.inner_token(opened, "`(`")? {
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

    /// The next token inside the `what` opened at `opened`, datum comments left out.
    fn inner_token(&mut self, opened: Span, what: &'static str) -> Checked<(Span, Token)> {
        loop {
            match self.lexer.next_token()? {
                None => return Err(self.lexer.fault(Fault::Unclosed(what), opened)),
                Some((span, Token::DatumComment)) => drop(self.nested_comment(span)?),
                Some(token) => return Ok(token),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::core::Datum;
    use super::*;

    /// The text with every list and vector written out.
    fn written(syntax: &Syntax) -> String {
        let all = |items: &[Syntax]| items.iter().map(written).collect::<Vec<_>>().join(" ");
        match &syntax.kind {
            SyntaxKind::Atom(Datum::Fixnum(n)) => n.to_string(),
            SyntaxKind::Atom(Datum::Symbol(name)) => name.to_string(),
            SyntaxKind::Atom(atom) => format!("{atom:?}"),
            SyntaxKind::Vector(items) => format!("#({})", all(items)),
            SyntaxKind::List(items, None) => format!("({})", all(items)),
            SyntaxKind::List(items, Some(tail)) => format!("({} . {})", all(items), written(tail)),
        }
    }

    fn reread(source: &str) -> String {
        match read("t", source) {
            Ok(data) => data.iter().map(written).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    fn atoms(source: &str) -> Vec<Datum> {
        let data = read("t", source).expect(source);
        data.iter().map(|s| s.datum().expect("short")).collect()
    }

    #[test]
    fn lists_dots_and_prefixes() {
        let cases = [
            ("(a (b) ())", "(a (b) ())"),
            ("(a . (b . (c . ())))", "(a b c)"),
            ("(a b . c)", "(a b . c)"),
            ("(a . (b . c))", "(a b . c)"),
            ("'a `(b ,c ,@d)", "(quote a) (quasiquote (b (unquote c) (unquote-splicing d)))"),
            ("#(1 #(2) (3))", "#(1 #(2) (3))"),
            ("(a . 'b)", "(a quote b)"),
            (r"|a b|c '|\x41;|", "a b c (quote A)"),
        ];
        for (source, expected) in cases {
            assert_eq!(reread(source), expected, "{source}");
        }
    }

    #[test]
    fn comments_are_blanks() {
        let cases = [
            ("a ; b\nc", "a c"),
            ("a #| b #| c |# d |# e", "a e"),
            ("(a #;b c #;(d e))", "(a c)"),
            ("#; #; a b c", "c"),
            ("(a . #;b c #;d)", "(a . c)"),
            ("'#;a b #;c", "(quote b)"),
            ("\u{feff}a", "a"),
        ];
        for (source, expected) in cases {
            assert_eq!(reread(source), expected, "{source}");
        }
    }

    #[test]
    fn constants() {
        use Datum::{Bool, Char, Fixnum, Flonum};
        assert_eq!(atoms("#t #f #true #false"), [Bool(true), Bool(false), Bool(true), Bool(false)]);
        let chars = "#\\a #\\space #\\newline #\\x41 #\\x #\\( #\\; #\\λ #\\x3bb #\\A #\\1";
        let expected = ['a', ' ', '\n', 'A', 'x', '(', ';', 'λ', 'λ', 'A', '1'];
        assert_eq!(atoms(chars), expected.map(Char));
        assert_eq!(atoms("(#\\a)#\\)"), [atoms("(#\\a)")[0].clone(), Char(')')]);
        assert_eq!(atoms("#xff #b-101 #o17 #d10 -7"), [255, -5, 15, 10, -7].map(Fixnum));
        assert_eq!(atoms("1.5 #d.5"), [Flonum(1.5), Flonum(0.5)]);
    }

    #[test]
    fn strings() {
        let cases = [
            (r#""a\tb\n\"\\\x3bb;""#, "a\tb\n\"\\λ"),
            ("\"a\\  \n   b\"", "ab"),
            ("\"a\r\nb\"", "a\nb"),
            ("\"(;#|'\"", "(;#|'"),
        ];
        for (source, expected) in cases {
            assert_eq!(atoms(source), [Datum::String(expected.into())], "{source}");
        }
    }

    #[test]
    fn faults_and_their_places() {
        let cases = [
            ("(a\n  (b)", (1, 1), Fault::Unclosed("`(`")),
            ("\n #(1 2", (2, 2), Fault::Unclosed("`#(`")),
            ("(a \"b)", (1, 4), Fault::Unclosed("string")),
            ("a \"\\", (1, 3), Fault::Unclosed("string")),
            ("x |y", (1, 3), Fault::Unclosed("`|`")),
            ("λλ #| #| |#", (1, 4), Fault::Unclosed("`#|` comment")),
            ("a\n )", (2, 2), Fault::UnexpectedClose),
            ("(a [b])", (1, 4), Fault::Bracket('[')),
            ("(')", (1, 2), Fault::NothingAfter("'")),
            ("a #;", (1, 3), Fault::NothingAfter("#;")),
            ("(a . )", (1, 4), Fault::NothingAfter(".")),
            ("(. a)", (1, 2), Fault::MisplacedDot),
            ("(a . b c)", (1, 8), Fault::MisplacedDot),
            ("(a . b . c)", (1, 8), Fault::MisplacedDot),
            ("#(a . b)", (1, 5), Fault::MisplacedDot),
            (". a", (1, 1), Fault::MisplacedDot),
            (" #foo", (1, 2), Fault::UnknownSharp("#foo".into())),
            ("#", (1, 1), Fault::UnknownSharp("#".into())),
            ("#\\foo", (1, 1), Fault::UnknownCharacter("#\\foo".into())),
            ("#\\xd800", (1, 1), Fault::UnknownCharacter("#\\xd800".into())),
            ("#\\", (1, 1), Fault::NothingAfter("#\\")),
            ("\"ab\\q\"", (1, 4), Fault::UnknownEscape("q".into())),
            ("\"\\x41\"", (1, 2), Fault::UnknownEscape("x41".into())),
            ("\"\\ x\"", (1, 2), Fault::UnknownEscape(" ".into())),
            ("(+ 1 12ab)", (1, 6), Fault::BadNumber("12ab".into())),
            ("#b12", (1, 1), Fault::BadNumber("#b12".into())),
            ("4611686018427387904", (1, 1), Fault::FixnumRange("4611686018427387904".into())),
        ];
        for (source, (line, column), fault) in cases {
            let error = read("t", source).map_or_else(|e| e, |_| panic!("{source} was read"));
            assert_eq!((error.span, error.fault), (Span { line, column }, fault), "{source}");
        }
    }

    #[test]
    fn nesting_is_limited_whatever_it_is_made_of() {
        for (open, end, close) in [("(", "", ")"), ("#(", "", ")"), ("'", "a", ""), ("(a . ", "b", ")")] {
            let nested = |depth| open.repeat(depth) + end + &close.repeat(depth);
            let atom = usize::from(!end.is_empty());
            assert!(read("t", &nested(MAX_NESTING - atom)).is_ok(), "{open}");
            for depth in [MAX_NESTING - atom + 1, 100_000] {
                let error = read("t", &nested(depth)).expect_err(open);
                assert_eq!(error.fault, Fault::TooDeep);
            }
        }
        let comments = "#;".repeat(100_000) + &"a ".repeat(100_000);
        assert_eq!(read("t", &comments).map(drop).map_err(|e| e.fault), Err(Fault::TooDeep));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(source in "[()#;|'`,@. \n\\\\\"ax1λ\\[-]{0,40}") {
            if let Err(error) = read("t", &source) {
                prop_assert!(error.span.line >= 1 && error.span.column >= 1);
            }
        }
    }
}
