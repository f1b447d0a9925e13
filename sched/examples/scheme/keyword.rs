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
    CondExpand,
    Define,
    DefineRecordType,
    DefineSyntax,
    Do,
    Else,
    If,
    Import,
    Lambda,
    Let,
    LetStar,
    LetSyntax,
    Letrec,
    LetrecStar,
    LetrecSyntax,
    Or,
    Quasiquote,
    Quote,
    Set,
    SyntaxError,
    SyntaxRules,
    Unless,
    Unquote,
    UnquoteSplicing,
    When,
}

use Keyword::*;

/// Keyword, name, and the shape that messages show; for words that only occur inside another
/// form, that form's name.
const TABLE: [(Keyword, &str, &str); 30] = [
    (And, "and", "(and EXPRESSION ...)"),
    (Arrow, "=>", "cond"),
    (Begin, "begin", "(begin EXPRESSION ...)"),
    (Case, "case", "(case KEY ((DATUM ...) EXPRESSION ...) ... [(else EXPRESSION ...)])"),
    (Cond, "cond", "(cond (TEST EXPRESSION ...) ... [(else EXPRESSION ...)])"),
    (CondExpand, "cond-expand", "(cond-expand (FEATURE FORM ...) ... [(else FORM ...)])"),
    (Define, "define", "(define NAME VALUE) or (define (NAME PARAMETER ...) BODY ...)"),
    (
        DefineRecordType,
        "define-record-type",
        "(define-record-type NAME (CONSTRUCTOR FIELD ...) PREDICATE (FIELD ACCESSOR [MODIFIER]) ...)",
    ),
    (
        DefineSyntax,
        "define-syntax",
        "(define-syntax NAME (syntax-rules (LITERAL ...) (PATTERN TEMPLATE) ...))",
    ),
    (Do, "do", "(do ((NAME START [STEP]) ...) (TEST RESULT ...) BODY ...)"),
    (Else, "else", "cond"),
    (If, "if", "(if TEST THEN [ELSE])"),
    (Import, "import", "(import LIBRARY ...)"),
    (Lambda, "lambda", "(lambda (PARAMETER ...) BODY ...)"),
    (Let, "let", "(let [NAME] ((NAME VALUE) ...) BODY ...)"),
    (LetStar, "let*", "(let* ((NAME VALUE) ...) BODY ...)"),
    (LetSyntax, "let-syntax", "(let-syntax ((NAME (syntax-rules ...)) ...) BODY ...)"),
    (Letrec, "letrec", "(letrec ((NAME VALUE) ...) BODY ...)"),
    (LetrecStar, "letrec*", "(letrec* ((NAME VALUE) ...) BODY ...)"),
    (LetrecSyntax, "letrec-syntax", "(letrec-syntax ((NAME (syntax-rules ...)) ...) BODY ...)"),
    (Or, "or", "(or EXPRESSION ...)"),
    (Quasiquote, "quasiquote", "(quasiquote TEMPLATE)"),
    (Quote, "quote", "(quote DATUM)"),
    (Set, "set!", "(set! NAME VALUE)"),
    (SyntaxError, "syntax-error", "(syntax-error MESSAGE FORM ...)"),
    (SyntaxRules, "syntax-rules", "define-syntax"),
    (Unless, "unless", "(unless TEST EXPRESSION ...)"),
    (Unquote, "unquote", "quasiquote"),
    (UnquoteSplicing, "unquote-splicing", "quasiquote"),
    (When, "when", "(when TEST EXPRESSION ...)"),
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
        matches!(self, Arrow | Else | SyntaxRules | Unquote | UnquoteSplicing)
    }

    /// May a program define a variable of that name? Of those words that older programs do not know as syntax.
    pub fn may_be_redefined(self) -> bool {
        matches!(self, CondExpand | Import | SyntaxError)
    }

    /// The table is in the order of the variants.
    fn row(self) -> &'static (Keyword, &'static str, &'static str) {
        &TABLE[self as usize]
    }
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
