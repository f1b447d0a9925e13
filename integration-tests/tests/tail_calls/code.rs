//! Three functions that take each other's place, each with a frame record for the walk and its return address at another distance below the CFA.
//!
//! | | slot of `first` | `second` | `third` |
//! |---|---|---|---|
//! | AArch64 | CFA - 24 | CFA - 504 | CFA - 8 |
//! | arm | CFA - 12 | CFA - 508 | CFA - 4 |
//! | RISC-V, LoongArch | CFA - 24 | CFA - 504 | CFA - 8 |
//! | x86-64 | CFA - 8 | CFA - 8 | CFA - 8 |
//!
//! The slot of `second` lies lower than those of frames that have returned meanwhile, and the slot of `first` is a word of its frame that nobody
//! writes to: the stub is still there.

use super::Chain;

/// What each of them calls, with its slot.
pub(crate) type Stage = extern "C" fn(&mut Chain<'_, '_>, usize);

/// Calls `stage(chain, slot)`, and so do the two that it ends in.
pub(crate) fn first(stage: Stage, chain: &mut Chain<'_, '_>) {
    machine::first(stage, chain);
}

#[cfg(target_arch = "aarch64")]
mod machine {
    use super::{Chain, Stage};
    use std::arch::naked_asm;

    #[unsafe(naked)]
    pub(super) extern "C" fn first(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "stp x29, x30, [sp, #-32]!",
            "mov x29, sp",
            "stp x0, x1, [sp, #16]",
            "mov x9, x0",
            "mov x0, x1",
            "add x1, sp, #8",
            "blr x9",
            "ldp x0, x1, [sp, #16]",
            "ldp x29, x30, [sp], #32",
            "b {second}",
            second = sym second,
        )
    }

    #[unsafe(naked)]
    extern "C" fn second(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "sub sp, sp, #528",
            "stp x29, x30, [sp, #16]",
            "add x29, sp, #16",
            "stp x0, x1, [sp]",
            "mov x9, x0",
            "mov x0, x1",
            "add x1, sp, #24",
            "blr x9",
            "ldp x0, x1, [sp]",
            "ldp x29, x30, [sp, #16]",
            "add sp, sp, #528",
            "b {third}",
            third = sym third,
        )
    }

    #[unsafe(naked)]
    extern "C" fn third(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "stp x29, x30, [sp, #-16]!",
            "mov x29, sp",
            "mov x9, x0",
            "mov x0, x1",
            "add x1, sp, #8",
            "blr x9",
            "ldp x29, x30, [sp], #16",
            "ret",
        )
    }
}

#[cfg(target_arch = "arm")]
mod machine {
    use super::{Chain, Stage};
    use std::arch::naked_asm;

    #[unsafe(naked)]
    pub(super) extern "C" fn first(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "sub sp, sp, #8",
            "push {{r0, r1, r11, lr}}",
            "add r11, sp, #8",
            "mov r2, r0",
            "mov r0, r1",
            "add r1, sp, #12",
            "blx r2",
            "pop {{r0, r1, r11, lr}}",
            "add sp, sp, #8",
            "b {second}",
            second = sym second,
        )
    }

    #[unsafe(naked)]
    extern "C" fn second(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "sub sp, sp, #504",
            "push {{r0, r1, r11, lr}}",
            "add r11, sp, #8",
            "mov r2, r0",
            "mov r0, r1",
            "add r1, sp, #12",
            "blx r2",
            "pop {{r0, r1, r11, lr}}",
            "add sp, sp, #504",
            "b {third}",
            third = sym third,
        )
    }

    #[unsafe(naked)]
    extern "C" fn third(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "push {{r11, lr}}",
            "mov r11, sp",
            "mov r2, r0",
            "mov r0, r1",
            "add r1, sp, #4",
            "blx r2",
            "pop {{r11, pc}}",
        )
    }
}

#[cfg(target_arch = "riscv64")]
mod machine {
    use super::{Chain, Stage};
    use std::arch::naked_asm;

