//! Vector registers survive the trampoline where no Rust function that is stable returns in them.
//!
//! | | a vector result, by the ABI | |
//! |---|---|---|
//! | RISC-V, V | psABI: in memory or integer registers; in the variant for vectors in v8 to v23 | here, all 32, and `vl` and `vtype` |
//! | LoongArch, LSX | psABI: in integer registers, as any 16 bytes | here, all 32: whoever agrees on more, as `gcc -fipa-ra` does, may |
//!
//! Of the other machines vectors are results of the ordinary convention, which `against_reference` and `returns` have. A machine without
//! vector registers has nothing to lose.
#![cfg(any(target_arch = "riscv64", target_arch = "loongarch64"))]

mod support;

use std::arch::naked_asm;

use barrier_arch::{Spacing, StkbarSlice};
use support::{MODES, TestStack, install_here};

/// Room for 32 registers of 1024 bits, and what tells how they are used.
type Registers = [u64; 16 * 32 + 2];

struct Look<'s> {
    bars: &'s StkbarSlice,
    spacing: Spacing,
}

extern "C" fn bottom(look: &mut Look<'_>) {
    install_here(look.bars, look.spacing);
}

/// Calls [`inner`], which returns through a barrier, and stores the vector registers to `after`.
#[cfg(target_arch = "riscv64")]
#[unsafe(naked)]
extern "C" fn outer(look: &mut Look<'_>, before: &Registers, after: &mut Registers) {
    naked_asm!(
        ".option push",
        ".option arch, +v",
        "addi sp, sp, -32",
        "sd ra, 24(sp)",
        "sd s0, 16(sp)",
        "addi s0, sp, 32",
        "sd a2, 0(sp)",
        "call {inner}",
        "ld a2, 0(sp)",
        "csrr t0, vl",
        "sd t0, 0(a2)",
        "csrr t0, vtype",
        "sd t0, 8(a2)",
        "addi a2, a2, 16",
        "csrr t0, vlenb",
        "slli t0, t0, 3",
        "vs8r.v v0, (a2)",
        "add a2, a2, t0",
        "vs8r.v v8, (a2)",
        "add a2, a2, t0",
        "vs8r.v v16, (a2)",
        "add a2, a2, t0",
        "vs8r.v v24, (a2)",
        "ld s0, 16(sp)",
        "ld ra, 24(sp)",
        "addi sp, sp, 32",
        "ret",
        ".option pop",
        inner = sym inner,
    )
}

/// Calls [`bottom`] from a frame that is due for a barrier in every mode, and returns with the vector registers that `before` says.
#[cfg(target_arch = "riscv64")]
#[unsafe(naked)]
extern "C" fn inner(look: &mut Look<'_>, before: &Registers) {
    naked_asm!(
        ".option push",
        ".option arch, +v",
        "addi sp, sp, -2032",
        "sd ra, 2024(sp)",
        "sd s0, 2016(sp)",
        "addi s0, sp, 2032",
        "sd a1, 0(sp)",
        "call {bottom}",
        "ld a1, 0(sp)",
        "addi a1, a1, 16",
        "csrr t0, vlenb",
        "slli t0, t0, 3",
        "vl8re64.v v0, (a1)",
        "add a1, a1, t0",
        "vl8re64.v v8, (a1)",
        "add a1, a1, t0",
        "vl8re64.v v16, (a1)",
        "add a1, a1, t0",
        "vl8re64.v v24, (a1)",
        "vsetivli zero, 3, e32, m2, ta, ma", // `before` says the same
        "ld s0, 2016(sp)",
        "ld ra, 2024(sp)",
        "addi sp, sp, 2032",
        "ret",
        ".option pop",
        bottom = sym bottom,
    )
}

/// `vl`, and `vtype` of 32-bit elements in groups of two registers, tail and mask agnostic.
#[cfg(target_arch = "riscv64")]
const USE: [u64; 2] = [3, 0xd1];

