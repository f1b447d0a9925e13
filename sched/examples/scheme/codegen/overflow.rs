//! Signed arithmetic that tells whether the result fits 64 bits.
//!
//! Cranelift has it as one instruction, but for RISC-V, whose processors have no overflow flag. There the flag is made of what other instructions say:
//!
//! ```text
//!   a + b = s    overflows if s has another sign than both          (s ^ a) & (s ^ b) < 0
//!   a - b = d    if the signs differ, and d has not that of a       (a ^ b) & (a ^ d) < 0
//!   a · b = p    if the upper half is not p's sign                  high(a · b) != p >> 63
//! ```
//!
//! Source: *The RISC-V Instruction Set Manual*, volume I, chapter 2.4 (overflow checks); H. S. Warren, *Hacker's Delight*, §2-13.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::FunctionBuilder;

/// Has Cranelift such instructions for this machine?
const IS_BUILT_IN: bool = !cfg!(target_arch = "riscv64");

/// A result, and a word that is not 0 if it does not fit.
pub type Checked = (Value, Value);

/// `a + b`.
pub fn add(builder: &mut FunctionBuilder<'_>, a: Value, b: Value) -> Checked {
    if IS_BUILT_IN {
        return builder.ins().sadd_overflow(a, b);
    }
    let sum = builder.ins().iadd(a, b);
    (sum, both_negative(builder, (sum, a), (sum, b)))
}

/// `a - b`.
pub fn subtract(builder: &mut FunctionBuilder<'_>, a: Value, b: Value) -> Checked {
    if IS_BUILT_IN {
        return builder.ins().ssub_overflow(a, b);
    }
    let difference = builder.ins().isub(a, b);
    (difference, both_negative(builder, (a, b), (a, difference)))
}

/// `a · b`.
pub fn multiply(builder: &mut FunctionBuilder<'_>, a: Value, b: Value) -> Checked {
    if IS_BUILT_IN {
        return builder.ins().smul_overflow(a, b);
    }
    let (product, high) = (builder.ins().imul(a, b), builder.ins().smulhi(a, b));
    let sign = builder.ins().sshr_imm_u(product, 63);
    (product, builder.ins().icmp(IntCC::NotEqual, high, sign))
}

/// Do the signs of either pair differ?
fn both_negative(builder: &mut FunctionBuilder<'_>, one: (Value, Value), other: (Value, Value)) -> Value {
    let (one, other) = (builder.ins().bxor(one.0, one.1), builder.ins().bxor(other.0, other.1));
    let both = builder.ins().band(one, other);
    let zero = builder.ins().iconst(I64, 0);
    builder.ins().icmp(IntCC::SignedLessThan, both, zero)
}
