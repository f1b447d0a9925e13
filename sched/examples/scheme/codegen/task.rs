//! How compiled code has its task: in Cranelift's pinned register, or, where Cranelift has none, as a parameter of every function.
//!
//! ```text
//!   x86-64    r15   pinned: no function touches it
//!   AArch64   x21   pinned
//!   RISC-V    a6    the last parameter, after six words
//!   z         r2    the first parameter: there are six registers for them, so the number of arguments waits in the task
//! ```
//!
//! All that the code generator knows of it is here. What is assembly ([`base`](crate::scheme::continuation::base)) keeps the same rule.

use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, Signature};
use cranelift_frontend::FunctionBuilder;

use super::emit::PLAIN;
use crate::scheme::machine::LANGUAGE_OFFSET;
use crate::scheme::runtime::state::TaskState;

/// The ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Pinned,
    Last,
    First,
}

const WAY: Way = if cfg!(target_arch = "riscv64") {
    Way::Last
} else if cfg!(target_arch = "s390x") {
    Way::First
} else {
    Way::Pinned
};

/// Is there a pinned register?
pub const IS_PINNED: bool = matches!(WAY, Way::Pinned);

/// Where the number of arguments waits if it is not passed.
const COUNT: i32 = (LANGUAGE_OFFSET + TaskState::COUNT_OFFSET) as i32;

/// The task, in the function that is being built.
pub fn current_task(builder: &mut FunctionBuilder<'_>) -> ir::Value {
    if IS_PINNED {
        return builder.ins().get_pinned_reg(I64);
    }
    match parameters(builder) {
        [.., last] if WAY == Way::Last => *last,
        all => all[0],
    }
}

/// The parameters of the function that is being built. What is built first is the entry; it may have no instruction yet.
fn parameters<'b>(builder: &'b mut FunctionBuilder<'_>) -> &'b [ir::Value] {
    builder.ensure_inserted_block();
    builder.func.layout.entry_block().map_or(&[], |entry| builder.block_params(entry))
}

/// Adds the task to the signature of a compiled function that takes six words, closure, count and arguments, or none.
pub fn add_parameter(signature: &mut Signature) {
    let takes_count_instead = WAY == Way::First && !signature.params.is_empty();
    signature.params.extend((!IS_PINNED && !takes_count_instead).then(|| AbiParam::new(I64)));
}

/// What a compiled function is called with: `words`, six or none, and the task if it is passed. Directly before the call.
pub fn pass(builder: &mut FunctionBuilder<'_>, words: &[ir::Value]) -> Vec<ir::Value> {
    let task = (!IS_PINNED).then(|| current_task(builder));
    match (WAY, words) {
        (Way::First, [closure, count, arguments @ ..]) => {
            task.into_iter().for_each(|task| _ = builder.ins().store(PLAIN, *count, task, COUNT));
            task.iter().chain([closure]).chain(arguments).copied().collect()
        }
        _ => words.iter().chain(&task).copied().collect(),
    }
}

/// The words that the function has been called with, without the task. At its very beginning.
pub fn received(builder: &mut FunctionBuilder<'_>) -> Vec<ir::Value> {
    let all = parameters(builder).to_vec();
    match (WAY, &all[..]) {
        (Way::Pinned, _) | (_, []) => all,
        (Way::Last, [words @ .., _]) => words.to_vec(),
        (Way::First, [_]) => Vec::new(),
        (Way::First, [task, closure, arguments @ ..]) => {
            let count = builder.ins().load(I64, PLAIN, *task, COUNT);
            [*closure, count].iter().chain(arguments).copied().collect()
        }
    }
}
