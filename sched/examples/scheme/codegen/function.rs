//! One function while it is being emitted: its variables, its prologue, and the small pieces that all forms use.

use std::collections::HashMap;
use std::rc::Rc;

use cranelift_codegen::CompiledCode;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I64};
use cranelift_codegen::ir::{self, Block, BlockArg, FuncRef, InstBuilder, MemFlagsData, SourceLoc, TrapCode};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{FuncId, Module};

use super::helper::{Helper, REGISTER_ARGUMENTS, scheme_signature};
use super::unit::{CompileError, Compiler};
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
    imports: HashMap<FuncId, FuncRef>,
    spans: Vec<Span>,
}

/// No trap, aligned; may change between two looks.
pub const PLAIN: MemFlagsData = MemFlagsData::trusted();

/// The trap behind calls that do not return.
const NEVER: TrapCode = TrapCode::unwrap_user(1);

impl<'u> FunctionCompiler<'u, '_> {
    /// Compiles a top-level form as a procedure without arguments. Returns its code.
    pub fn thunk(unit: &'u mut Compiler, form: &Expr) -> Emitted<FuncId> {
        let id = unit.declare()?;
        let lambda = Lambda { name: "top level".into(), params: Vec::new(), rest: None, body: form.clone() };
        FunctionCompiler::emit(unit, &lambda, id, form.span, &[])?;
        Ok(id)
    }

    /// Compiles `lambda` as function `id`.
    pub fn lambda(unit: &'u mut Compiler, lambda: &Lambda, id: FuncId, span: Span) -> Emitted<()> {
        let captures = unit.scope.captures(lambda);
        FunctionCompiler::emit(unit, lambda, id, span, &captures)
    }

    fn emit(
        unit: &'u mut Compiler,
        lambda: &Lambda,
        id: FuncId,
        span: Span,
        captures: &[Var],
    ) -> Emitted<()> {
        let about = unit.about(&lambda.name, span);
        let (mut context, mut builder_context) = unit.contexts();
        context.func.signature = scheme_signature();
        let mut function = FunctionCompiler {
            builder: FunctionBuilder::new(&mut context.func, &mut builder_context),
            locals: HashMap::new(),
            captured: captures.iter().enumerate().map(|(i, var)| (*var, i)).collect(),
            closure: None,
            imports: HashMap::new(),
            spans: Vec::new(),
            unit: &mut *unit,
        };
        function.at(span);
        function.prologue(lambda)?;
        function.tail(&lambda.body)?;
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
        let incoming = self.builder.block_params(entry).to_vec();
        let (body, slow) = (self.builder.create_block(), self.cold_block());
        let task = self.task();
        let limit = self.load(task, machine::STACK_LIMIT_OFFSET);
        let sp = self.builder.ins().get_stack_pointer(I64);
        let low = self.builder.ins().icmp(IntCC::UnsignedLessThan, sp, limit);
        let count = incoming[1];
        let handed: Vec<ir::Value> = [incoming[0]].iter().chain(&incoming[2..]).copied().collect();
        self.branch(low, (slow, &[]), (body, &handed));

        self.builder.switch_to_block(slow);
        self.call_helper(
            Helper::StackCheck,
            &[incoming[0], count, handed[1], handed[2], handed[3], handed[4]],
        );
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

    /// Says where the following instructions come from.
    pub(super) fn at(&mut self, span: Span) {
        if self.spans.last() != Some(&span) {
            self.spans.push(span);
        }
        self.builder.set_srcloc(SourceLoc::new(self.spans.len() as u32 - 1));
    }

    pub(super) fn task(&mut self) -> ir::Value {
        self.builder.ins().get_pinned_reg(I64)
    }

    pub(super) fn word(&mut self, n: i64) -> ir::Value {
        self.builder.ins().iconst(I64, n)
    }

    pub(super) fn constant(&mut self, value: Value) -> ir::Value {
        self.word(value.0 as i64)
    }

    /// Loads a word that is not a value.
    pub(super) fn load(&mut self, base: ir::Value, offset: usize) -> ir::Value {
        self.builder.ins().load(I64, PLAIN, base, offset as i32)
    }

    /// Loads a value, which may be a reference.
    pub(super) fn load_value(&mut self, base: ir::Value, offset: usize) -> ir::Value {
        let value = self.load(base, offset);
        self.builder.declare_value_needs_stack_map(value);
        value
    }

    /// A register that a helper has set: 0 is a closure, then arguments.
    pub(super) fn task_register(&mut self, index: usize) -> ir::Value {
        let task = self.task();
        self.load(task, machine::LANGUAGE_OFFSET + TaskState::REGISTERS_OFFSET + 8 * index)
    }

    /// Stores a value into the heap or a global, with the write barrier.
    pub(super) fn store_with_barrier(&mut self, value: ir::Value, base: ir::Value, offset: usize) {
        self.builder.ins().store(PLAIN, value, base, offset as i32);
        self.shade(&[value]);
    }

    /// Shows values that were just stored to the collector, if it marks (I3).
    pub(super) fn shade(&mut self, values: &[ir::Value]) {
        let (slow, done) = (self.cold_block(), self.builder.create_block());
        let address = self.word(self.unit.barrier_flag as i64);
        let flag = self.builder.ins().load(I8, PLAIN, address, 0);
        self.branch(flag, (slow, &[]), (done, &[]));
        self.builder.switch_to_block(slow);
        for value in values {
            self.call_helper(Helper::Shade, &[*value]);
        }
        self.jump(done, &[]);
        self.builder.switch_to_block(done);
    }

    pub(super) fn cold_block(&mut self) -> Block {
        let block = self.builder.create_block();
        self.builder.set_cold_block(block);
        block
    }

    /// A parameter of `block` that may be a reference.
    pub(super) fn block_value(&mut self, block: Block) -> ir::Value {
        let value = self.builder.append_block_param(block, I64);
        self.builder.declare_value_needs_stack_map(value);
        value
    }

    pub(super) fn jump(&mut self, block: Block, args: &[ir::Value]) {
        self.builder.ins().jump(block, &block_args(args));
    }

    pub(super) fn branch(
        &mut self,
        condition: ir::Value,
        yes: (Block, &[ir::Value]),
        no: (Block, &[ir::Value]),
    ) {
        self.builder.ins().brif(condition, yes.0, &block_args(yes.1), no.0, &block_args(no.1));
    }

    /// Branches if `a` compares so to the constant `b`.
    pub(super) fn branch_if(&mut self, cc: IntCC, a: ir::Value, b: i64, yes: Block, no: Block) {
        let condition = self.builder.ins().icmp_imm_s(cc, a, b);
        self.branch(condition, (yes, &[]), (no, &[]));
    }

    pub(super) fn import(&mut self, id: FuncId) -> FuncRef {
        if let Some(function) = self.imports.get(&id) {
            return *function;
        }
        let function = self.unit.module.declare_func_in_func(id, self.builder.func);
        self.imports.insert(id, function);
        function
    }

    /// Calls a C function with the task and `args`. The result, if any, may be a reference.
    pub(super) fn call_c(&mut self, id: FuncId, args: &[ir::Value]) -> Option<ir::Value> {
        let function = self.import(id);
        let all: Vec<ir::Value> = std::iter::once(self.task()).chain(args.iter().copied()).collect();
        let call = self.builder.ins().call(function, &all);
        let result = self.builder.inst_results(call).first().copied();
        result.inspect(|value| self.builder.declare_value_needs_stack_map(*value))
    }

    pub(super) fn call_helper(&mut self, helper: Helper, args: &[ir::Value]) -> Option<ir::Value> {
        self.call_c(self.unit.helpers[&helper], args)
    }

    pub(super) fn call_helper_value(&mut self, helper: Helper, args: &[ir::Value]) -> ir::Value {
        let result = self.call_helper(helper, args);
        result.unwrap_or_else(|| self.constant(Value::UNSPECIFIED))
    }

    /// Calls a helper that does not return.
    pub(super) fn fail(&mut self, helper: Helper, args: &[ir::Value]) {
        self.call_helper(helper, args);
        self.never();
    }

    /// Ends a block that is never left.
    pub(super) fn never(&mut self) {
        self.builder.ins().trap(NEVER);
    }

    pub(super) fn file(&self) -> Rc<str> {
        Rc::clone(&self.unit.file)
    }
}

fn block_args(values: &[ir::Value]) -> Vec<BlockArg> {
    values.iter().map(|value| BlockArg::Value(*value)).collect()
}

/// Every call of a compiled function: offset of its return address, root slots, place.
pub fn sites(code: &CompiledCode, spans: &[Span]) -> Vec<(u32, Vec<u32>, Span)> {
    let places = code.buffer.get_srclocs_sorted();
    let maps = code.buffer.user_stack_maps();
    let describe = |return_offset: u32| {
        // The call itself lies before its return address.
        let place = places.iter().find(|p| p.start < return_offset && return_offset <= p.end);
        let index = place.map_or(usize::MAX, |p| p.loc.bits() as usize);
        let map = maps.iter().find(|(offset, ..)| *offset == return_offset);
        let slots = map.map_or(Vec::new(), |(_, _, map)| map.entries().map(|(_, at)| at).collect());
        (return_offset, slots, spans.get(index).copied().unwrap_or_default())
    };
    code.buffer.call_sites().map(|site| describe(site.ret_addr)).collect()
}