    #[unsafe(naked)]
    pub(super) extern "C" fn first(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "addi sp, sp, -48",
            "sd ra, 24(sp)",
            "sd s0, 16(sp)",
            "addi s0, sp, 32",
            "sd a0, 0(sp)",
            "sd a1, 8(sp)",
            "mv t1, a0",
            "mv a0, a1",
            "addi a1, sp, 24",
            "jalr t1",
            "ld a0, 0(sp)",
            "ld a1, 8(sp)",
            "ld s0, 16(sp)",
            "ld ra, 24(sp)",
            "addi sp, sp, 48",
            "tail {second}",
            second = sym second,
        )
    }

    #[unsafe(naked)]
    extern "C" fn second(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "addi sp, sp, -528",
            "sd ra, 24(sp)",
            "sd s0, 16(sp)",
            "addi s0, sp, 32",
            "sd a0, 0(sp)",
            "sd a1, 8(sp)",
            "mv t1, a0",
            "mv a0, a1",
            "addi a1, sp, 24",
            "jalr t1",
            "ld a0, 0(sp)",
            "ld a1, 8(sp)",
            "ld s0, 16(sp)",
            "ld ra, 24(sp)",
            "addi sp, sp, 528",
            "tail {third}",
            third = sym third,
        )
    }

    #[unsafe(naked)]
    extern "C" fn third(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "addi sp, sp, -16",
            "sd ra, 8(sp)",
            "sd s0, 0(sp)",
            "addi s0, sp, 16",
            "mv t1, a0",
            "mv a0, a1",
            "addi a1, sp, 8",
            "jalr t1",
            "ld s0, 0(sp)",
            "ld ra, 8(sp)",
            "addi sp, sp, 16",
            "ret",
        )
    }
}

#[cfg(target_arch = "loongarch64")]
mod machine {
    use super::{Chain, Stage};
    use std::arch::naked_asm;

    #[unsafe(naked)]
    pub(super) extern "C" fn first(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "addi.d $sp, $sp, -48",
            "st.d $ra, $sp, 24",
            "st.d $fp, $sp, 16",
            "addi.d $fp, $sp, 32",
            "st.d $a0, $sp, 0",
            "st.d $a1, $sp, 8",
            "move $t0, $a0",
            "move $a0, $a1",
            "addi.d $a1, $sp, 24",
            "jirl $ra, $t0, 0",
            "ld.d $a0, $sp, 0",
            "ld.d $a1, $sp, 8",
            "ld.d $fp, $sp, 16",
            "ld.d $ra, $sp, 24",
            "addi.d $sp, $sp, 48",
            "b {second}",
            second = sym second,
        )
    }

    #[unsafe(naked)]
    extern "C" fn second(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "addi.d $sp, $sp, -528",
            "st.d $ra, $sp, 24",
            "st.d $fp, $sp, 16",
            "addi.d $fp, $sp, 32",
            "st.d $a0, $sp, 0",
            "st.d $a1, $sp, 8",
            "move $t0, $a0",
            "move $a0, $a1",
            "addi.d $a1, $sp, 24",
            "jirl $ra, $t0, 0",
            "ld.d $a0, $sp, 0",
            "ld.d $a1, $sp, 8",
            "ld.d $fp, $sp, 16",
            "ld.d $ra, $sp, 24",
            "addi.d $sp, $sp, 528",
            "b {third}",
            third = sym third,
        )
    }

    #[unsafe(naked)]
    extern "C" fn third(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "addi.d $sp, $sp, -16",
            "st.d $ra, $sp, 8",
            "st.d $fp, $sp, 0",
            "addi.d $fp, $sp, 16",
            "move $t0, $a0",
            "move $a0, $a1",
            "addi.d $a1, $sp, 8",
            "jirl $ra, $t0, 0",
            "ld.d $fp, $sp, 0",
            "ld.d $ra, $sp, 8",
            "addi.d $sp, $sp, 16",
            "ret",
        )
    }
}

#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
mod machine {
    use super::{Chain, Stage};
    use std::arch::naked_asm;

    #[unsafe(naked)]
    pub(super) extern "C" fn first(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "push rbp",
            "mov rbp, rsp",
            "push rdi",
            "push rsi",
            "mov rax, rdi",
            "mov rdi, rsi",
            "lea rsi, [rbp + 8]",
            "call rax",
            "pop rsi",
            "pop rdi",
            "pop rbp",
            "jmp {second}",
            second = sym second,
        )
    }

    #[unsafe(naked)]
    extern "C" fn second(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "push rbp",
            "mov rbp, rsp",
            "sub rsp, 512",
            "push rdi",
            "push rsi",
            "mov rax, rdi",
            "mov rdi, rsi",
            "lea rsi, [rbp + 8]",
            "call rax",
            "pop rsi",
            "pop rdi",
            "leave",
            "jmp {third}",
            third = sym third,
        )
    }

    #[unsafe(naked)]
    extern "C" fn third(stage: Stage, chain: &mut Chain<'_, '_>) {
        naked_asm!(
            "push rbp",
            "mov rbp, rsp",
            "mov rax, rdi",
            "mov rdi, rsi",
            "lea rsi, [rbp + 8]",
            "call rax",
            "pop rbp",
            "ret",
        )
    }
}
