//! The frame pointer of compiled code becomes the ABI's, so that one walk follows Rust's frames and these.
//!
//! On RISC-V Cranelift's points at the frame record, the ABI's past it, at the canonical frame address. Each prologue ends with the move that says so:
//!
//! ```text
//!   addi sp, sp, -16                       addi sp, sp, -16
//!   sd   ra, 8(sp)                         sd   ra, 8(sp)
//!   sd   s0, 0(sp)                         sd   s0, 0(sp)
//!   mv   s0, sp              ───▶          addi s0, sp, 16           of the same length, compressed or not
//! ```
//!
//! No other instruction of such code looks at the frame pointer but those that save and restore it: slots are found from the stack pointer, and there are
//! no stack arguments. Unwind tables are written to match.
//!
//! Source: *RISC-V ABIs Specification* 1.0, chapter 2.1; *The RISC-V Instruction Set Manual*, volume I, chapters 2.4 (`addi`) and 28.5 (`c.mv`, `c.addi4spn`).

use std::borrow::Cow;

use cranelift_codegen::CompiledCode;
use cranelift_codegen::gimli::Register;
use cranelift_codegen::gimli::write::CallFrameInstruction;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::UnwindInst;

use super::error::CompileError;

/// Is Cranelift's frame pointer another one than the ABI's?
pub const DIFFERS: bool = cfg!(target_arch = "riscv64");

const RA: Register = Register(1);
const S0: Register = Register(8);
/// The move and what it becomes, little endian.
const MOVES: [(&[u8], &[u8]); 2] = [
    (&0x0001_0413_u32.to_le_bytes(), &0x0101_0413_u32.to_le_bytes()),
    (&0x840a_u16.to_le_bytes(), &0x0800_u16.to_le_bytes()),
];

/// The bytes of `code` with the ABI's frame pointer.
///
/// # Errors
///
/// [`CompileError::Backend`] if the prologue is not the expected one.
pub fn bytes_of(code: &CompiledCode) -> Result<Cow<'_, [u8]>, CompileError> {
    if !DIFFERS {
        return Ok(code.code_buffer().into());
    }
    let mut bytes = code.code_buffer().to_vec();
    let is_frame = |inst: &UnwindInst| matches!(inst, UnwindInst::DefineNewFrame { .. });
    let made =
        code.buffer.unwind_info.iter().find(|(_, inst)| is_frame(inst)).map(|(offset, _)| *offset as usize);
    let moved = made.is_some_and(|end| point_past_record(&mut bytes[..end]));
    moved
        .then(|| bytes.into())
        .ok_or_else(|| CompileError::backend("a prologue that does not end with mv s0, sp"))
}

/// Replaces the move at the end of `prologue`. `false` if there is none.
fn point_past_record(prologue: &mut [u8]) -> bool {
    let found = MOVES.iter().find(|(from, _)| prologue.ends_with(from));
    let Some((_, to)) = found else { return false };
    let start = prologue.len() - to.len();
    prologue[start..].copy_from_slice(to);
    true
}

/// How to unwind `code` with the ABI's frame pointer: rules that hold from some offset on.
///
/// # Errors
///
/// [`CompileError::Backend`] if Cranelift tells of something else than a frame record and saved registers.
pub fn unwind_rules(
    code: &CompiledCode,
    isa: &dyn TargetIsa,
) -> Result<Vec<(u32, CallFrameInstruction)>, CompileError> {
    let (mut rules, mut clobbers) = (Vec::new(), 0);
    for (offset, inst) in &code.buffer.unwind_info {
        let mut rule = |rule| rules.push((*offset, rule));
        match *inst {
            UnwindInst::PushFrameRegs { offset_upward_to_caller_sp } => {
                let size = offset_upward_to_caller_sp as i32;
                rule(CallFrameInstruction::CfaOffset(size));
                rule(CallFrameInstruction::Offset(S0, -size));
                rule(CallFrameInstruction::Offset(RA, 8 - size));
            }
            UnwindInst::DefineNewFrame { offset_upward_to_caller_sp, offset_downward_to_clobbers } => {
                rule(CallFrameInstruction::Cfa(S0, 0));
                clobbers = (offset_upward_to_caller_sp + offset_downward_to_clobbers) as i32;
            }
            UnwindInst::SaveReg { clobber_offset, reg } => {
                let register = isa.map_regalloc_reg_to_dwarf(reg.into()).map_err(CompileError::backend)?;
                rule(CallFrameInstruction::Offset(Register(register), clobber_offset as i32 - clobbers));
            }
            ref other => return Err(CompileError::backend(format!("no unwind rule for {other:?}"))),
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an assembler makes of the prologue, uncompressed and compressed, and of the same with the ABI's frame pointer.
    const PROLOGUES: [(&[u32], u32, u32); 2] = [
        (&[0xff01_0113, 0x0011_3423, 0x0081_3023], 0x0001_0413, 0x0101_0413),
        (&[0xe406_1141, 0xe022], 0x840a, 0x0800),
    ];

    fn bytes(words: &[u32]) -> Vec<u8> {
        let halves = words.iter().flat_map(|word| [*word as u16, (*word >> 16) as u16]);
        halves.filter(|half| *half != 0).flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn the_move_is_replaced_and_nothing_else() {
        for (before, from, to) in PROLOGUES {
            let (before, expected) = (bytes(before), bytes(&[before, &[to]].concat()));
            let mut prologue = [before, bytes(&[from])].concat();
            assert!(point_past_record(&mut prologue));
            assert_eq!(prologue, expected);
            assert!(!point_past_record(&mut prologue), "there is none any more");
        }
        assert!(!point_past_record(&mut []));
    }
}
