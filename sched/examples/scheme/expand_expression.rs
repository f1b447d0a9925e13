//! Expressions: which form an expression is, variables, constants, assignments and calls.

use std::rc::Rc;

use super::alias::base_name;
use super::core::{Datum, Expr, ExprKind, Span};
use super::expand::{Expander, Form};
use super::expand_macro::Meaning;
use super::keyword::Keyword;
use super::syntax::{Syntax, SyntaxKind};
use super::syntax_error::{Checked, Fault};

impl Expander<'_> {
    /// Any expression.
    pub(super) fn expression(&mut self, syntax: &Syntax) -> Checked<Expr> {
        self.named_expression(syntax, None)
    }

    /// An expression whose value is bound to `name`: what a lambda is called in backtraces.
    pub(super) fn named_expression(&mut self, syntax: &Syntax, name: Option<&Rc<str>>) -> Checked<Expr> {
        self.deeper(syntax.span, |x| match &syntax.kind {
            SyntaxKind::Atom(Datum::Symbol(symbol)) => x.variable(symbol, syntax.span),
            SyntaxKind::Atom(_) | SyntaxKind::Vector(_) => x.constant(syntax, syntax.span),
            SyntaxKind::List(_, Some(_)) => Err(x.fault(Fault::DottedExpression, syntax.span)),
            SyntaxKind::List(items, None) => match x.special_form(syntax) {
                Some(form) => x.special(form, name),
                None => match x.expanded(syntax)? {
                    Some(expanded) => x.named_expression(&expanded, name),
                    None => x.call(items, syntax.span),
                },
            },
        })
    }

    fn special(&mut self, form: Form<'_>, name: Option<&Rc<str>>) -> Checked<Expr> {
        match form.keyword {
            Keyword::And => self.and(form.args, form.span),
            Keyword::Begin => self.sequence(form.args, form),
            Keyword::Case => self.case(form),
            Keyword::Cond => self.cond(form, form.args),
            Keyword::Define | Keyword::DefineRecordType | Keyword::DefineSyntax | Keyword::Import => {
                Err(self.fault(Fault::MisplacedDefine, form.span))
            }
            Keyword::CondExpand => {
                let parts = self.spliced(form)?;
                self.sequence(parts, form)
            }
            Keyword::LetSyntax | Keyword::LetrecSyntax => self.let_syntax(form),
            Keyword::SyntaxError => Err(self.syntax_error(form)),
            Keyword::SyntaxRules => Err(self.out_of_place(form.keyword, form.span)),
            Keyword::Do => self.do_loop(form),
            Keyword::If => self.conditional(form),
            Keyword::Lambda => self.lambda_form(form, name),
            Keyword::Let => self.let_form(form),
            Keyword::LetStar => self.let_star(form),
            Keyword::Letrec | Keyword::LetrecStar => self.letrec(form),
            Keyword::Or => self.or(form.args, form.span),
            Keyword::Quasiquote => self.quasiquote(form),
            Keyword::Quote => self.quote(form),
            Keyword::Set => self.assignment(form),
            Keyword::Unless | Keyword::When => self.one_sided(form),
            Keyword::Arrow | Keyword::Else | Keyword::Unquote | Keyword::UnquoteSplicing => {
                Err(self.out_of_place(form.keyword, form.span))
            }
        }
    }

    /// The special form that `syntax` is, if it is one.
    pub(super) fn special_form<'s>(&self, syntax: &'s Syntax) -> Option<Form<'s>> {
        let (head, args) = syntax.proper_list()?.split_first()?;
        Some(Form { keyword: self.keyword(head)?, span: syntax.span, args })
    }

    /// The keyword that `syntax` is, unless something else of that name hides it.
    pub(super) fn keyword(&self, syntax: &Syntax) -> Option<Keyword> {
        match self.meaning(syntax.name()?) {
            Meaning::Keyword(keyword) => Some(keyword),
            _ => None,
        }
    }

    fn variable(&mut self, name: &Rc<str>, span: Span) -> Checked<Expr> {
        match self.meaning(name) {
            Meaning::Variable(var) => Ok(ExprKind::Local(var).at(span)),
            Meaning::Keyword(word) if word.is_auxiliary() => Err(self.out_of_place(word, span)),
            Meaning::Keyword(_) | Meaning::Macro(_) => {
                Err(self.fault(Fault::KeywordAsVariable(base_name(name).into()), span))
            }
            Meaning::Original(name) => Ok(ExprKind::Global(name).at(span)),
            Meaning::Global(name) => Ok(ExprKind::Global(self.globals.reference(&name, span)).at(span)),
        }
    }

    pub(super) fn constant(&self, syntax: &Syntax, span: Span) -> Checked<Expr> {
        let datum = syntax.datum().map_err(|fault| self.fault(fault, span))?;
        if let Some(label) = datum.missing_label() {
            return Err(self.fault(Fault::NoSuchLabel(label), span));
        }
        Ok(ExprKind::Const(datum).at(span))
    }

    fn quote(&mut self, form: Form<'_>) -> Checked<Expr> {
        let [datum] = form.args else { return Err(self.bad_form(form)) };
        self.constant(datum, form.span)
    }

    fn assignment(&mut self, form: Form<'_>) -> Checked<Expr> {
        let [target, value] = form.args else { return Err(self.bad_form(form)) };
        let name = self.name(target, form.keyword)?;
        let global = match self.meaning(name) {
            Meaning::Variable(var) => {
                self.locals.mutate(var);
                let value = Box::new(self.named_expression(value, Some(name))?);
                return Ok(ExprKind::SetLocal(var, value).at(form.span));
            }
            Meaning::Global(global) | Meaning::Original(global) => self.globals.assign(&global, target.span),
            Meaning::Keyword(_) | Meaning::Macro(_) => {
                return Err(self.fault(Fault::KeywordDefined(base_name(name).into()), target.span));
            }
        };
        let value = Box::new(self.named_expression(value, Some(name))?);
        Ok(ExprKind::SetGlobal(global, value).at(form.span))
    }

    /// A call. A `lambda` called on the spot is a `let`.
    fn call(&mut self, items: &[Syntax], span: Span) -> Checked<Expr> {
        let Some((head, args)) = items.split_first() else {
            return Err(self.fault(Fault::EmptyCall, span));
        };
        let callee = self.expression(head)?;
        let args = args.iter().map(|arg| self.expression(arg)).collect::<Checked<Vec<_>>>()?;
        Ok(applied(callee, args).at(span))
    }
}

fn applied(callee: Expr, args: Vec<Expr>) -> ExprKind {
    match callee.kind {
        ExprKind::Lambda(lambda) if lambda.rest.is_none() && lambda.params.len() == args.len() => {
            // Nobody else has seen a lambda that was expanded just now.
            let lambda = Rc::unwrap_or_clone(lambda);
            ExprKind::Let(lambda.params.into_iter().zip(args).collect(), Box::new(lambda.body))
        }
        kind => ExprKind::Call(Box::new(kind.at(callee.span)), args),
    }
}
