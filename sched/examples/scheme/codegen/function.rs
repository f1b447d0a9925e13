//! One function while it is being emitted: its variables, its prologue, and the small pieces that all forms use.

use std::collections::HashMap;
use std::rc::Rc;

use cranelift_codegen::CompiledCode;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I64};
use cranelift_codegen::ir::{self, Block, BlockArg, FuncRef, InstBuilder, MemFlagsData, SourceLoc, TrapCode};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{FuncId, Module};

use super::error::CompileError;
use super::glue;
use super::helper::{Helper, REGISTER_ARGUMENTS, scheme_signature};
use super::task;
use super::unit::Compiler;
use crate::scheme::core::{Expr, Lambda, Span, Var};
use crate::scheme::machine;
use crate::scheme::runtime::state::TaskState;
use crate::scheme::value::Value;

/// What emission returns: nothing but errors of the whole compilation stop it.
pub type Emitted<T> = Result<T, CompileError>;

/// A function on its way.
pub struct FunctionCompiler<'u, 'f> {
    pub(super) unit: &'u mut Compiler,
    pub(super) builder: FunctionBuilder<'f>,
    /// Locals of this function: their value, or their box.
    pub(super) locals: HashMap<Var, ir::Value>,
    /// Variables of enclosing functions: index of the field in the closure.
    captured: HashMap<Var, usize>,
    /// This procedure's own closure.
    closure: Option<ir::Value>,
    pub(super) imports: HashMap<FuncId, FuncRef>,
    pub(super) spans: Vec<Span>,
}

impl<'u> FunctionCompiler<'u, '_> {
    /// Compiles a top-level form as a procedure without arguments. Returns its code.
    pub fn thunk(unit: &'u mut Compiler, form: &Expr) -> Emitted<FuncId> {
        let id = unit.declare()?;
        let lambda = Lambda { name: "top level".into(), params: Vec::new(), rest: None, body: form.clone() };
        FunctionCompiler::emit(unit, &lambda, id, form.span, None)?;
        Ok(id)
    }

    /// Compiles `lambda` as function `id`.
    pub fn lambda(unit: &'u mut Compiler, lambda: &Lambda, id: FuncId, span: Span) -> Emitted<()> {
        let captures = unit.scope.captures(lambda);
        FunctionCompiler::emit(unit, lambda, id, span, Some(&captures))
    }

    fn emit(
        unit: &'u mut Compiler,
        lambda: &Lambda,
        id: FuncId,
        span: Span,
        captures: Option<&[Var]>,
    ) -> Emitted<()> {
        let about = unit.about(&lambda.name, span);
        let (mut context, mut builder_context) = unit.contexts();
        context.func.signature = scheme_signature();
        let mut function = FunctionCompiler {
            builder: FunctionBuilder::new(&mut context.func, &mut builder_context),
            locals: HashMap::new(),
            captured: captures.unwrap_or_default().iter().enumerate().map(|(i, var)| (*var, i)).collect(),
            closure: None,
            imports: HashMap::new(),
            spans: Vec::new(),
            unit: &mut *unit,
        };
        function.at(span);
        function.prologue(lambda)?;
        match captures {
            Some(_) => function.tail(&lambda.body)?,
            // A form's last call is no tail call: backtraces shall begin with the form.
            None => function.result(&lambda.body)?,
        }
        function.builder.seal_all_blocks();
        let FunctionCompiler { builder, spans, unit, .. } = function;
        builder.finalize(unit.module.target_config());
        unit.define(id, &mut context, about, &spans)
    }

    /// The stack check, then the parameters.
    ///
    /// The slow path gets the parameters back from memory, so that nothing need be spilled on the fast one.
    fn prologue(&mut self, lambda: &Lambda) -> Emitted<()> {
        let entry = self.builder.create_block();
        self.builder.append_block_params_for_function_params(entry);
        self.builder.switch_to_block(entry);
        let incoming = task::received(&mut self.builder);
        let (body, slow) = (self.builder.create_block(), self.cold_block());
        let task = self.task();
        let limit = self.load(task, machine::STACK_LIMIT_OFFSET);
        let sp = self.builder.ins().get_stack_pointer(I64);
        let low = self.builder.ins().icmp(IntCC::UnsignedLessThan, sp, limit);
        let count = incoming[1];
        let handed: Vec<ir::Value> = [incoming[0]].iter().chain(&incoming[2..]).copied().collect();
        self.branch(low, (slow, &[]), (body, &handed));

        self.builder.switch_to_block(slow);
        glue::announce_check(&mut self.builder, count, 0);
        self.call_helper(Helper::StackCheck, &handed);
        let restored: Vec<ir::Value> = (0..=REGISTER_ARGUMENTS).map(|i| self.task_register(i)).collect();
        self.jump(body, &restored);

        self.builder.switch_to_block(body);
        let values: Vec<ir::Value> = handed.iter().map(|_| self.block_value(body)).collect();
        self.closure = Some(values[0]);
        self.parameters(lambda, count, &values[1..])
    }

    fn parameters(&mut self, lambda: &Lambda, count: ir::Value, registers: &[ir::Value]) -> Emitted<()> {
        let mut values = Vec::new();
        for i in 0..lambda.params.len() {
            values.push(match registers.get(i) {
                Some(value) => *value,
                None => self.buffered_argument(i - REGISTER_ARGUMENTS),
            });
        }
        // The last user of the argument buffer, and the first that may allocate.
        let rest = lambda.rest.map(|var| {
            let required = (lambda.params.len() as i64) << 32;
            let counts = self.builder.ins().bor_imm_s(count, required);
            let arguments: Vec<ir::Value> = [counts].iter().chain(registers).copied().collect();
            (var, self.call_helper_value(Helper::Rest, &arguments))
        });
        for (var, value) in lambda.params.iter().copied().zip(values).chain(rest) {
            self.bind(var, value);
        }
        Ok(())
    }

    fn buffered_argument(&mut self, index: usize) -> ir::Value {
        let task = self.task();
        let buffer = self.load(task, machine::LANGUAGE_OFFSET + TaskState::ARGUMENTS_OFFSET);
        self.load_value(buffer, 8 * index)
    }

    /// Gives a variable its first value: in a box if it needs one.
    pub(super) fn bind(&mut self, var: Var, value: ir::Value) {
        let place = if self.unit.scope.is_boxed(var) { self.new_box(value) } else { value };
        self.locals.insert(var, place);
    }

    pub(super) fn new_box(&mut self, value: ir::Value) -> ir::Value {
        self.call_helper_value(Helper::Box, &[value])
    }

    /// A variable's value, or its box.
    pub(super) fn place(&mut self, var: Var) -> ir::Value {
        if let Some(value) = self.locals.get(&var) {
            return *value;
        }
        let index = self.captured[&var];
        let closure = self.closure.unwrap_or_else(|| self.constant(Value::FALSE));
        self.load_value(closure, 8 * (2 + index))
    }
}
