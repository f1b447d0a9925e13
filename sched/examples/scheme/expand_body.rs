//! Definitions, and bodies that begin with them.
//!
//! ```text
//! (lambda () (define a 1) (show a) (define b 2) (+ a b))
//!   ->  (letrec* ((a 1) (_ (show a)) (b 2)) (+ a b))
//! ```

use std::collections::HashSet;
use std::rc::Rc;

use super::core::{Expr, ExprKind, Span, Var};
use super::expand::{Expander, Form};
use super::expand_binding::recursive;
use super::keyword::Keyword;
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

/// One part of a body.
enum Item<'s> {
    Definition(Definition<'s>),
    Expression(&'s Syntax),
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
        let mut parts = Vec::with_capacity(items.len());
        for item in items {
            self.body_item(item, &mut parts)?;
        }
        let is_definition = |part: &Item<'_>| matches!(part, Item::Definition(_));
        let Some(last) = parts.iter().rposition(is_definition) else {
            return self.sequence(items, form);
        };
        let expressions = parts.split_off(last + 1);
        if expressions.is_empty() {
            return Err(self.fault(Fault::BodyWithoutValue, form.span));
        }
        self.with_definitions(parts, expressions, form)
    }

    /// A `begin` in a body is as good as its parts.
    fn body_item<'s>(&mut self, item: &'s Syntax, parts: &mut Vec<Item<'s>>) -> Checked<()> {
        match self.special_form(item) {
            Some(Form { keyword: Keyword::Begin, args, .. }) => {
                args.iter().try_for_each(|part| self.body_item(part, parts))?;
            }
            Some(form @ Form { keyword: Keyword::Define, .. }) => {
                parts.push(Item::Definition(self.definition(form)?));
            }
            _ => parts.push(Item::Expression(item)),
        }
        Ok(())
    }

    /// Expressions between definitions are bound to variables that nobody reads.
    fn with_definitions(
        &mut self,
        parts: Vec<Item<'_>>,
        rest: Vec<Item<'_>>,
        form: Form<'_>,
    ) -> Checked<Expr> {
        let vars = self.defined_variables(&parts)?;
        self.locals.bind(&vars);
        let mut bindings = Vec::with_capacity(parts.len());
        for (part, &var) in parts.iter().zip(&vars) {
            bindings.push((var, self.body_part(part)?));
        }
        let body = rest.iter().map(|part| self.body_part(part)).collect::<Checked<_>>()?;
        self.locals.unbind(&vars);
        let body = ExprKind::Begin(body).at(form.span);
        Ok(recursive(bindings, body, form.span))
    }

    fn body_part(&mut self, part: &Item<'_>) -> Checked<Expr> {
        match part {
            Item::Definition(definition) => {
                self.deeper(definition.form.span, |x| x.defined_value(definition))
            }
            Item::Expression(expression) => self.expression(expression),
        }
    }

    fn defined_variables(&mut self, parts: &[Item<'_>]) -> Checked<Vec<Var>> {
        let mut distinct = Distinct::new("body");
        parts
            .iter()
            .map(|part| match part {
                Item::Expression(_) => Ok(self.locals.temporary("_")),
                Item::Definition(Definition { name, name_span, .. }) => {
                    distinct.add(self, name, *name_span)?;
                    Ok(self.locals.fresh(name))
                }
            })
            .collect()
    }
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
        Err(x.fault(Fault::Duplicate { name: name.clone(), place: self.place }, span))
    }
}
