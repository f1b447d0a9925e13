//! Data as they are read, and every fault of the reader at its place.

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
        (r"|a b| c '|\x41;|", "a b c (quote A)"),
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
        ("(a {b})", (1, 4), Fault::Brace('{')),
        ("(a [b)]", (1, 6), Fault::Mismatched(')')),
        ("(a #(b])", (1, 7), Fault::Mismatched(']')),
        ("(a . b]", (1, 7), Fault::Mismatched(']')),
        ("[a", (1, 1), Fault::Unclosed("`[`")),
        ("a ]", (1, 3), Fault::UnexpectedClose),
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
        ("(+ 1 1.2.3)", (1, 6), Fault::BadNumber("1.2.3".into())),
        ("#b12", (1, 1), Fault::BadNumber("#b12".into())),
        ("1/0", (1, 1), Fault::BadNumber("1/0".into())),
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
