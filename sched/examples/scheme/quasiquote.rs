//! Quasiquotation: templates become calls of `list`, `cons`, `append` and `list->vector`.
//!
//! ```text
//! `(a ,b c)        (list 'a b 'c)
//! `(a ,@b c . d)   (append (list 'a) b '(c . d))
//! `#(a ,b)         (list->vector (list 'a b))
//! `(a (b c))       '(a (b c))                      constant parts are not copied
//! ```
//!
//! A quasiquote inside a template adds a level, an unquote takes one away; only at the
//! outermost level does an unquote evaluate.

use super::core::{Expr, Span};
use super::expand::{Expander, Form, call_known};
use super::keyword::Keyword;
use super::syntax::{Syntax, SyntaxKind};
use super::syntax_error::Checked;

/// What becomes of a template: `None` if it is constant.
type Built = Option<Expr>;

impl Expander<'_> {
    /// `(quasiquote …)`.
    pub(super) fn quasiquote(&mut self, form: Form<'_>) -> Checked<Expr> {
        let [template] = form.args else { return Err(self.bad_form(form)) };
        match self.template(template, 1)? {
            Some(expr) => Ok(expr),
            None => self.constant(template, form.span),
        }
    }

    /// A template, `level` quasiquotes deep.
    fn template(&mut self, template: &Syntax, level: usize) -> Checked<Built> {
        self.deeper(template.span, |x| match &template.kind {
            SyntaxKind::Atom(_) => Ok(None),
            SyntaxKind::Vector(items) => {
                let list = x.elements(items, End::default(), template.span, level)?;
                Ok(list.map(|list| call_known("list->vector", vec![list], template.span)))
            }
            SyntaxKind::List(items, tail) => match x.quasi_form(template.span, items) {
                Some(form) if tail.is_none() => x.nested(form, items, level),
                _ => x.list(items, tail.as_deref(), template.span, level),
            },
        })
    }

    /// `(unquote x)` and the like, if that is what `items` are.
    fn quasi_form<'s>(&self, span: Span, items: &'s [Syntax]) -> Option<Form<'s>> {
        let (head, args) = items.split_first()?;
        let keyword = self.keyword(head).filter(|&word| is_quasi(word))?;
        (args.len() == 1).then_some(Form { keyword, span, args })
    }

    /// A list of a quasiquotation keyword and its argument.
    fn nested(&mut self, form: Form<'_>, items: &[Syntax], level: usize) -> Checked<Built> {
        let inner = if form.keyword == Keyword::Quasiquote { level + 1 } else { level - 1 };
        match form.keyword {
            Keyword::Unquote if inner == 0 => self.expression(&form.args[0]).map(Some),
            // In a list it would have been spliced.
            Keyword::UnquoteSplicing if inner == 0 => Err(self.out_of_place(form.keyword, form.span)),
            _ => self.elements(items, End::default(), form.span, inner),
        }
    }

    /// A list. `(a . ,x)` reads as `(a unquote x)`, so the last two elements may be a tail.
    fn list(&mut self, items: &[Syntax], tail: Option<&Syntax>, span: Span, level: usize) -> Checked<Built> {
        let start = items.len().saturating_sub(2);
        let (front, last) = items.split_at(start);
        let dotted = self.quasi_form(span, last).filter(|_| tail.is_none() && start > 0);
        let Some(form) = dotted else {
            return self.elements(items, End { tail, ..End::default() }, span, level);
        };
        let built = self.nested(Form { span: last[0].span, ..form }, last, level)?;
        self.elements(front, End { items: last, tail: None, built }, span, level)
    }

    /// The elements of a list, and how it ends.
    fn elements(&mut self, items: &[Syntax], end: End<'_>, span: Span, level: usize) -> Checked<Built> {
        let parts = items.iter().map(|item| self.part(item, level)).collect::<Checked<Vec<_>>>()?;
        let last = parts.iter().rposition(|part| !matches!(part, Part::Constant));
        if last.is_none() && end.built.is_none() {
            return Ok(None);
        }
        let splices = parts.iter().any(|part| matches!(part, Part::Splice(_)));
        let all = end.built.is_some() || (!splices && end.is_nil());
        let cut = if all { items.len() } else { last.map_or(0, |last| last + 1) };
        let end = self.end_value(&items[cut..], end, span)?;
        let mut pieces = Pieces::default();
        for (part, item) in parts.into_iter().zip(items).take(cut) {
            match part {
                Part::Constant => pieces.elements.push(self.constant(item, item.span)?),
                Part::Value(value) => pieces.elements.push(value),
                Part::Splice(list) => pieces.splice(list, span),
            }
        }
        Ok(Some(pieces.joined(end, span)))
    }

    fn part(&mut self, item: &Syntax, level: usize) -> Checked<Part> {
        let form = item.proper_list().and_then(|items| self.quasi_form(item.span, items));
        match form {
            Some(Form { keyword: Keyword::UnquoteSplicing, args, .. }) if level == 1 => {
                self.expression(&args[0]).map(Part::Splice)
            }
            _ => Ok(self.template(item, level)?.map_or(Part::Constant, Part::Value)),
        }
    }

    /// What follows the last piece; `None` for the empty list.
    fn end_value(&self, constants: &[Syntax], end: End<'_>, span: Span) -> Checked<Built> {
        if end.built.is_some() || (constants.is_empty() && end.is_nil()) {
            return Ok(end.built);
        }
        let items = constants.iter().chain(end.items).cloned().collect();
        let tail = end.tail.cloned().map(Box::new);
        let list = Syntax { span, kind: SyntaxKind::List(items, tail) };
        self.constant(&list, span).map(Some)
    }
}

/// How a list ends: in what was built, else in constant elements and what follows their dot.
#[derive(Default)]
struct End<'s> {
    built: Built,
    items: &'s [Syntax],
    tail: Option<&'s Syntax>,
}

impl End<'_> {
    fn is_nil(&self) -> bool {
        self.built.is_none() && self.items.is_empty() && self.tail.is_none()
    }
}

/// What becomes of an element.
enum Part {
    Constant,
    Value(Expr),
    Splice(Expr),
}

/// The arguments of an `append` in the making.
#[derive(Default)]
struct Pieces {
    lists: Vec<Expr>,
    /// Elements since the last splice.
    elements: Vec<Expr>,
}

impl Pieces {
    fn splice(&mut self, list: Expr, span: Span) {
        self.flush(span);
        self.lists.push(list);
    }

    fn flush(&mut self, span: Span) {
        let elements = std::mem::take(&mut self.elements);
        if !elements.is_empty() {
            self.lists.push(call_known("list", elements, span));
        }
    }

    fn joined(mut self, end: Built, span: Span) -> Expr {
        match end {
            Some(end) if self.lists.is_empty() && self.elements.len() == 1 => {
                self.elements.push(end);
                return call_known("cons", self.elements, span);
            }
            Some(end) => self.splice(end, span),
            None => self.flush(span),
        }
        if self.lists.len() == 1 { self.lists.remove(0) } else { call_known("append", self.lists, span) }
    }
}

fn is_quasi(keyword: Keyword) -> bool {
    matches!(keyword, Keyword::Quasiquote | Keyword::Unquote | Keyword::UnquoteSplicing)
}
