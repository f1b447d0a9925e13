//! What the reader produces: data that know where they stand in the source.
//!
//! ```text
//! (f . (x 'y))   ->   List [f, x, List [quote, y]]      a list in tail position is part of its list
//! (a . b)        ->   List [a] with tail b
//! ```
//!
//! Two limits keep every later pass, and the drop of every tree, within a small Rust stack:
//! nothing is nested deeper than [`MAX_NESTING`], and no constant has a path of more than
//! [`MAX_PATH`] pairs and vectors.

use std::rc::Rc;

use super::alias::base_name;
use super::core::{Datum, Span};
use super::syntax_error::Fault;

/// How deep data may be nested in the source.
pub const MAX_NESTING: usize = 500;

/// How deep expressions are nested at most after expansion: a `do`, the worst, makes one level of
/// source into `letrec`, `lambda`, `if` and `begin`. The compiler recurses over expressions; it may rely on
/// this bound.
pub const MAX_EXPRESSION_NESTING: usize = 4 * MAX_NESTING;

/// The most cells (pairs, vectors) on any way from the root of a constant to one of its leaves.
///
/// A list of n elements has a path of n pairs, so this is also the longest constant list.
pub const MAX_PATH: usize = 5000;

/// A datum and where it stands.
#[derive(Clone, Debug)]
pub struct Syntax {
    /// The first character.
    pub span: Span,
    /// What was read.
    pub kind: SyntaxKind,
}

/// The shapes of data.
#[derive(Clone, Debug)]
pub enum SyntaxKind {
    /// Everything without parts; never a pair, a vector or the empty list.
    Atom(Datum),
    /// Elements, and what follows the dot: never itself a list. No elements: the empty list.
    List(Vec<Syntax>, Option<Box<Syntax>>),
    /// `#(…)`.
    Vector(Vec<Syntax>),
}

impl Syntax {
    /// An identifier.
    pub fn symbol(span: Span, name: &str) -> Syntax {
        Syntax { span, kind: SyntaxKind::Atom(Datum::Symbol(name.into())) }
    }

    /// The name, if this is an identifier.
    pub fn name(&self) -> Option<&Rc<str>> {
        match &self.kind {
            SyntaxKind::Atom(Datum::Symbol(name)) => Some(name),
            _ => None,
        }
    }

    /// The elements, if this is a list without a dot.
    pub fn proper_list(&self) -> Option<&[Syntax]> {
        match &self.kind {
            SyntaxKind::List(items, None) => Some(items),
            _ => None,
        }
    }

    /// The constant that `quote` makes of this.
    ///
    /// # Errors
    ///
    /// [`Fault::ConstantTooLong`] when a path is longer than [`MAX_PATH`].
    pub fn datum(&self) -> Result<Datum, Fault> {
        self.measured().map(|(datum, _)| datum)
    }

    /// The constant and the length of its longest path.
    fn measured(&self) -> Result<(Datum, usize), Fault> {
        match &self.kind {
            SyntaxKind::Atom(Datum::Symbol(name)) => Ok((Datum::Symbol(written(name)), 0)),
            SyntaxKind::Atom(datum) => Ok((datum.clone(), 0)),
            SyntaxKind::List(items, tail) => list_datum(items, tail.as_deref()),
            SyntaxKind::Vector(items) => vector_datum(items),
        }
    }
}

/// As it would be written, for messages.
impl std::fmt::Display for Syntax {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = |f: &mut std::fmt::Formatter<'_>, items: &[Syntax]| {
            items.iter().enumerate().try_for_each(|(i, item)| {
                let blank = if i == 0 { "" } else { " " };
                write!(f, "{blank}{item}")
            })
        };
        match &self.kind {
            SyntaxKind::Atom(Datum::Symbol(name)) => f.write_str(base_name(name)),
            SyntaxKind::Atom(Datum::String(text)) => f.write_str(text),
            SyntaxKind::Atom(Datum::Fixnum(n)) => write!(f, "{n}"),
            SyntaxKind::Atom(Datum::Flonum(x)) => write!(f, "{x:?}"),
            SyntaxKind::Atom(Datum::Bool(b)) => f.write_str(if *b { "#t" } else { "#f" }),
            SyntaxKind::Atom(_) => f.write_str("..."),
            SyntaxKind::Vector(items) => {
                f.write_str("#(")?;
                all(f, items)?;
                f.write_str(")")
            }
            SyntaxKind::List(items, tail) => {
                f.write_str("(")?;
                all(f, items)?;
                tail.iter().try_for_each(|tail| write!(f, " . {tail}"))?;
                f.write_str(")")
            }
        }
    }
}

/// The name that a macro may have renamed.
fn written(name: &Rc<str>) -> Rc<str> {
    let base = base_name(name);
    if base.len() == name.len() { name.clone() } else { base.into() }
}

fn list_datum(items: &[Syntax], tail: Option<&Syntax>) -> Result<(Datum, usize), Fault> {
    let end = tail.map_or(Ok((Datum::Nil, 0)), Syntax::measured)?;
    items.iter().rev().try_fold(end, |(rest, path), item| {
        let (first, first_path) = item.measured()?;
        let path = checked_path(1 + path.max(first_path))?;
        Ok((Datum::Pair(Rc::new((first, rest))), path))
    })
}

fn vector_datum(items: &[Syntax]) -> Result<(Datum, usize), Fault> {
    let mut path = 0;
    let mut elements = Vec::with_capacity(items.len());
    for item in items {
        let (element, element_path) = item.measured()?;
        path = path.max(element_path);
        elements.push(element);
    }
    Ok((Datum::Vector(elements.into()), checked_path(1 + path)?))
}

fn checked_path(path: usize) -> Result<usize, Fault> {
    if path > MAX_PATH { Err(Fault::ConstantTooLong) } else { Ok(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(n: i64) -> Syntax {
        Syntax { span: Span::default(), kind: SyntaxKind::Atom(Datum::Fixnum(n)) }
    }

    fn list(items: Vec<Syntax>) -> Syntax {
        Syntax { span: Span::default(), kind: SyntaxKind::List(items, None) }
    }

    #[test]
    fn the_longest_constant_list_is_accepted_and_one_more_is_not() {
        let mut items: Vec<Syntax> = (0..MAX_PATH as i64).map(atom).collect();
        assert!(list(items.clone()).datum().is_ok());
        items.push(atom(0));
        assert_eq!(list(items).datum(), Err(Fault::ConstantTooLong));
    }

    #[test]
    fn paths_add_up_through_nested_lists() {
        let half = |end: Syntax| {
            let mut items: Vec<Syntax> = (1..MAX_PATH as i64 / 2).map(atom).collect();
            items.push(end);
            list(items)
        };
        assert!(half(half(atom(0))).datum().is_ok());
        assert_eq!(half(half(half(atom(0)))).datum(), Err(Fault::ConstantTooLong));
    }

    #[test]
    fn a_dotted_list_ends_in_its_tail() {
        let kind = SyntaxKind::List(vec![atom(1)], Some(Box::new(atom(2))));
        let pair = Datum::Pair(Rc::new((Datum::Fixnum(1), Datum::Fixnum(2))));
        assert_eq!(Syntax { span: Span::default(), kind }.datum(), Ok(pair));
    }
}
