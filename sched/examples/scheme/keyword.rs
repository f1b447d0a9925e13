//! The words with a meaning of their own, and how their forms are written.
//!
//! A keyword is no reserved word: a local variable of the same name hides it (`scope.rs`).

/// A syntactic keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    And,
    Arrow,
    Begin,
    Case,
    Cond,
    Define,
    Do,
    Else,
    If,
    Lambda,
    Let,
    LetStar,
    Letrec,
    LetrecStar,
    Or,
    Quasiquote,
    Quote,
    Set,
    Unless,
    Unquote,
    UnquoteSplicing,
    When,
}

use Keyword::*;

/// Keyword, name, and the shape that messages show; for words that only occur inside another
/// form, that form's name.
const TABLE: [(Keyword, &str, &str); 22] = [
    (And, "and", "(and EXPRESSION ...)"),
    (Arrow, "=>", "cond"),
    (Begin, "begin", "(begin EXPRESSION ...)"),
    (Case, "case", "(case KEY ((DATUM ...) EXPRESSION ...) ... [(else EXPRESSION ...)])"),
    (Cond, "cond", "(cond (TEST EXPRESSION ...) ... [(else EXPRESSION ...)])"),
    (Define, "define", "(define NAME VALUE) or (define (NAME PARAMETER ...) BODY ...)"),
    (Do, "do", "(do ((NAME START [STEP]) ...) (TEST RESULT ...) BODY ...)"),
    (Else, "else", "cond"),
    (If, "if", "(if TEST THEN [ELSE])"),
    (Lambda, "lambda", "(lambda (PARAMETER ...) BODY ...)"),
    (Let, "let", "(let [NAME] ((NAME VALUE) ...) BODY ...)"),
    (LetStar, "let*", "(let* ((NAME VALUE) ...) BODY ...)"),
    (Letrec, "letrec", "(letrec ((NAME VALUE) ...) BODY ...)"),
    (LetrecStar, "letrec*", "(letrec* ((NAME VALUE) ...) BODY ...)"),
    (Or, "or", "(or EXPRESSION ...)"),
    (Quasiquote, "quasiquote", "(quasiquote TEMPLATE)"),
    (Quote, "quote", "(quote DATUM)"),
    (Set, "set!", "(set! NAME VALUE)"),
    (Unless, "unless", "(unless TEST EXPRESSION ...)"),
    (Unquote, "unquote", "quasiquote"),
    (UnquoteSplicing, "unquote-splicing", "quasiquote"),
    (When, "when", "(when TEST EXPRESSION ...)"),
];

/// Forms of the standard that are missing. Without this list their parts would be taken for
/// calls, and the message would be about the first of those.
const UNSUPPORTED: [&str; 10] = [
    "case-lambda",
    "define-record-type",
    "define-syntax",
    "define-values",
    "let*-values",
    "let-syntax",
    "let-values",
    "letrec-syntax",
    "parameterize",
    "syntax-rules",
];

impl Keyword {
    /// The keyword that is written `name`.
    pub fn named(name: &str) -> Option<Keyword> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// How its form is written; for `else`, `=>` and the unquotes, the form they belong in.
    pub fn shape(self) -> &'static str {
        self.row().2
    }

    /// Does it only mean something inside another form?
    pub fn is_auxiliary(self) -> bool {
        matches!(self, Arrow | Else | Unquote | UnquoteSplicing)
    }

    /// The table is in the order of the variants.
    fn row(self) -> &'static (Keyword, &'static str, &'static str) {
        &TABLE[self as usize]
    }
}

/// Is `name` a form of the standard that this Scheme lacks?
pub fn is_unsupported(name: &str) -> bool {
    UNSUPPORTED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_finds_its_own_row() {
        for (keyword, name, shape) in TABLE {
            assert_eq!(Keyword::named(name), Some(keyword));
            assert_eq!((keyword.name(), keyword.shape()), (name, shape));
        }
    }

    #[test]
    fn words_that_belong_inside_a_form_name_that_form() {
        for (keyword, _, shape) in TABLE {
            let inside = Keyword::named(shape).is_some_and(|form| !form.is_auxiliary());
            assert_eq!(keyword.is_auxiliary(), inside, "{keyword:?}");
        }
    }
}
