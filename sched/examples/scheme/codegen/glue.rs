//! Code that no source stands behind: the program as a whole, `apply`, primitives as values, and what raises their faults.

use std::rc::Rc;

use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{self, InstBuilder, Signature};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{FuncId, Module};

use super::emit::{NEVER, PLAIN};
use super::error::CompileError;
use super::function::Emitted;
use super::global::Binding;
use super::helper::{Helper, REGISTER_ARGUMENTS, scheme_signature, signal_signature};
use super::task::{current_task, pass, received};
use super::unit::{Compiler, primitive_signature};
use crate::scheme::continuation::base;
use crate::scheme::core::Span;
use crate::scheme::frame_table::PendingFunction;
use crate::scheme::machine;
use crate::scheme::object::Arity;
use crate::scheme::runtime::state::TaskState;
use crate::scheme::value::Value;

/// The prelude's procedure that is called with each condition.
const RAISE: &str = "%raise-fault";

/// Binds the procedures that have no source.
pub fn bind_all(unit: &mut Compiler) -> Emitted<()> {
    let apply = emit_apply(unit)?;
    let closure = unit.new_constant_closure(Arity::AtLeast(2), apply)?;
    unit.bind_closure("apply", closure);
    for (name, arity, code) in [("%call/cc", 2, base::call_cc_code()), ("%resume", 0, base::resume_code())] {
        let closure = unit.constants.native_closure(Arity::Exactly(arity), code)?;
        unit.bind_closure(name, closure);
    }
    Ok(())
}

/// Makes a condition of the task's pending fault and tail-calls the prelude's procedure with it.
pub fn emit_signal(unit: &mut Compiler) -> Emitted<()> {
    let helper = unit.helpers[&Helper::Condition];
    let Binding::Known { cell, .. } = unit.binding(&RAISE.into())? else {
        return Err(CompileError::backend(format!("the prelude defines no procedure {RAISE}")));
    };
    let cell = unit.globals.address(cell) as i64;
    emit(unit, unit.signal, signal_signature(), nameless("signal"), |unit, builder, _| {
        unit.announce(builder, helper);
        let function = unit.module.declare_func_in_func(helper, builder.func);
        let task = current_task(builder);
        let call = builder.ins().call(function, &[task]);
        let condition = builder.inst_results(call)[0];
        let address = builder.ins().iconst(I64, cell);
        let closure = builder.ins().load(I64, PLAIN, address, 0);
        let code = builder.ins().load(I64, PLAIN, closure, 8);
        let (one, filler) = (builder.ins().iconst(I64, 1), builder.ins().iconst(I64, Value::FALSE.0 as i64));
        let signature = builder.import_signature(scheme_signature());
        let words = pass(builder, &[closure, one, condition, filler, filler, filler]);
        builder.ins().return_call_indirect(signature, code, &words);
    })
}

/// Calls the top-level forms one after the other. They are part of what a continuation goes on with, so this is compiled code.
pub fn emit_program(unit: &mut Compiler) -> Emitted<FuncId> {
    let id = unit.declare()?;
    let thunks = unit.thunks().to_vec();
    emit(unit, id, scheme_signature(), nameless("program"), |unit, builder, _| {
        let (none, filler) = (builder.ins().iconst(I64, 0), builder.ins().iconst(I64, Value::FALSE.0 as i64));
        let words = pass(builder, &[filler, none, filler, filler, filler, filler]);
        let mut value = builder.ins().iconst(I64, Value::UNSPECIFIED.0 as i64);
        for thunk in thunks {
            let function = unit.module.declare_func_in_func(thunk, builder.func);
            let call = builder.ins().call(function, &words);
            value = builder.inst_results(call)[0];
        }
        builder.ins().return_(&[value]);
    })?;
    Ok(id)
}

