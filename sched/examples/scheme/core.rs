//! The core language: what the expander produces and the compiler takes.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use super::numbers::Number;
use super::numbers::complex::Complex;

/// A place in the source, 1-based.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    pub line: u32,
    pub column: u32,
}

/// A constant, as read.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    Fixnum(i64),
    Flonum(f64),
    /// An exact number that is no fixnum.
    Exact(Rc<Number>),
    /// A number that is not real.
    Complex(Rc<Complex>),
    Bytevector(Rc<[u8]>),
    Bool(bool),
    Char(char),
    String(Rc<str>),
    Symbol(Rc<str>),
    Nil,
    Unspecified,
    Pair(Rc<(Datum, Datum)>),
    Vector(Rc<[Datum]>),
    /// `#0=`, and the datum.
    Labelled(usize, Rc<Datum>),
    /// `#0#`, which is the datum with that label.
    Reference(usize),
}

impl Datum {
    /// A label that is referred to, and stands before no part of this.
    pub fn missing_label(&self) -> Option<usize> {
        let (mut defined, mut used) = (HashSet::new(), Vec::new());
        let mut todo = vec![self];
        while let Some(datum) = todo.pop() {
            match datum {
                Datum::Pair(pair) => todo.extend([&pair.0, &pair.1]),
                Datum::Vector(items) => todo.extend(items.iter()),
                Datum::Labelled(label, datum) => {
                    defined.insert(*label);
                    todo.push(datum);
                }
                Datum::Reference(label) => used.push(*label),
                _ => {}
            }
        }
        used.into_iter().find(|label| !defined.contains(label))
    }
}

/// A local variable: an index into [`Program::vars`]. Unique in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Var(pub u32);

/// What is known of a local variable.
#[derive(Clone, Debug)]
pub struct VarInfo {
    pub name: Rc<str>,
    /// Is there a `set!` of it? Then it lives in a box.
    pub mutated: bool,
}

/// A procedure.
#[derive(Clone, Debug)]
pub struct Lambda {
    /// For backtraces: the name it was defined under, or `lambda`.
    pub name: Rc<str>,
    pub params: Vec<Var>,
    pub rest: Option<Var>,
    pub body: Expr,
}

/// An expression and where it stands.
#[derive(Clone, Debug)]
pub struct Expr {
    pub span: Span,
    pub kind: ExprKind,
}

/// The core forms.
#[derive(Clone, Debug)]
pub enum ExprKind {
    Const(Datum),
    Local(Var),
    Global(Rc<str>),
    SetLocal(Var, Box<Expr>),
    SetGlobal(Rc<str>, Box<Expr>),
    /// Top level only.
    DefineGlobal(Rc<str>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// Never empty.
    Begin(Vec<Expr>),
    Let(Vec<(Var, Expr)>, Box<Expr>),
    /// `letrec*`: initialisers may be any expression and are evaluated in order.
    Letrec(Vec<(Var, Expr)>, Box<Expr>),
    Lambda(Rc<Lambda>),
    Call(Box<Expr>, Vec<Expr>),
}

/// One source file, expanded.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// For messages.
    pub file: Rc<str>,
    /// Top-level forms, in order.
    pub forms: Vec<Expr>,
    pub vars: Vec<VarInfo>,
    /// Globals that the program defines or sets: a primitive of that name must not be inlined.
    pub assigned_globals: BTreeSet<Rc<str>>,
    /// Globals that it mentions and nobody has defined, and where it does so first.
    pub unbound: Vec<(Rc<str>, Span)>,
}
