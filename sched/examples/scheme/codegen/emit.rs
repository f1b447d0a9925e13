//! The small pieces of code that all forms are made of.

use std::rc::Rc;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I64};
use cranelift_codegen::ir::{self, Block, BlockArg, FuncRef, InstBuilder, MemFlagsData, SourceLoc, TrapCode};
use cranelift_module::{FuncId, Module};

use super::function::FunctionCompiler;
use super::helper::Helper;
use super::task;
use crate::scheme::core::Span;
use crate::scheme::machine;
use crate::scheme::runtime::state::TaskState;
use crate::scheme::value::Value;

/// No trap, aligned; may change between two looks.
pub const PLAIN: MemFlagsData = MemFlagsData::trusted();

/// The trap behind calls that do not return.
pub const NEVER: TrapCode = TrapCode::unwrap_user(1);

impl FunctionCompiler<'_, '_> {
    /// Says where the following instructions come from.
    pub(super) fn at(&mut self, span: Span) {
        if self.spans.last() != Some(&span) {
            self.spans.push(span);
        }
        self.builder.set_srcloc(SourceLoc::new(self.spans.len() as u32 - 1));
    }

    pub(super) fn task(&mut self) -> ir::Value {
        task::current_task(&mut self.builder)
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

    /// Calls a C function with the task and `args`. The result, if any, may be a reference; if there is none, the function has failed
    /// and its fault is raised.
    pub(super) fn call_c(&mut self, id: FuncId, args: &[ir::Value]) -> Option<ir::Value> {
        self.unit.announce(&mut self.builder, id);
        let function = self.import(id);
        let all: Vec<ir::Value> = std::iter::once(self.task()).chain(args.iter().copied()).collect();
        let call = self.builder.ins().call(function, &all);
        let result = self.builder.inst_results(call).first().copied();
        result.inspect(|value| {
            self.builder.declare_value_needs_stack_map(*value);
            let (good, failed) = (self.builder.create_block(), self.cold_block());
            self.branch(*value, (good, &[]), (failed, &[]));
            self.builder.switch_to_block(failed);
            self.signal();
            self.builder.switch_to_block(good);
        })
    }

    pub(super) fn call_helper(&mut self, helper: Helper, args: &[ir::Value]) -> Option<ir::Value> {
        self.call_c(self.unit.helpers[&helper], args)
    }

    pub(super) fn call_helper_value(&mut self, helper: Helper, args: &[ir::Value]) -> ir::Value {
        let result = self.call_helper(helper, args);
        result.unwrap_or_else(|| self.constant(Value::UNSPECIFIED))
    }

    /// Calls a helper that always fails.
    pub(super) fn fail(&mut self, helper: Helper, args: &[ir::Value]) {
        self.unit.announce(&mut self.builder, self.unit.helpers[&helper]);
        let function = self.import(self.unit.helpers[&helper]);
        let all: Vec<ir::Value> = std::iter::once(self.task()).chain(args.iter().copied()).collect();
        self.builder.ins().call(function, &all);
        self.signal();
    }

    /// Raises the pending fault. Not a tail call: the frame is where it happened.
    fn signal(&mut self) {
        let signal = self.import(self.unit.signal);
        let words = task::pass(&mut self.builder, &[]);
        self.builder.ins().call(signal, &words);
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
