//! Definitions, and bodies that begin with them.
//!
//! ```text
//! (lambda () (define a 1) (show a) (define b 2) (+ a b))
//!   ->  (letrec* ((a 1) (_ (show a)) (b 2)) (+ a b))
//! ```

use std::borrow::Cow;
use std::collections::HashSet;
use std::rc::Rc;

use super::alias::{Home, base_name};
use super::core::{Expr, ExprKind, Span, Var};
use super::expand::{Expander, Form};
use super::expand_binding::recursive;
use super::keyword::Keyword;
use super::scope::Local;
use super::syntax::{Syntax, SyntaxKind};
use super::syntax_error::{Checked, Fault};

/// A `define`, taken apart.
#[derive(Debug)]
pub(super) struct Definition<'s> {
    pub(super) name: &'s Rc<str>,
    name_span: Span,
    form: Form<'s>,
    value: Value<'s>,
}

/// What is defined.
#[derive(Debug)]
enum Value<'s> {
    Expression(&'s Syntax),
    Procedure(Formals<'s>),
}

/// The parameters of a procedure, as written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Formals<'s> {
    pub(super) params: &'s [Syntax],
    pub(super) rest: Option<&'s Syntax>,
}

/// One part of a body. What a macro has made is owned.
enum Item<'s> {
    /// A `define`, and the variable that it defines.
    Definition(Cow<'s, Syntax>, Var),
    Expression(Cow<'s, Syntax>),
}

/// A body that is being looked through for definitions. What was found is bound at once: a macro that is used further down may
/// depend on it.
struct Scan<'s> {
    scope: u32,
    parts: Vec<Item<'s>>,
    /// What is bound in the scope.
    names: Vec<Rc<str>>,
}

