//! Forms that bind variables: `lambda`, `let`, named `let`, `let*`, `letrec`, `do`.
//!
//! ```text
//! (let f ((i 0)) …)        (letrec ((f (lambda (i) …))) (f 0))      0 is outside the scope of f
//! (do ((i 0 (+ i 1)))      (letrec ((do (lambda (i)
//!     (t r) b)                            (if t r (begin b (do (+ i 1)))))))
//!                            (do 0))                                `do` is a name nobody has
//! ```

use std::rc::Rc;

use super::alias::base_name;
use super::core::{Expr, ExprKind, Lambda, Span, Var};
use super::expand::{Expander, Form, local};
use super::expand_body::{Distinct, Formals};
use super::expand_control::{branch, unspecified};
use super::syntax::{Syntax, SyntaxKind};
use super::syntax_error::Checked;

/// `(NAME VALUE)`, or in a `do` `(NAME START [STEP])`.
struct Binding<'s> {
    name: &'s Rc<str>,
    value: &'s Syntax,
    step: Option<&'s Syntax>,
}

impl Expander<'_> {
    /// `(lambda …)`.
    pub(super) fn lambda_form(&mut self, form: Form<'_>, name: Option<&Rc<str>>) -> Checked<Expr> {
        let Some((formals, body)) = form.args.split_first() else { return Err(self.bad_form(form)) };
        let formals = match &formals.kind {
            SyntaxKind::List(params, rest) => Formals { params, rest: rest.as_deref() },
            _ => Formals { params: &[], rest: Some(formals) },
        };
        let anonymous = || Rc::from("lambda");
        self.lambda(&name.cloned().unwrap_or_else(anonymous), formals, body, form)
    }

    /// A procedure of `form`, called `name` in backtraces.
    pub(super) fn lambda(
        &mut self,
        name: &Rc<str>,
        formals: Formals<'_>,
        body: &[Syntax],
        form: Form<'_>,
    ) -> Checked<Expr> {
        let mut distinct = Distinct::new("parameter list");
        let mut params = Vec::with_capacity(formals.params.len() + 1);
        for param in formals.params.iter().chain(formals.rest) {
            let name = self.name(param, form.keyword)?;
            distinct.add(self, name, param.span)?;
            params.push(self.locals.fresh(name));
        }
        let body = self.scoped(&params, |x| x.body(body, form))?;
        let rest = formals.rest.and_then(|_| params.pop());
        let lambda = Lambda { name: base_name(name).into(), params, rest, body };
        Ok(ExprKind::Lambda(Rc::new(lambda)).at(form.span))
    }

    /// `f` where the names of `vars` mean them.
    fn scoped<T>(&mut self, vars: &[Var], f: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        self.locals.bind(vars);
        let result = f(self);
        self.locals.unbind(vars);
        result
    }

    /// `(let …)`, with or without a name.
    pub(super) fn let_form(&mut self, form: Form<'_>) -> Checked<Expr> {
        match form.args {
            [name, bindings, body @ ..] if name.name().is_some() => {
                let bindings = self.bindings(bindings, form, 2)?;
                self.named_let(self.name(name, form.keyword)?, &bindings, body, form)
            }
            [bindings, body @ ..] => {
                let bindings = self.bindings(bindings, form, 2)?;
                let values = self.values(&bindings)?;
                let vars = self.variables(&bindings);
                let body = self.scoped(&vars, |x| x.body(body, form))?;
                Ok(bind(vars, values, body, form.span))
            }
            [] => Err(self.bad_form(form)),
        }
    }

    fn named_let(
        &mut self,
        name: &Rc<str>,
        bindings: &[Binding<'_>],
        body: &[Syntax],
        form: Form<'_>,
    ) -> Checked<Expr> {
        let starts = self.values(bindings)?;
        let looping = self.locals.fresh(name);
        let params = self.variables(bindings);
        let body =
            self.deeper(form.span, |x| x.scoped(&[looping], |x| x.scoped(&params, |x| x.body(body, form))))?;
        Ok(self.looped(looping, params, body, starts, form.span))
    }

    /// `(do …)`.
    pub(super) fn do_loop(&mut self, form: Form<'_>) -> Checked<Expr> {
        let [bindings, end, body @ ..] = form.args else { return Err(self.bad_form(form)) };
        let Some([test, results @ ..]) = end.proper_list() else { return Err(self.bad_form(form)) };
        let bindings = self.bindings(bindings, form, 3)?;
        let starts = self.values(&bindings)?;
        let looping = self.locals.temporary("do");
        let params = self.variables(&bindings);
        let body = self.deeper(form.span, |x| {
            x.scoped(&params, |x| {
                let test = x.expression(test)?;
                let result = x.results(results, form)?;
                let again = x.again(looping, &bindings, &params, body, form)?;
                Ok(branch(test, result, again, form.span))
            })
        })?;
        Ok(self.looped(looping, params, body, starts, form.span))
    }

    fn results(&mut self, results: &[Syntax], form: Form<'_>) -> Checked<Expr> {
        if results.is_empty() { Ok(unspecified(form.span)) } else { self.sequence(results, form) }
    }

    /// The body of a `do`, then the call for the next round.
    fn again(
        &mut self,
        looping: Var,
        bindings: &[Binding<'_>],
        params: &[Var],
        body: &[Syntax],
        form: Form<'_>,
    ) -> Checked<Expr> {
        let mut parts = body.iter().map(|part| self.expression(part)).collect::<Checked<Vec<_>>>()?;
        let step = |(binding, &var): (&Binding<'_>, &Var)| match binding.step {
            Some(step) => self.expression(step),
            None => Ok(local(var, form.span)),
        };
        let steps = bindings.iter().zip(params).map(step).collect::<Checked<_>>()?;
        parts.push(ExprKind::Call(Box::new(local(looping, form.span)), steps).at(form.span));
        Ok(ExprKind::Begin(parts).at(form.span))
    }

    /// A procedure bound to `looping`, and its first call.
    fn looped(&mut self, looping: Var, params: Vec<Var>, body: Expr, starts: Vec<Expr>, span: Span) -> Expr {
        let name = base_name(&self.locals.vars[looping.0 as usize].name).into();
        let lambda = Lambda { name, params, rest: None, body };
        let lambda = ExprKind::Lambda(Rc::new(lambda)).at(span);
        let first = ExprKind::Call(Box::new(local(looping, span)), starts).at(span);
        ExprKind::Letrec(vec![(looping, lambda)], Box::new(first)).at(span)
    }

    /// `(let* …)`: names may repeat.
    pub(super) fn let_star(&mut self, form: Form<'_>) -> Checked<Expr> {
        let Some((list, body)) = form.args.split_first() else { return Err(self.bad_form(form)) };
        let Some(list) = list.proper_list() else { return Err(self.bad_form(form)) };
        self.let_star_from(list, body, form)
    }

    fn let_star_from(&mut self, list: &[Syntax], body: &[Syntax], form: Form<'_>) -> Checked<Expr> {
        let Some((first, rest)) = list.split_first() else { return self.body(body, form) };
        let binding = self.binding(first, form, 2)?;
        let value = self.named_expression(binding.value, Some(binding.name))?;
        let var = self.locals.fresh(binding.name);
        let body = self.deeper(first.span, |x| x.scoped(&[var], |x| x.let_star_from(rest, body, form)))?;
        Ok(bind(vec![var], vec![value], body, form.span))
    }

    /// `(letrec …)` and `(letrec* …)`, which are the same here.
    pub(super) fn letrec(&mut self, form: Form<'_>) -> Checked<Expr> {
        let Some((list, body)) = form.args.split_first() else { return Err(self.bad_form(form)) };
        let bindings = self.bindings(list, form, 2)?;
        let vars = self.variables(&bindings);
        self.scoped(&vars, |x| {
            let values = x.values(&bindings)?;
            let body = x.body(body, form)?;
            Ok(recursive(vars.iter().copied().zip(values).collect(), body, form.span))
        })
    }

    /// A list of bindings with distinct names.
    fn bindings<'s>(&self, list: &'s Syntax, form: Form<'_>, longest: usize) -> Checked<Vec<Binding<'s>>> {
        let Some(list) = list.proper_list() else { return Err(self.bad_form(form)) };
        let mut distinct = Distinct::new("list of bindings");
        let mut bindings = Vec::with_capacity(list.len());
        for item in list {
            let binding = self.binding(item, form, longest)?;
            distinct.add(self, binding.name, item.span)?;
            bindings.push(binding);
        }
        Ok(bindings)
    }

    fn binding<'s>(&self, item: &'s Syntax, form: Form<'_>, longest: usize) -> Checked<Binding<'s>> {
        match item.proper_list() {
            Some([name, value, step @ ..]) if step.len() + 2 <= longest => {
                Ok(Binding { name: self.name(name, form.keyword)?, value, step: step.first() })
            }
            _ => Err(self.bad_form(Form { span: item.span, ..form })),
        }
    }

    fn values(&mut self, bindings: &[Binding<'_>]) -> Checked<Vec<Expr>> {
        bindings.iter().map(|b| self.named_expression(b.value, Some(b.name))).collect()
    }

    fn variables(&mut self, bindings: &[Binding<'_>]) -> Vec<Var> {
        bindings.iter().map(|binding| self.locals.fresh(binding.name)).collect()
    }
}

/// A `let`; without bindings, just its body.
fn bind(vars: Vec<Var>, values: Vec<Expr>, body: Expr, span: Span) -> Expr {
    if vars.is_empty() {
        body
    } else {
        ExprKind::Let(vars.into_iter().zip(values).collect(), Box::new(body)).at(span)
    }
}

/// A `letrec*`; without bindings, just its body.
pub(super) fn recursive(bindings: Vec<(Var, Expr)>, body: Expr, span: Span) -> Expr {
    if bindings.is_empty() { body } else { ExprKind::Letrec(bindings, Box::new(body)).at(span) }
}
