//! Global names: what is known of each, and where its value is.
//!
//! A program that defines a name which is bound already gets a variable of its own: the library keeps what it was compiled
//! with.

use std::collections::HashSet;
use std::rc::Rc;

use super::error::CompileError;
use super::unit::{Compiler, Known};
use cranelift_module::FuncId;

use crate::scheme::core::{ExprKind, Lambda};
use crate::scheme::globals::Cell;
use crate::scheme::object::ObjectRef;
use crate::scheme::value::Value;

/// What is bound to a global name.
#[derive(Clone, Copy, Debug)]
pub enum Binding {
    /// A primitive that the program leaves alone: its number.
    Primitive(usize),
    /// One compiled procedure, from its definition on.
    Known {
        /// Where its value is.
        cell: Cell,
        /// Its number.
        lambda: usize,
        /// Is it defined before anything runs?
        always_bound: bool,
    },
    /// Anything. It may be unbound.
    Variable(Cell),
    /// Anything, but never unbound.
    Bound(Cell),
}

impl Compiler {
    /// A new cell for a global that the program defines: a library procedure of the same name stays as it is for
    /// the library.
    pub(super) fn bind(&mut self, name: &Rc<str>) -> Result<(), CompileError> {
        let former = if self.bindings.contains_key(name) { Some(self.binding(name)?) } else { None };
        let value = former.map_or(Ok(Value::UNBOUND), |binding| self.present_value(binding))?;
        if let (true, Some(kept @ (Binding::Variable(_) | Binding::Bound(_)))) =
            (self.may_be_redefined, former)
        {
            // A variable of an earlier program: its users see the new value.
            self.bindings.insert(Rc::clone(name), kept);
            return Ok(());
        }
        let cell = self.globals.add(name, value);
        let known = self.scope.known_global(name).filter(|_| self.is_prelude || !self.may_be_redefined);
        let binding = match (former, known) {
            (Some(_), _) => Binding::Bound(cell),
            (None, Some((lambda, span))) => {
                let (lambda, span, origin) = (Rc::clone(lambda), *span, self.origin());
                self.known.push(Known { lambda, span, origin, is_defined: false });
                Binding::Known { cell, lambda: self.known.len() - 1, always_bound: self.is_prelude }
            }
            (None, None) => Binding::Variable(cell),
        };
        self.bindings.insert(Rc::clone(name), binding);
        Ok(())
    }

    /// The value of a global before anything runs.
    fn present_value(&mut self, binding: Binding) -> Result<Value, CompileError> {
        match binding {
            Binding::Primitive(number) => Ok(self.wrapper(number)?.value()),
            Binding::Known { cell, .. } | Binding::Variable(cell) | Binding::Bound(cell) => {
                Ok(self.globals.get(cell))
            }
        }
    }

    /// Binds `name` to a procedure that has no source.
    pub(super) fn bind_closure(&mut self, name: &str, closure: ObjectRef) {
        let cell = self.globals.add(name, closure.value());
        self.bindings.insert(name.into(), Binding::Bound(cell));
    }

    /// The closure of primitive `number`, made when somebody first wants it as a value.
    pub(super) fn wrapper(&mut self, number: usize) -> Result<ObjectRef, CompileError> {
        if let Some(closure) = self.wrappers.get(&number) {
            return Ok(*closure);
        }
        let arity = self.primitives[number].0.arity;
        let code = super::glue::emit_wrapper(self, number)?;
        let closure = self.new_constant_closure(arity, code)?;
        self.wrappers.insert(number, closure);
        Ok(closure)
    }

    /// The names of all globals that are bound: what a program may use without defining it.
    pub fn global_names(&self) -> HashSet<String> {
        self.bindings.keys().map(|name| name.to_string()).collect()
    }

    /// Is this the definition of a library procedure? Nothing has to run for it.
    pub(super) fn is_defined_early(&self, form: &ExprKind) -> bool {
        let ExprKind::DefineGlobal(name, init) = form else { return false };
        let always_bound = matches!(self.bindings.get(name), Some(Binding::Known { always_bound: true, .. }));
        always_bound && matches!(init.kind, ExprKind::Lambda(_))
    }

    /// The binding of a global name; a new, unbound one if nobody has spoken of it. A library procedure that is
    /// mentioned for the first time is compiled now.
    pub(super) fn binding(&mut self, name: &Rc<str>) -> Result<Binding, CompileError> {
        if !self.bindings.contains_key(name) {
            self.bind(name)?;
        }
        let binding = self.bindings[name];
        if let Binding::Known { cell, lambda, always_bound: true } = binding {
            self.define_known(lambda, cell)?;
        }
        Ok(binding)
    }

    fn define_known(&mut self, number: usize, cell: Cell) -> Result<(), CompileError> {
        let known = &mut self.known[number];
        if std::mem::replace(&mut known.is_defined, true) {
            return Ok(());
        }
        let (lambda, span, origin) = (Rc::clone(&known.lambda), known.span, known.origin.clone());
        let closure = self.within(origin, |unit| unit.constant_closure(&lambda, span))?;
        self.globals.initialise(cell, closure.value());
        Ok(())
    }

    /// The code of a [`Binding::Known`].
    pub(super) fn known_code(&mut self, number: usize) -> Result<FuncId, CompileError> {
        let Known { lambda, span, origin, .. } = &self.known[number];
        let (lambda, span, origin) = (Rc::clone(lambda), *span, origin.clone());
        self.within(origin, |unit| unit.code_of(&lambda, span))
    }

    /// The primitive of that name, whatever the program has bound the name to.
    pub(super) fn primitive_named(&self, name: &str) -> Option<usize> {
        self.primitives.iter().position(|(primitive, _)| primitive.name == name)
    }

    /// The lambda of a [`Binding::Known`].
    pub(super) fn known_lambda(&self, number: usize) -> Rc<Lambda> {
        Rc::clone(&self.known[number].lambda)
    }
}
