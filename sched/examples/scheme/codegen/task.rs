//! How compiled code has its task: in Cranelift's pinned register, or, where Cranelift has none, as the last parameter of every function.
//!
//! ```text
//!   x86-64    r15   pinned: no function touches it
//!   AArch64   x21   pinned
//!   RISC-V    a6    the seventh parameter: what calls passes it on
//! ```
//!
//! All that the code generator knows of it is here. What is assembly ([`base`](crate::scheme::continuation::base)) keeps the same rule.

use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, Signature};
use cranelift_frontend::FunctionBuilder;

/// Is there a pinned register?
pub const IS_PINNED: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// The task, in the function that is being built.
pub fn current_task(builder: &mut FunctionBuilder<'_>) -> ir::Value {
    if IS_PINNED {
        return builder.ins().get_pinned_reg(I64);
    }
    // What is built first is the entry; it may have no instruction yet.
    builder.ensure_inserted_block();
    let entry =
        builder.func.layout.entry_block().and_then(|block| builder.block_params(block).last().copied());
    entry.expect("a compiled function begins with a block that has its parameters")
}

/// To be called for the signature of each compiled function, as the last thing.
pub fn add_parameter(signature: &mut Signature) {
    signature.params.extend((!IS_PINNED).then(|| AbiParam::new(I64)));
}

/// The words that a compiled function is called with: `words`, and the task if it is passed.
pub fn pass(builder: &mut FunctionBuilder<'_>, words: &[ir::Value]) -> Vec<ir::Value> {
    let mut all = words.to_vec();
    if !IS_PINNED {
        all.push(current_task(builder));
    }
    all
}
