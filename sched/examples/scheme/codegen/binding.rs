//! `let`, `letrec` and closures.

use std::rc::Rc;

use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{self, InstBuilder};

use super::emit::PLAIN;
use super::function::{Emitted, FunctionCompiler};
use super::helper::Helper;
use super::unit::arity_of;
use crate::scheme::core::{Expr, Lambda, Span, Var};
use crate::scheme::object::Header;
use crate::scheme::value::Value;

impl FunctionCompiler<'_, '_> {
    /// All initialisers see the variables outside: they are evaluated before any is bound.
    pub(super) fn bind_let(&mut self, bindings: &[(Var, Expr)]) -> Emitted<()> {
        let values: Emitted<Vec<ir::Value>> = bindings.iter().map(|(_, init)| self.value(init)).collect();
        for ((var, _), value) in bindings.iter().zip(values?) {
            self.bind(*var, value);
        }
        Ok(())
    }

    /// Boxes first, since anything may mention them; then in order, lambdas that stand together at the same time.
    pub(super) fn bind_letrec(&mut self, bindings: &[(Var, Expr)]) -> Emitted<()> {
        for (var, _) in bindings {
            if self.unit.scope.is_boxed(*var) {
                let marker = self.constant(Value::UNASSIGNED);
                let place = self.new_box(marker);
                self.locals.insert(*var, place);
            }
        }
        let mut rest = bindings;
        while !rest.is_empty() {
            let group = rest.iter().take_while(|(var, _)| self.unit.scope.known(*var).is_some()).count();
            self.bind_procedures(&rest[..group])?;
            rest = &rest[group..];
            if let Some(((var, init), others)) = rest.split_first() {
                self.bind_value(*var, init)?;
                rest = others;
            }
        }
        Ok(())
    }

    fn bind_value(&mut self, var: Var, init: &Expr) -> Emitted<()> {
        let value = self.value(init)?;
        if self.unit.scope.is_boxed(var) {
            let place = self.place(var);
            self.store_with_barrier(value, place, 8);
        } else {
            self.locals.insert(var, value);
        }
        Ok(())
    }

    /// Makes closures that mention each other: all of them, then what they capture.
    fn bind_procedures(&mut self, group: &[(Var, Expr)]) -> Emitted<()> {
        let open: Vec<(Var, Rc<Lambda>, Span)> = group
            .iter()
            .filter(|(var, _)| self.unit.scope.closed(*var).is_none())
            .filter_map(|(var, init)| Some((*var, Rc::clone(self.unit.scope.known(*var)?), init.span)))
            .collect();
        for (var, lambda, span) in &open {
            let closure = self.new_closure(lambda, *span)?;
            self.locals.insert(*var, closure);
        }
        for (var, lambda, _) in &open {
            let closure = self.place(*var);
            self.fill_closure(closure, lambda);
        }
        Ok(())
    }

    /// A procedure as a value.
    pub(super) fn lambda_value(&mut self, lambda: &Rc<Lambda>, span: Span) -> Emitted<ir::Value> {
        if self.unit.scope.captures(lambda).is_empty() {
            let closure = self.unit.constant_closure(lambda, span)?;
            return Ok(self.constant(closure.value()));
        }
        let closure = self.new_closure(lambda, span)?;
        self.fill_closure(closure, lambda);
        Ok(closure)
    }

    fn new_closure(&mut self, lambda: &Rc<Lambda>, span: Span) -> Emitted<ir::Value> {
        let code = self.unit.code_of(lambda, span)?;
        let captures = self.unit.scope.captures(lambda).len() as u32;
        let header = self.word(Header::closure(arity_of(lambda), captures).0 as i64);
        let function = self.import(code);
        let address = self.builder.ins().func_addr(I64, function);
        Ok(self.call_helper_value(Helper::Closure, &[header, address]))
    }

    /// Stores what a closure captures: an initialising store, but for the closures of a group that were made
    /// before a safepoint. So with the barrier.
    fn fill_closure(&mut self, closure: ir::Value, lambda: &Lambda) {
        let captures = self.unit.scope.captures(lambda);
        let values: Vec<ir::Value> = captures.iter().map(|var| self.place(*var)).collect();
        for (i, value) in values.iter().enumerate() {
            self.builder.ins().store(PLAIN, *value, closure, 8 * (2 + i as i32));
        }
        self.shade(&values);
    }
}
