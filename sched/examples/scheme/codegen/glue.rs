//! Code that no source stands behind: the way in from Rust, `apply`, and primitives as values.

use std::rc::Rc;

use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{self, InstBuilder, Signature};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{FuncId, Linkage, Module};

use super::emit::PLAIN;
use super::error::CompileError;
use super::function::Emitted;
use super::helper::{Helper, REGISTER_ARGUMENTS, c_signature, scheme_signature};
use super::unit::{Compiler, primitive_signature};
use crate::scheme::core::Span;
use crate::scheme::frame_table::PendingFunction;
use crate::scheme::machine;
use crate::scheme::object::Arity;
use crate::scheme::runtime::state::TaskState;
use crate::scheme::value::Value;

/// The functions that every program needs.
#[derive(Clone, Copy, Debug)]
pub struct Glue {
    /// `extern "C" fn(task, code, closure) -> value`: calls a procedure without arguments.
    pub entry: FuncId,
}

impl Glue {
    /// Emits them and binds `apply`.
    pub fn emit(unit: &mut Compiler) -> Emitted<Glue> {
        let apply = emit_apply(unit)?;
        let closure = unit.new_constant_closure(Arity::AtLeast(2), apply)?;
        unit.bind_closure("apply", closure);
        Ok(Glue { entry: emit_entry(unit)? })
    }
}

/// Sets r15 to the task and calls. Its frame keeps Rust's r15, so nobody vouches for it.
fn emit_entry(unit: &mut Compiler) -> Emitted<FuncId> {
    let signature = c_signature(3, true);
    let declared = unit.module.declare_function("enter", Linkage::Local, &signature);
    let id = declared.map_err(CompileError::backend)?;
    let about = PendingFunction { is_managed: false, ..nameless("enter") };
    emit(unit, id, signature, about, |_, builder, words| {
        let saved = builder.ins().get_pinned_reg(I64);
        builder.ins().set_pinned_reg(words[0]);
        let target = builder.import_signature(scheme_signature());
        let (none, filler) = (builder.ins().iconst(I64, 0), builder.ins().iconst(I64, Value::FALSE.0 as i64));
        let call =
            builder.ins().call_indirect(target, words[1], &[words[2], none, filler, filler, filler, filler]);
        let value = builder.inst_results(call)[0];
        builder.ins().set_pinned_reg(saved);
        builder.ins().return_(&[value]);
    })?;
    Ok(id)
}

/// `apply`: a helper spreads the arguments over the task's registers and buffer, then a tail call.
fn emit_apply(unit: &mut Compiler) -> Emitted<FuncId> {
    let id = unit.declare()?;
    let helper = unit.helpers[&Helper::Apply];
    emit(unit, id, scheme_signature(), nameless("apply"), |unit, builder, words| {
        let function = unit.module.declare_func_in_func(helper, builder.func);
        let task = builder.ins().get_pinned_reg(I64);
        let call = builder.ins().call(function, &[task, words[1], words[2], words[3], words[4], words[5]]);
        let count = builder.inst_results(call)[0];
        let register = |builder: &mut FunctionBuilder<'_>, index: usize| {
            let offset = machine::LANGUAGE_OFFSET + TaskState::REGISTERS_OFFSET + 8 * index;
            builder.ins().load(I64, PLAIN, task, offset as i32)
        };
        let mut out = vec![register(builder, 0), count];
        out.extend((1..=REGISTER_ARGUMENTS).map(|i| register(builder, i)));
        let code = builder.ins().load(I64, PLAIN, out[0], 8);
        let signature = builder.import_signature(scheme_signature());
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
        let function = unit.module.declare_func_in_func(code, builder.func);
        let task = builder.ins().get_pinned_reg(I64);
        let arguments = words.iter().copied().skip(skip);
        let all: Vec<ir::Value> = std::iter::once(task).chain(arguments).take(parameters).collect();
        let call = builder.ins().call(function, &all);
        let value = builder.inst_results(call)[0];
        builder.ins().return_(&[value]);
    })?;
    Ok(id)
}

fn nameless(name: &str) -> PendingFunction {
    PendingFunction {
        name: Rc::from(name),
        file: None,
        is_prelude: false,
        span: Span::default(),
        is_managed: true,
        size: 0,
        sites: Vec::new(),
    }
}

/// One block of straight-line code.
fn emit(
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
    let words = builder.block_params(block).to_vec();
    body(unit, &mut builder, &words);
    builder.seal_all_blocks();
    builder.finalize(unit.module.target_config());
    unit.define(id, &mut context, about, &[])
}
