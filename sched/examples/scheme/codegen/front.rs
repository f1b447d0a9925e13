//! The front of a function whose frame is large.
//!
//! A prologue makes the frame and then compares the stack pointer with the limit; what it may use below the limit until then is
//! [`FRAME_BYTES`](crate::scheme::stacks::FRAME_BYTES). A function with a larger frame could reach out of a small stack before it has asked. So callers get
//! its front: a small frame, a check as if the large one were there already, and a tail call.

use cranelift_codegen::CompiledCode;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{BlockArg, InstBuilder};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{FuncId, Module};

use super::emit::PLAIN;
use super::function::Emitted;
use super::glue;
use super::helper::{Helper, REGISTER_ARGUMENTS, scheme_signature};
use super::task::{current_task, pass};
use super::unit::Compiler;
use crate::scheme::frame_table::PendingFunction;
use crate::scheme::machine;

/// Bytes from a function's stack pointer to its frame record.
pub fn frame_bytes(code: &CompiledCode) -> usize {
    code.buffer.frame_layout().map_or(0, |layout| layout.frame_to_fp_offset as usize)
}

/// Emits `id`, which sees to it that `frame` bytes are there, and goes on to `body`.
pub fn emit(
    unit: &mut Compiler,
    id: FuncId,
    body: FuncId,
    frame: usize,
    about: PendingFunction,
) -> Emitted<()> {
    glue::emit(unit, id, scheme_signature(), about, |unit, builder, words| {
        let (slow, go_on) = (builder.create_block(), builder.create_block());
        builder.set_cold_block(slow);
        let all: Vec<_> = words.iter().map(|_| builder.append_block_param(go_on, I64)).collect();
        let task = current_task(builder);
        let limit = builder.ins().load(I64, PLAIN, task, machine::STACK_LIMIT_OFFSET as i32);
        let sp = builder.ins().get_stack_pointer(I64);
        let lowest = builder.ins().iadd_imm_s(sp, -(frame as i64));
        let low = builder.ins().icmp(IntCC::UnsignedLessThan, lowest, limit);
        let as_they_came: Vec<_> = words.iter().map(|word| BlockArg::Value(*word)).collect();
        builder.ins().brif(low, slow, &[], go_on, &as_they_came);

        builder.switch_to_block(slow);
        let check = unit.module.declare_func_in_func(unit.helpers[&Helper::StackCheck], builder.func);
        glue::announce_check(builder, words[1], frame);
        unit.announce(builder, unit.helpers[&Helper::StackCheck]);
        let task = current_task(builder);
        let call = builder.ins().call(check, &[task, words[0], words[2], words[3], words[4], words[5]]);
        let checked = builder.inst_results(call)[0];
        glue::signal_if_failed(unit, builder, checked);
        let mut handed: Vec<_> = (0..=REGISTER_ARGUMENTS).map(|i| glue::register(builder, i)).collect();
        handed.insert(1, words[1]);
        let handed: Vec<_> = handed.into_iter().map(BlockArg::Value).collect();
        builder.ins().jump(go_on, &handed);

        builder.switch_to_block(go_on);
        let body = unit.module.declare_func_in_func(body, builder.func);
        let all = pass(builder, &all);
        builder.ins().return_call(body, &all);
    })
}
