//! Expressions: for their value, or in tail position.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder};

use super::function::{Emitted, FunctionCompiler};
use super::global::Binding;
use super::helper::Helper;
use crate::scheme::core::{Expr, ExprKind, Span, Var};
use crate::scheme::globals::Cell;
use crate::scheme::value::Value;

impl FunctionCompiler<'_, '_> {
    /// Emits `e` and returns its value.
    pub(super) fn value(&mut self, e: &Expr) -> Emitted<ir::Value> {
        self.at(e.span);
        match &e.kind {
            ExprKind::Const(datum) => {
                let value = self.unit.constants.datum(datum)?;
                Ok(self.constant(value))
            }
            ExprKind::Local(var) => self.local(*var, e.span),
            ExprKind::Global(name) => {
                let binding = self.unit.binding(name)?;
                self.global(binding)
            }
            ExprKind::SetLocal(var, init) => self.set_local(*var, init),
            ExprKind::SetGlobal(name, init) => {
                let binding = self.unit.binding(name)?;
                self.set_global(binding, init, e.span)
            }
            ExprKind::DefineGlobal(name, init) => {
                let binding = self.unit.binding(name)?;
                self.define_global(binding, init)
            }
            ExprKind::If(condition, yes, no) => self.conditional(condition, yes, no),
            ExprKind::Begin(all) => self.sequence(all),
            ExprKind::Let(bindings, body) => {
                self.bind_let(bindings)?;
                self.value(body)
            }
            ExprKind::Letrec(bindings, body) => {
                self.bind_letrec(bindings)?;
                self.value(body)
            }
            ExprKind::Lambda(lambda) => self.lambda_value(lambda, e.span),
            ExprKind::Call(callee, args) => self.call(callee, args, e.span),
        }
    }

    /// Emits `e` as the last thing that this procedure does: returns its value, or tail-calls.
    pub(super) fn tail(&mut self, e: &Expr) -> Emitted<()> {
        self.at(e.span);
        match &e.kind {
            ExprKind::If(condition, yes, no) => {
                let (then, otherwise) = (self.builder.create_block(), self.builder.create_block());
                self.test(condition, then, otherwise)?;
                self.builder.switch_to_block(then);
                self.tail(yes)?;
                self.builder.switch_to_block(otherwise);
                self.tail(no)
            }
            ExprKind::Begin(all) => {
                let Some((last, first)) = all.split_last() else {
                    return self.return_value(Value::UNSPECIFIED);
                };
                first.iter().try_for_each(|e| self.value(e).map(drop))?;
                self.tail(last)
            }
            ExprKind::Let(bindings, body) => {
                self.bind_let(bindings)?;
                self.tail(body)
            }
            ExprKind::Letrec(bindings, body) => {
                self.bind_letrec(bindings)?;
                self.tail(body)
            }
            ExprKind::Call(callee, args) => self.tail_call(callee, args, e.span),
            _ => self.result(e),
        }
    }

    /// Emits `e` and returns its value.
    pub(super) fn result(&mut self, e: &Expr) -> Emitted<()> {
        let value = self.value(e)?;
        self.builder.ins().return_(&[value]);
        Ok(())
    }

    fn return_value(&mut self, value: Value) -> Emitted<()> {
        let value = self.constant(value);
        self.builder.ins().return_(&[value]);
        Ok(())
    }

    fn sequence(&mut self, all: &[Expr]) -> Emitted<ir::Value> {
        let mut value = self.constant(Value::UNSPECIFIED);
        for e in all {
            value = self.value(e)?;
        }
        Ok(value)
    }

    fn conditional(&mut self, condition: &Expr, yes: &Expr, no: &Expr) -> Emitted<ir::Value> {
        let (then, otherwise) = (self.builder.create_block(), self.builder.create_block());
        let join = self.builder.create_block();
        self.test(condition, then, otherwise)?;
        for (block, e) in [(then, yes), (otherwise, no)] {
            self.builder.switch_to_block(block);
            let value = self.value(e)?;
            self.jump(join, &[value]);
        }
        self.builder.switch_to_block(join);
        Ok(self.block_value(join))
    }

    fn local(&mut self, var: Var, span: Span) -> Emitted<ir::Value> {
        if let Some(lambda) = self.unit.scope.closed(var).cloned() {
            let closure = self.unit.constant_closure(&lambda, span)?;
            return Ok(self.constant(closure.value()));
        }
        let place = self.place(var);
        if !self.unit.scope.is_boxed(var) {
            return Ok(place);
        }
        let value = self.load_value(place, 8);
        if self.unit.scope.is_early(var) {
            let name = self.unit.var_names[var.0 as usize].clone();
            let symbol = self.unit.constants.symbol(&name)?;
            self.check_not(Value::UNASSIGNED, value, Helper::Unassigned, symbol.0 as i64);
        }
        Ok(value)
    }

    fn set_local(&mut self, var: Var, init: &Expr) -> Emitted<ir::Value> {
        let value = self.value(init)?;
        let place = self.place(var);
        self.store_with_barrier(value, place, 8);
        Ok(self.constant(Value::UNSPECIFIED))
    }

    /// The value of a global; an error if it has none.
    fn global(&mut self, binding: Binding) -> Emitted<ir::Value> {
        match binding {
            Binding::Primitive(number) => {
                let closure = self.unit.wrapper(number)?;
                Ok(self.constant(closure.value()))
            }
            Binding::Known { cell, always_bound: true, .. } | Binding::Bound(cell) => {
                Ok(self.load_cell(cell))
            }
            Binding::Known { cell, .. } | Binding::Variable(cell) => Ok(self.load_bound(cell)),
        }
    }

    fn load_cell(&mut self, cell: Cell) -> ir::Value {
        let address = self.word(self.unit.globals.address(cell) as i64);
        self.load_value(address, 0)
    }

    /// Loads a global and checks that it has a value.
    pub(super) fn load_bound(&mut self, cell: Cell) -> ir::Value {
        let value = self.load_cell(cell);
        self.check_not(Value::UNBOUND, value, Helper::Unbound, cell.index() as i64);
        value
    }

    /// Fails through `helper` if `value` is the marker.
    fn check_not(&mut self, marker: Value, value: ir::Value, helper: Helper, about: i64) {
        let (bad, good) = (self.cold_block(), self.builder.create_block());
        self.branch_if(IntCC::Equal, value, marker.0 as i64, bad, good);
        self.builder.switch_to_block(bad);
        let about = self.word(about);
        self.fail(helper, &[about]);
        self.builder.switch_to_block(good);
    }

    fn set_global(&mut self, binding: Binding, init: &Expr, span: Span) -> Emitted<ir::Value> {
        let value = self.value(init)?;
        self.at(span);
        if let Binding::Known { cell, .. } | Binding::Variable(cell) = binding {
            self.load_bound(cell);
        }
        self.store_global(binding, value)
    }

    fn define_global(&mut self, binding: Binding, init: &Expr) -> Emitted<ir::Value> {
        let value = self.value(init)?;
        self.store_global(binding, value)
    }

    fn store_global(&mut self, binding: Binding, value: ir::Value) -> Emitted<ir::Value> {
        if let Binding::Known { cell, .. } | Binding::Variable(cell) | Binding::Bound(cell) = binding {
            let address = self.word(self.unit.globals.address(cell) as i64);
            self.store_with_barrier(value, address, 0);
        }
        Ok(self.constant(Value::UNSPECIFIED))
    }
}