/// Calls [`inner`], which returns through a barrier, and stores the vector registers to `after`.
#[cfg(target_arch = "loongarch64")]
#[unsafe(naked)]
extern "C" fn outer(look: &mut Look<'_>, before: &Registers, after: &mut Registers) {
    naked_asm!(
        "addi.d $sp, $sp, -112",
        "st.d $ra, $sp, 104",
        "st.d $fp, $sp, 96",
        "addi.d $fp, $sp, 112",
        "fst.d $f24, $sp, 32",
        "fst.d $f25, $sp, 40",
        "fst.d $f26, $sp, 48",
        "fst.d $f27, $sp, 56",
        "fst.d $f28, $sp, 64",
        "fst.d $f29, $sp, 72",
        "fst.d $f30, $sp, 80",
        "fst.d $f31, $sp, 88",
        "st.d $a2, $sp, 0",
        "bl {inner}",
        "ld.d $t0, $sp, 0",
        "st.d $zero, $t0, 0",
        "st.d $zero, $t0, 8",
        "addi.d $t0, $t0, 16",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        ".word 0x2c400000 | ((16 * \\i) << 10) | (12 << 5) | \\i", // vst vr\i, $t0, 16·i
        ".endr",
        "fld.d $f24, $sp, 32",
        "fld.d $f25, $sp, 40",
        "fld.d $f26, $sp, 48",
        "fld.d $f27, $sp, 56",
        "fld.d $f28, $sp, 64",
        "fld.d $f29, $sp, 72",
        "fld.d $f30, $sp, 80",
        "fld.d $f31, $sp, 88",
        "ld.d $fp, $sp, 96",
        "ld.d $ra, $sp, 104",
        "addi.d $sp, $sp, 112",
        "ret",
        inner = sym inner,
    )
}

/// Calls [`bottom`] from a frame that is due for a barrier in every mode, and returns with the vector registers that `before` says.
#[cfg(target_arch = "loongarch64")]
#[unsafe(naked)]
extern "C" fn inner(look: &mut Look<'_>, before: &Registers) {
    naked_asm!(
        "addi.d $sp, $sp, -2032",
        "st.d $ra, $sp, 2024",
        "st.d $fp, $sp, 2016",
        "addi.d $fp, $sp, 2032",
        "st.d $a1, $sp, 0",
        "bl {bottom}",
        "ld.d $t0, $sp, 0",
        "addi.d $t0, $t0, 16",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        ".word 0x2c000000 | ((16 * \\i) << 10) | (12 << 5) | \\i", // vld vr\i, $t0, 16·i
        ".endr",
        "ld.d $fp, $sp, 2016",
        "ld.d $ra, $sp, 2024",
        "addi.d $sp, $sp, 2032",
        "ret",
        bottom = sym bottom,
    )
}

#[cfg(target_arch = "loongarch64")]
const USE: [u64; 2] = [0, 0];

fn has_vectors() -> bool {
    let bit = if cfg!(target_arch = "riscv64") { u32::from(b'v' - b'a') } else { 4 };
    // SAFETY: reads a word that the kernel has passed.
    let features = unsafe { libc::getauxval(libc::AT_HWCAP) };
    features >> bit & 1 == 1
}

#[test]
fn vector_registers_survive_the_trampoline() {
    if !has_vectors() {
        return;
    }
    let mut before: Registers = [0; _];
    before.iter_mut().enumerate().for_each(|(i, word)| *word = 0x1111_2222_0000_0000 + i as u64);
    before[..2].copy_from_slice(&USE);
    for spacing in MODES {
        let stack = TestStack::new(1 << 16, spacing);
        let mut after: Registers = [0; _];
        let hit = stack.run(|bars| {
            outer(&mut Look { bars, spacing }, &before, &mut after);
            bars.position()
        });
        assert_eq!(hit > 0, spacing != Spacing::Off, "{spacing:?}: {hit}");
        let stored = after.iter().rposition(|&word| word != 0).unwrap() + 1;
        assert!(stored >= 2 + 2 * 32 && after[..stored] == before[..stored], "{spacing:?} {after:x?}");
    }
}
