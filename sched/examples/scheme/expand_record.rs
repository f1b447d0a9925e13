//! `define-record-type`: definitions of procedures that look into records.
//!
//! ```text
//! (define-record-type point (make-point x y) point? (x point-x set-point-x!) (y point-y))
//!   ->  (define point (%make-record-type 'point '(x y)))
//!       (define (make-point x y) (%record point x y))
//!       (define (point? obj) (%record-of? obj point))
//!       (define (point-x obj) (if (%record-of? obj point) (%record-ref obj 0) (%no-record 'point-x obj point)))
//!       …
//! ```

use std::rc::Rc;

use super::alias::Home;
use super::core::{Datum, Span};
use super::expand::{Expander, Form};
use super::syntax::{Syntax, SyntaxKind};
use super::syntax_error::Checked;

/// A field: its name, and what reads and writes it.
struct Field<'s> {
    name: &'s Rc<str>,
    accessor: Option<&'s Syntax>,
    modifier: Option<&'s Syntax>,
}

impl Expander<'_> {
    /// The definitions that a `define-record-type` stands for.
    pub(super) fn record_type(&mut self, form: Form<'_>) -> Checked<Vec<Syntax>> {
        let [name, constructor, predicate, fields @ ..] = form.args else { return Err(self.bad_form(form)) };
        // (NAME extra …) is how others write it.
        let name = name.proper_list().and_then(<[Syntax]>::first).unwrap_or(name);
        self.name(name, form.keyword)?;
        let fields = fields.iter().map(|field| self.field(field, form)).collect::<Checked<Vec<_>>>()?;
        let mut make = Maker { names: self, span: form.span };
        let mut definitions = vec![make.record_type_itself(name, &fields)];
        match &constructor.kind {
            SyntaxKind::Atom(Datum::Bool(_)) => {}
            SyntaxKind::Atom(_) => {
                let all: Vec<Syntax> =
                    fields.iter().map(|field| Syntax::symbol(form.span, field.name)).collect();
                definitions.push(make.constructor(constructor, &all, name, &fields));
            }
            SyntaxKind::List(items, None) if !items.is_empty() => {
                let known = |item: &Syntax| fields.iter().any(|field| item.name() == Some(field.name));
                if !items[1..].iter().all(known) {
                    return Err(self.bad_form(form));
                }
                definitions.push(make.constructor(&items[0], &items[1..], name, &fields));
            }
            _ => return Err(self.bad_form(form)),
        }
        if predicate.name().is_some() {
            definitions.push(make.predicate(predicate, name));
        }
        for (i, field) in fields.iter().enumerate() {
            definitions.extend(field.accessor.map(|accessor| make.accessor(accessor, name, i)));
            definitions.extend(field.modifier.map(|modifier| make.modifier(modifier, name, i)));
        }
        Ok(definitions)
    }

    fn field<'s>(&self, field: &'s Syntax, form: Form<'_>) -> Checked<Field<'s>> {
        let parts = match &field.kind {
            SyntaxKind::List(items, None) if (1..=3).contains(&items.len()) => items.as_slice(),
            SyntaxKind::Atom(_) => std::slice::from_ref(field),
            _ => return Err(self.bad_form(Form { span: field.span, ..form })),
        };
        Ok(Field {
            name: self.name(&parts[0], form.keyword)?,
            accessor: parts.get(1),
            modifier: parts.get(2),
        })
    }
}

/// Builds definitions whose own words mean the original things.
struct Maker<'x, 'a> {
    names: &'x mut Expander<'a>,
    span: Span,
}

impl Maker<'_, '_> {
    fn word(&mut self, name: &str) -> Syntax {
        Syntax::symbol(self.span, &self.names.aliases.add(&name.into(), Home::Language))
    }

    fn list(&self, items: Vec<Syntax>) -> Syntax {
        Syntax { span: self.span, kind: SyntaxKind::List(items, None) }
    }

    fn call(&mut self, name: &str, arguments: Vec<Syntax>) -> Syntax {
        let items = std::iter::once(self.word(name)).chain(arguments).collect();
        self.list(items)
    }

    fn quoted(&mut self, datum: Syntax) -> Syntax {
        self.call("quote", vec![datum])
    }

    fn number(&self, n: usize) -> Syntax {
        Syntax { span: self.span, kind: SyntaxKind::Atom(Datum::Fixnum(n as i64)) }
    }

    fn procedure(&mut self, name: &Syntax, parameters: &[Syntax], body: Syntax) -> Syntax {
        let head = self.list(std::iter::once(name).chain(parameters).cloned().collect());
        self.call("define", vec![head, body])
    }

    fn record_type_itself(&mut self, name: &Syntax, fields: &[Field<'_>]) -> Syntax {
        let names = self.list(fields.iter().map(|field| Syntax::symbol(self.span, field.name)).collect());
        let (names, quoted) = (self.quoted(names), self.quoted(name.clone()));
        let value = self.call("%make-record-type", vec![quoted, names]);
        self.call("define", vec![name.clone(), value])
    }

    /// Fields that are no parameters are false at first.
    fn constructor(
        &mut self,
        name: &Syntax,
        parameters: &[Syntax],
        record_type: &Syntax,
        fields: &[Field<'_>],
    ) -> Syntax {
        let mut parts = vec![record_type.clone()];
        for field in fields {
            let parameter = parameters.iter().find(|parameter| parameter.name() == Some(field.name));
            let none = Syntax { span: self.span, kind: SyntaxKind::Atom(Datum::Bool(false)) };
            parts.push(parameter.cloned().unwrap_or(none));
        }
        let body = self.call("%record", parts);
        self.procedure(name, parameters, body)
    }

    fn predicate(&mut self, name: &Syntax, record_type: &Syntax) -> Syntax {
        let object = self.word("object");
        let body = self.call("%record-of?", vec![object.clone(), record_type.clone()]);
        self.procedure(name, &[object], body)
    }

    fn accessor(&mut self, name: &Syntax, record_type: &Syntax, index: usize) -> Syntax {
        let (object, index) = (self.word("object"), self.number(index));
        let get = self.call("%record-ref", vec![object.clone(), index]);
        let body = self.checked(name, &object, record_type, get);
        self.procedure(name, &[object], body)
    }

    fn modifier(&mut self, name: &Syntax, record_type: &Syntax, index: usize) -> Syntax {
        let (object, value, index) = (self.word("object"), self.word("value"), self.number(index));
        let set = self.call("%record-set!", vec![object.clone(), index, value.clone()]);
        let body = self.checked(name, &object, record_type, set);
        self.procedure(name, &[object, value], body)
    }

    fn checked(&mut self, name: &Syntax, object: &Syntax, record_type: &Syntax, then: Syntax) -> Syntax {
        let test = self.call("%record-of?", vec![object.clone(), record_type.clone()]);
        let quoted = self.quoted(name.clone());
        let refuse = self.call("%no-record", vec![quoted, object.clone(), record_type.clone()]);
        self.call("if", vec![test, then, refuse])
    }
}