impl Expander<'_> {
    /// Takes a `define` apart.
    pub(super) fn definition<'s>(&self, form: Form<'s>) -> Checked<Definition<'s>> {
        let Some((target, rest)) = form.args.split_first() else { return Err(self.bad_form(form)) };
        let (target, value) = match (&target.kind, rest) {
            (SyntaxKind::List(items, tail), [_, ..]) if !items.is_empty() => {
                let formals = Formals { params: &items[1..], rest: tail.as_deref() };
                (&items[0], Value::Procedure(formals))
            }
            (SyntaxKind::Atom(_), [value]) => (target, Value::Expression(value)),
            _ => return Err(self.bad_form(form)),
        };
        let name = self.name(target, form.keyword)?;
        Ok(Definition { name, name_span: target.span, form, value })
    }

    /// The value of a definition, in the scope in force.
    pub(super) fn defined_value(&mut self, definition: &Definition<'_>) -> Checked<Expr> {
        let Definition { name, form, value, .. } = definition;
        match *value {
            Value::Expression(value) => self.named_expression(value, Some(name)),
            Value::Procedure(formals) => self.lambda(name, formals, &form.args[1..], *form),
        }
    }

    /// A body of `form`: definitions and expressions, the last one an expression.
    pub(super) fn body(&mut self, items: &[Syntax], form: Form<'_>) -> Checked<Expr> {
        let mut scan = Scan {
            scope: self.locals.new_scope(),
            parts: Vec::with_capacity(items.len()),
            names: Vec::new(),
        };
        for item in items {
            self.body_item(Cow::Borrowed(item), &mut scan)?;
        }
        let Scan { parts, names, .. } = scan;
        let body = self.scanned_body(parts, form)?;
        names.iter().rev().for_each(|name| self.locals.unbind_name(name));
        Ok(body)
    }

    fn scanned_body(&mut self, mut parts: Vec<Item<'_>>, form: Form<'_>) -> Checked<Expr> {
        let is_definition = |part: &Item<'_>| matches!(part, Item::Definition(..));
        let last = parts.iter().rposition(is_definition);
        let expressions = parts.split_off(last.map_or(0, |last| last + 1));
        match (expressions.as_slice(), last) {
            ([], None) => Err(self.fault(Fault::EmptyBody(form.keyword.name()), form.span)),
            ([], Some(_)) => Err(self.fault(Fault::BodyWithoutValue, form.span)),
            ([Item::Expression(single)], None) => self.expression(single),
            (all, None) => Ok(self.expressions(all, form)?),
            (all, Some(_)) => self.with_definitions(parts, all, form),
        }
    }

    fn expressions(&mut self, all: &[Item<'_>], form: Form<'_>) -> Checked<Expr> {
        let all = all.iter().map(|part| self.part_value(part)).collect::<Checked<_>>()?;
        Ok(ExprKind::Begin(all).at(form.span))
    }

    /// A `begin` in a body is as good as its parts, and so is what a macro makes.
    fn body_item<'s>(&mut self, item: Cow<'s, Syntax>, scan: &mut Scan<'s>) -> Checked<()> {
        if let Some(expanded) = self.expanded(&item)? {
            return self.deeper(item.span, |x| x.body_item(Cow::Owned(expanded), scan));
        }
        match self.special_form(&item).map(|form| form.keyword) {
            Some(Keyword::Begin | Keyword::CondExpand) => self.splice(item, scan),
            Some(Keyword::Define) => self.body_definition(item, scan),
            Some(Keyword::DefineRecordType) => {
                let definitions =
                    self.special_form(&item).map_or(Ok(Vec::new()), |form| self.record_type(form))?;
                definitions.into_iter().try_for_each(|part| self.body_item(Cow::Owned(part), scan))
            }
            Some(Keyword::DefineSyntax) => {
                let home = Home::Scope(scan.scope);
                let Some(form) = self.special_form(&item) else { return Ok(()) };
                let (name, it) = self.macro_definition(form, home)?;
                self.bind_once(&name, form.span, scan)?;
                self.locals.bind_name(scan.scope, name, Local::Macro(it));
                Ok(())
            }
            _ => {
                scan.parts.push(Item::Expression(item));
                Ok(())
            }
        }
    }

    fn splice<'s>(&mut self, item: Cow<'s, Syntax>, scan: &mut Scan<'s>) -> Checked<()> {
        match item {
            Cow::Borrowed(item) => {
                let Some(form) = self.special_form(item) else { return Ok(()) };
                let parts = self.spliced(form)?;
                self.deeper(item.span, |x| {
                    parts.iter().try_for_each(|part| x.body_item(Cow::Borrowed(part), scan))
                })
            }
            Cow::Owned(item) => {
                let Some(form) = self.special_form(&item) else { return Ok(()) };
                let parts = self.spliced(form)?;
                self.deeper(item.span, |x| {
                    parts.iter().try_for_each(|part| x.body_item(Cow::Owned(part.clone()), scan))
                })
            }
        }
    }

    fn body_definition<'s>(&mut self, item: Cow<'s, Syntax>, scan: &mut Scan<'s>) -> Checked<()> {
        let definition = self.definition(define_form(&item))?;
        let name = definition.name.clone();
        self.bind_once(&name, definition.name_span, scan)?;
        let var = self.locals.fresh(&name);
        self.locals.bind_in(scan.scope, var);
        scan.parts.push(Item::Definition(item, var));
        Ok(())
    }

    fn bind_once(&self, name: &Rc<str>, span: Span, scan: &mut Scan<'_>) -> Checked<()> {
        if scan.names.contains(name) {
            let name = base_name(name).into();
            return Err(self.fault(Fault::Duplicate { name, place: "body" }, span));
        }
        scan.names.push(name.clone());
        Ok(())
    }

    /// Expressions between definitions are bound to variables that nobody reads.
    fn with_definitions(&mut self, parts: Vec<Item<'_>>, rest: &[Item<'_>], form: Form<'_>) -> Checked<Expr> {
        let mut bindings = Vec::with_capacity(parts.len());
        for part in &parts {
            let value = self.part_value(part)?;
            let var = match part {
                Item::Definition(_, var) => *var,
                Item::Expression(_) => self.locals.temporary("_"),
            };
            bindings.push((var, value));
        }
        let body = self.expressions(rest, form)?;
        Ok(recursive(bindings, body, form.span))
    }

    fn part_value(&mut self, part: &Item<'_>) -> Checked<Expr> {
        match part {
            Item::Definition(item, _) => {
                let definition = self.definition(define_form(item))?;
                self.deeper(item.span, |x| x.defined_value(&definition))
            }
            Item::Expression(expression) => self.expression(expression),
        }
    }
}

/// What is known to be a `define`.
fn define_form(item: &Syntax) -> Form<'_> {
    let args = item.proper_list().map_or(&[][..], |items| &items[1..]);
    Form { keyword: Keyword::Define, span: item.span, args }
}

/// Finds the second occurrence of a name.
pub(super) struct Distinct<'s> {
    place: &'static str,
    seen: HashSet<&'s Rc<str>>,
}

impl<'s> Distinct<'s> {
    /// No names yet; `place` is for the message.
    pub(super) fn new(place: &'static str) -> Self {
        Distinct { place, seen: HashSet::new() }
    }

    /// Adds a name.
    pub(super) fn add(&mut self, x: &Expander<'_>, name: &'s Rc<str>, span: Span) -> Checked<()> {
        if self.seen.insert(name) {
            return Ok(());
        }
        Err(x.fault(Fault::Duplicate { name: base_name(name).into(), place: self.place }, span))
    }
}
