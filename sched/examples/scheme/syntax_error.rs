//! What can be wrong with a program before it runs, and where.

use std::rc::Rc;

use super::core::Span;
use super::syntax::{MAX_NESTING, MAX_PATH};

/// A program that cannot be compiled.
///
/// Prints as `file:line:column: what is wrong; what to do`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{}:{}: {fault}", span.line, span.column)]
pub struct SyntaxError {
    /// As given to the reader.
    pub file: String,
    /// Where the fault stands; for something unclosed, where it was opened.
    pub span: Span,
    /// What it is.
    pub fault: Fault,
}

/// What reader and expander return: the error boxed, so that deep recursion stays cheap.
pub type Checked<T> = Result<T, Box<SyntaxError>>;

/// What is wrong, without the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file ends inside something that was opened here.
    #[error("this {0} is never closed; the file ends inside it")]
    Unclosed(&'static str),
    /// A closing parenthesis too many.
    #[error("`)` closes nothing; remove it, or add the missing `(`")]
    UnexpectedClose,
    /// Braces have no meaning.
    #[error("unexpected `{0}`; lists are written with `(` and `)`")]
    Brace(char),
    /// `(a]` or `[a)`.
    #[error("`{0}` does not close this list; `(` is closed by `)`, and `[` by `]`")]
    Mismatched(char),
    /// A prefix at the end of a list or of the file.
    #[error("nothing follows `{0}`; a datum must")]
    NothingAfter(&'static str),
    /// A dot that does not stand before the last datum of a list.
    #[error("misplaced `.`; it stands between the last two data of a list, as in (a . b)")]
    MisplacedDot,
    /// `#` and something unknown.
    #[error("unknown syntax `{0}`; known are #t #f #\\ #( #u8( #x #o #b #d #e #i #| and #;")]
    UnknownSharp(String),
    /// A library that is not there.
    #[error("unknown library {0}; known are (scheme base) and its kin, some (srfi N), and the program's own")]
    UnknownLibrary(String),
    /// A name in an import set.
    #[error("{library} has no `{name}`")]
    NoSuchExport {
        /// As written.
        library: String,
        /// What was selected.
        name: String,
    },
    /// A variable that an import set leaves out.
    #[error("`{0}` is not imported: the import set of its library leaves it out")]
    NotImported(Rc<str>),
    /// A file that cannot be included.
    #[error("cannot include {path}: {why}")]
    CannotInclude {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// `#0#` outside of the datum that `#0=` stands before.
    #[error("no datum of this constant has the label `#{0}=`")]
    NoSuchLabel(usize),
    /// Something else than a byte in a bytevector.
    #[error("a bytevector holds numbers from 0 to 255")]
    NoByte,
    /// `#\` and something unknown.
    #[error("unknown character `{0}`; write #\\a, #\\space, #\\newline or #\\x41")]
    UnknownCharacter(String),
    /// A backslash and something unknown, in a string or symbol.
    #[error("unknown escape `\\{0}`; known are \\a \\b \\t \\n \\r \\\" \\\\ \\| and \\xHEX;")]
    UnknownEscape(String),
    /// Starts like a number and is none.
    #[error(
        "bad number `{0}`; there are integers (12, -3, #xff), fractions (1/2) and flonums (1.5, 1e3, +inf.0)"
    )]
    BadNumber(String),
    /// See [`MAX_NESTING`].
    #[error("nested more than {MAX_NESTING} deep; split the expression into definitions")]
    TooDeep,
    /// See [`MAX_PATH`].
    #[error("constant with a list longer than {MAX_PATH}; build it at run time, or use a vector")]
    ConstantTooLong,
    /// A special form that does not look as it should.
    #[error("bad `{form}`; expected {shape}")]
    BadForm {
        /// Its keyword.
        form: &'static str,
        /// How it is written.
        shape: &'static str,
    },
    /// A name was expected.
    #[error("`{0}` needs a variable name here")]
    NotAName(&'static str),
    /// The same name twice in one parameter list, `let` or body.
    #[error("`{name}` appears twice in this {place}; rename one")]
    Duplicate {
        /// Which name.
        name: Rc<str>,
        /// In what.
        place: &'static str,
    },
    /// Nothing to evaluate.
    #[error("empty body; `{0}` needs at least one expression")]
    EmptyBody(&'static str),
    /// A body that ends in a definition.
    #[error("this body ends in a definition; add an expression for its value")]
    BodyWithoutValue,
    /// `()` evaluated.
    #[error("`()` calls nothing; the empty list is written '()")]
    EmptyCall,
    /// `(f . x)` evaluated.
    #[error("a dotted list is not an expression; write (apply f x), or quote it")]
    DottedExpression,
    /// A keyword where a variable is expected.
    #[error("`{0}` is syntax, not a variable; it stands only at the start of a form")]
    KeywordAsVariable(Rc<str>),
    /// A keyword defined or assigned at top level.
    #[error("`{0}` is syntax and cannot be defined at top level; choose another name")]
    KeywordDefined(Rc<str>),
    /// `else`, `=>`, `unquote` or `unquote-splicing` outside their forms.
    #[error("`{name}` is out of place; it belongs inside `{inside}`")]
    OutOfPlace {
        /// The word.
        name: &'static str,
        /// Where it belongs.
        inside: &'static str,
    },
    /// `define` among expressions.
    #[error("definition inside an expression; definitions stand at top level or directly in a body")]
    MisplacedDefine,
    /// A macro that cannot be.
    #[error("bad macro: {0}")]
    BadRules(&'static str),
    /// A use of a macro that fits none of its patterns.
    #[error("bad use of `{0}`: no pattern of the macro matches it")]
    NoRule(Rc<str>),
    /// `(syntax-error message form …)`, with what it says.
    #[error("{0}")]
    Said(String),
    /// Macros without end.
    #[error(
        "more than {} uses of macros, this one among them; does it expand into itself?",
        super::expand_macro::MAX_USES
    )]
    MacroLoop,
    /// A global that nobody defines: an error once it is used.
    #[error("nobody defines {0}; check its spelling")]
    Unbound(Rc<str>),
}

impl Fault {
    /// This fault, at its place.
    pub fn at(self, file: &str, span: Span) -> Box<SyntaxError> {
        Box::new(SyntaxError { file: file.to_owned(), span, fault: self })
    }
}