/// `apply`: a helper spreads the arguments over the task's registers and buffer, then a tail call.
fn emit_apply(unit: &mut Compiler) -> Emitted<FuncId> {
    let id = unit.declare()?;
    let helper = unit.helpers[&Helper::Apply];
    emit(unit, id, scheme_signature(), nameless("apply"), |unit, builder, words| {
        unit.announce(builder, helper);
        let function = unit.module.declare_func_in_func(helper, builder.func);
        let task = current_task(builder);
        let call = builder.ins().call(function, &[task, words[1], words[2], words[3], words[4], words[5]]);
        let counted = builder.inst_results(call)[0];
        signal_if_failed(unit, builder, counted);
        let count = builder.ins().iadd_imm_s(counted, -1);
        let mut out = vec![register(builder, 0), count];
        out.extend((1..=REGISTER_ARGUMENTS).map(|i| register(builder, i)));
        let code = builder.ins().load(I64, PLAIN, out[0], 8);
        let signature = builder.import_signature(scheme_signature());
        let out = pass(builder, &out);
        builder.ins().return_call_indirect(signature, code, &out);
    })?;
    Ok(id)
}

/// A primitive with the Scheme convention.
pub fn emit_wrapper(unit: &mut Compiler, number: usize) -> Emitted<FuncId> {
    let id = unit.declare()?;
    let (primitive, code) = unit.primitives[number].clone();
    let parameters = primitive_signature(&primitive).params.len();
    // The closure goes, the count only for those that take any number.
    let skip = if matches!(primitive.arity, Arity::Exactly(_)) { 2 } else { 1 };
    emit(unit, id, scheme_signature(), nameless(primitive.name), |unit, builder, words| {
        unit.announce(builder, code);
        let function = unit.module.declare_func_in_func(code, builder.func);
        let task = current_task(builder);
        let arguments = words.iter().copied().skip(skip);
        let all: Vec<ir::Value> = std::iter::once(task).chain(arguments).take(parameters).collect();
        let call = builder.ins().call(function, &all);
        let value = builder.inst_results(call)[0];
        signal_if_failed(unit, builder, value);
        builder.ins().return_(&[value]);
    })?;
    Ok(id)
}

/// To be emitted before a stack check: tells it how many arguments there are, and how much room is needed below the frame.
pub(super) fn announce_check(builder: &mut FunctionBuilder<'_>, count: ir::Value, room: usize) {
    let task = current_task(builder);
    let room = builder.ins().iconst(I64, room as i64);
    let at = |offset: usize| (machine::LANGUAGE_OFFSET + offset) as i32;
    builder.ins().store(PLAIN, count, task, at(TaskState::COUNT_OFFSET));
    builder.ins().store(PLAIN, room, task, at(TaskState::ROOM_OFFSET));
}

/// A word that a helper has left in the task: 0 is a closure, then arguments.
pub(super) fn register(builder: &mut FunctionBuilder<'_>, index: usize) -> ir::Value {
    let task = current_task(builder);
    let offset = machine::LANGUAGE_OFFSET + TaskState::REGISTERS_OFFSET + 8 * index;
    builder.ins().load(I64, PLAIN, task, offset as i32)
}

/// Raises the pending fault if a helper has returned nothing.
pub(super) fn signal_if_failed(unit: &mut Compiler, builder: &mut FunctionBuilder<'_>, result: ir::Value) {
    let (good, failed) = (builder.create_block(), builder.create_block());
    builder.set_cold_block(failed);
    builder.ins().brif(result, good, &[], failed, &[]);
    builder.switch_to_block(failed);
    let signal = unit.module.declare_func_in_func(unit.signal, builder.func);
    let words = pass(builder, &[]);
    builder.ins().call(signal, &words);
    builder.ins().trap(NEVER);
    builder.switch_to_block(good);
}

pub(super) fn nameless(name: &str) -> PendingFunction {
    PendingFunction {
        name: Rc::from(name),
        file: None,
        is_prelude: false,
        span: Span::default(),
        is_managed: true,
        size: 0,
        sites: Vec::new(),
        places: Vec::new(),
    }
}

/// A function that `body` fills.
pub(super) fn emit(
    unit: &mut Compiler,
    id: FuncId,
    signature: Signature,
    about: PendingFunction,
    body: impl FnOnce(&mut Compiler, &mut FunctionBuilder<'_>, &[ir::Value]),
) -> Emitted<()> {
    let (mut context, mut builder_context) = unit.contexts();
    context.func.signature = signature;
    let mut builder = FunctionBuilder::new(&mut context.func, &mut builder_context);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    let words = received(&mut builder);
    body(unit, &mut builder, &words);
    builder.seal_all_blocks();
    builder.finalize(unit.module.target_config());
    unit.define(id, &mut context, about, &[])
}
