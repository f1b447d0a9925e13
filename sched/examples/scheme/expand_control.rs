//! Conditionals and sequences: `if`, `cond`, `case`, `and`, `or`, `when`, `unless`, `begin`.
//!
//! ```text
//! (or a b)              (let ((t a)) (if t t b))
//! (cond (a => f) …)     (let ((t a)) (if t (f t) …))
//! (case k ((1 2) b) …)  (let ((t k)) (if (if (eq? t 1) #t (eq? t 2)) b …))
//! ```

use super::core::{Datum, Expr, ExprKind, Span, Var};
use super::expand::{Expander, Form, call_known, local};
use super::keyword::Keyword;
use super::syntax::{Syntax, SyntaxKind};
use super::syntax_error::{Checked, Fault};

impl Expander<'_> {
    /// `(if …)`.
    pub(super) fn conditional(&mut self, form: Form<'_>) -> Checked<Expr> {
        let (test, then, otherwise) = match form.args {
            [test, then] => (test, then, None),
            [test, then, otherwise] => (test, then, Some(otherwise)),
            _ => return Err(self.bad_form(form)),
        };
        let test = self.expression(test)?;
        let then = self.expression(then)?;
        let otherwise = otherwise.map_or(Ok(unspecified(form.span)), |e| self.expression(e))?;
        Ok(branch(test, then, otherwise, form.span))
    }

    /// `(when …)` and `(unless …)`.
    pub(super) fn one_sided(&mut self, form: Form<'_>) -> Checked<Expr> {
        let Some((test, body)) = form.args.split_first() else { return Err(self.bad_form(form)) };
        let test = self.expression(test)?;
        let body = self.sequence(body, form)?;
        let nothing = unspecified(form.span);
        Ok(match form.keyword {
            Keyword::When => branch(test, body, nothing, form.span),
            _ => branch(test, nothing, body, form.span),
        })
    }

    /// One or more expressions of `form`, the last one in tail position.
    pub(super) fn sequence(&mut self, items: &[Syntax], form: Form<'_>) -> Checked<Expr> {
        match items {
            [] => Err(self.fault(Fault::EmptyBody(form.keyword.name()), form.span)),
            [single] => self.expression(single),
            _ => {
                let parts = items.iter().map(|item| self.expression(item)).collect::<Checked<_>>()?;
                Ok(ExprKind::Begin(parts).at(form.span))
            }
        }
    }

    /// `(and …)`.
    pub(super) fn and(&mut self, items: &[Syntax], span: Span) -> Checked<Expr> {
        match items {
            [] => Ok(boolean(true, span)),
            [last] => self.expression(last),
            [first, rest @ ..] => {
                let test = self.expression(first)?;
                let rest = self.deeper(span, |x| x.and(rest, span))?;
                Ok(branch(test, rest, boolean(false, span), span))
            }
        }
    }

    /// `(or …)`.
    pub(super) fn or(&mut self, items: &[Syntax], span: Span) -> Checked<Expr> {
        match items {
            [] => Ok(boolean(false, span)),
            [last] => self.expression(last),
            [first, rest @ ..] => {
                let value = self.expression(first)?;
                self.if_value(value, span, |_, value| Ok(value), |x| x.or(rest, span))
            }
        }
    }

    /// `(let ((t value)) (if t (then t) (otherwise)))`.
    fn if_value(
        &mut self,
        value: Expr,
        span: Span,
        then: impl FnOnce(&mut Self, Expr) -> Checked<Expr>,
        otherwise: impl FnOnce(&mut Self) -> Checked<Expr>,
    ) -> Checked<Expr> {
        let var = self.locals.temporary("value");
        let test = local(var, value.span);
        let body = self.deeper(span, |x| {
            let then = then(x, test.clone())?;
            Ok(branch(test, then, otherwise(x)?, span))
        })?;
        Ok(ExprKind::Let(vec![(var, value)], Box::new(body)).at(span))
    }

    /// The clauses of `(cond …)` from `clauses` on.
    pub(super) fn cond(&mut self, form: Form<'_>, clauses: &[Syntax]) -> Checked<Expr> {
        let Some((clause, rest)) = clauses.split_first() else { return Ok(unspecified(form.span)) };
        let span = clause.span;
        let Some([test, body @ ..]) = clause.proper_list() else { return Err(self.bad_form(form)) };
        if self.keyword(test) == Some(Keyword::Else) {
            return self.else_body(form, body, rest, test.span);
        }
        let test = self.expression(test)?;
        let others = |x: &mut Self| x.cond(form, rest);
        match body {
            [] => self.if_value(test, span, |_, value| Ok(value), others),
            [arrow, receiver] if self.keyword(arrow) == Some(Keyword::Arrow) => {
                self.if_value(test, span, |x, value| x.receive(receiver, value), others)
            }
            _ => self.deeper(span, |x| {
                let then = x.sequence(body, form)?;
                Ok(branch(test, then, others(x)?, span))
            }),
        }
    }

    /// `else` must have a body, and be last.
    fn else_body(&mut self, form: Form<'_>, body: &[Syntax], rest: &[Syntax], span: Span) -> Checked<Expr> {
        if !rest.is_empty() || body.is_empty() {
            return Err(self.bad_form(Form { span, ..form }));
        }
        self.deeper(span, |x| x.sequence(body, form))
    }

    /// What stands after `=>`, called with `value`.
    fn receive(&mut self, receiver: &Syntax, value: Expr) -> Checked<Expr> {
        let callee = Box::new(self.expression(receiver)?);
        Ok(ExprKind::Call(callee, vec![value]).at(receiver.span))
    }

    /// `(case …)`.
    pub(super) fn case(&mut self, form: Form<'_>) -> Checked<Expr> {
        let Some((key, clauses)) = form.args.split_first() else { return Err(self.bad_form(form)) };
        let value = self.expression(key)?;
        let var = self.locals.temporary("key");
        let body = self.deeper(form.span, |x| x.case_clauses(form, var, clauses))?;
        Ok(ExprKind::Let(vec![(var, value)], Box::new(body)).at(form.span))
    }

    fn case_clauses(&mut self, form: Form<'_>, key: Var, clauses: &[Syntax]) -> Checked<Expr> {
        let Some((clause, rest)) = clauses.split_first() else { return Ok(unspecified(form.span)) };
        let Some([data, body @ ..]) = clause.proper_list() else { return Err(self.bad_form(form)) };
        if self.keyword(data) == Some(Keyword::Else) {
            if !rest.is_empty() || body.is_empty() {
                return Err(self.bad_form(Form { span: data.span, ..form }));
            }
            return self.case_body(form, key, body);
        }
        let Some(data) = data.proper_list() else { return Err(self.bad_form(form)) };
        let span = clause.span;
        self.deeper(span, |x| {
            let test = x.is_one_of(key, data, span)?;
            let then = x.case_body(form, key, body)?;
            Ok(branch(test, then, x.case_clauses(form, key, rest)?, span))
        })
    }

    /// Expressions, or `=>` and a procedure that takes the key.
    fn case_body(&mut self, form: Form<'_>, key: Var, body: &[Syntax]) -> Checked<Expr> {
        match body {
            [arrow, receiver] if self.keyword(arrow) == Some(Keyword::Arrow) => {
                self.deeper(form.span, |x| x.receive(receiver, local(key, arrow.span)))
            }
            _ => self.deeper(form.span, |x| x.sequence(body, form)),
        }
    }

    /// Is the key one of the constants?
    fn is_one_of(&mut self, key: Var, data: &[Syntax], span: Span) -> Checked<Expr> {
        if data.len() > MANY {
            let list = Syntax { span, kind: SyntaxKind::List(data.to_vec(), None) };
            return Ok(call_known("memv", vec![local(key, span), self.constant(&list, span)?], span));
        }
        let Some((first, rest)) = data.split_first() else { return Ok(boolean(false, span)) };
        let constant = self.constant(first, first.span)?;
        let test = equivalent(local(key, first.span), constant);
        if rest.is_empty() {
            return Ok(test);
        }
        let rest = self.deeper(first.span, |x| x.is_one_of(key, rest, span))?;
        Ok(branch(test, boolean(true, span), rest, span))
    }
}

/// So many constants of a clause are looked through one by one in line.
const MANY: usize = 40;

/// `eqv?`; with a constant that is a word of its own that is `eq?`, which compiles to a comparison.
fn equivalent(value: Expr, constant: Expr) -> Expr {
    let span = constant.span;
    let is_object =
        matches!(constant.kind, ExprKind::Const(Datum::Flonum(_) | Datum::Exact(_) | Datum::Complex(_)));
    let predicate = if is_object { "eqv?" } else { "eq?" };
    call_known(predicate, vec![value, constant], span)
}

/// `(if test then otherwise)`.
pub(super) fn branch(test: Expr, then: Expr, otherwise: Expr, span: Span) -> Expr {
    ExprKind::If(Box::new(test), Box::new(then), Box::new(otherwise)).at(span)
}

fn boolean(value: bool, span: Span) -> Expr {
    ExprKind::Const(Datum::Bool(value)).at(span)
}

/// The value of nothing in particular.
pub(super) fn unspecified(span: Span) -> Expr {
    ExprKind::Const(Datum::Unspecified).at(span)
}
