//! Core expressions as text, for tests: Scheme again, with every local variable numbered.
//!
//! ```text
//! (let ((x 1)) (set! x y))   prints as   (let ((x.0 1)) (set! x.0 y))
//! ```

use super::super::core::{Datum, Expr, ExprKind, Lambda, Program, Var};

/// All forms, one per line.
pub fn program_text(program: &Program) -> String {
    let text = Text { program };
    program.forms.iter().map(|form| text.expr(form)).collect::<Vec<_>>().join("\n")
}

struct Text<'p> {
    program: &'p Program,
}

impl Text<'_> {
    fn expr(&self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Const(Datum::Unspecified) => "(if #f #f)".to_owned(),
            ExprKind::Const(datum @ (Datum::Symbol(_) | Datum::Nil | Datum::Pair(_) | Datum::Vector(_))) => {
                format!("'{}", datum_text(datum))
            }
            ExprKind::Const(datum) => datum_text(datum),
            ExprKind::Local(var) => self.var(*var),
            ExprKind::Global(name) => symbol_text(name),
            ExprKind::SetLocal(var, value) => format!("(set! {} {})", self.var(*var), self.expr(value)),
            ExprKind::SetGlobal(name, value) => format!("(set! {} {})", symbol_text(name), self.expr(value)),
            ExprKind::DefineGlobal(name, value) => {
                format!("(define {} {})", symbol_text(name), self.expr(value))
            }
            ExprKind::If(test, then, otherwise) => {
                format!("(if {} {} {})", self.expr(test), self.expr(then), self.expr(otherwise))
            }
            ExprKind::Begin(parts) => format!("(begin {})", self.all(parts)),
            ExprKind::Let(bindings, body) => self.binding_form("let", bindings, body),
            ExprKind::Letrec(bindings, body) => self.binding_form("letrec*", bindings, body),
            ExprKind::Lambda(lambda) => self.lambda(lambda),
            ExprKind::Call(callee, args) if args.is_empty() => format!("({})", self.expr(callee)),
            ExprKind::Call(callee, args) => format!("({} {})", self.expr(callee), self.all(args)),
        }
    }

    fn all(&self, exprs: &[Expr]) -> String {
        exprs.iter().map(|expr| self.expr(expr)).collect::<Vec<_>>().join(" ")
    }

    fn binding_form(&self, keyword: &str, bindings: &[(Var, Expr)], body: &Expr) -> String {
        let binding = |(var, value): &(Var, Expr)| format!("({} {})", self.var(*var), self.expr(value));
        let bindings = bindings.iter().map(binding).collect::<Vec<_>>().join(" ");
        format!("({keyword} ({bindings}) {})", self.expr(body))
    }

    fn lambda(&self, lambda: &Lambda) -> String {
        let params = lambda.params.iter().map(|&var| self.var(var)).collect::<Vec<_>>().join(" ");
        let formals = match lambda.rest {
            None => format!("({params})"),
            Some(rest) if params.is_empty() => self.var(rest),
            Some(rest) => format!("({params} . {})", self.var(rest)),
        };
        format!("(lambda {formals} {})", self.expr(&lambda.body))
    }

    fn var(&self, var: Var) -> String {
        format!("{}.{}", self.program.vars[var.0 as usize].name, var.0)
    }
}

/// A constant, as it would be written in a source.
pub fn datum_text(datum: &Datum) -> String {
    match datum {
        Datum::Fixnum(n) => n.to_string(),
        Datum::Flonum(f) if f.is_nan() => "+nan.0".to_owned(),
        Datum::Flonum(f) if f.is_infinite() => format!("{f:+}.0"),
        Datum::Flonum(f) => format!("{f:?}"),
        Datum::Bool(true) => "#t".to_owned(),
        Datum::Bool(false) => "#f".to_owned(),
        Datum::Char(c) => format!("#\\x{:x}", *c as u32),
        Datum::String(s) => format!("{s:?}"),
        Datum::Symbol(name) => symbol_text(name),
        Datum::Nil => "()".to_owned(),
        Datum::Unspecified => "#<unspecified>".to_owned(),
        Datum::Pair(_) => format!("({})", list_text(datum)),
        Datum::Exact(n) => super::super::numbers::print::decimal(n),
        Datum::Bytevector(bytes) => format!("#u8{bytes:?}"),
        Datum::Complex(n) => n.in_radix(10).unwrap_or_default(),
        Datum::Labelled(label, datum) => format!("#{label}={}", datum_text(datum)),
        Datum::Reference(label) => format!("#{label}#"),
        Datum::Vector(items) => format!("#({})", items.iter().map(datum_text).collect::<Vec<_>>().join(" ")),
    }
}

fn list_text(mut datum: &Datum) -> String {
    let mut text = String::new();
    while let Datum::Pair(pair) = datum {
        text += if text.is_empty() { "" } else { " " };
        text += &datum_text(&pair.0);
        datum = &pair.1;
    }
    if *datum == Datum::Nil { text } else { format!("{text} . {}", datum_text(datum)) }
}

fn symbol_text(name: &str) -> String {
    let plain = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "()|".contains(c));
    if plain { name.to_owned() } else { format!("|{name}|") }
}
