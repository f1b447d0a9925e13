//! What unwind tables mean in this machine's own terms: the ABIs' part of DWARF.
//!
//! | | sp | fp | sp of the caller | the return address's column, as a rule |
//! |---|---|---|---|---|
//! | i386 | 4 `esp` | 5 `ebp` | CFA | 8, `eip` |
//! | x86-64, x32 | 7 `rsp` | 6 `rbp` | CFA | 16, `rip` |
//! | AArch64 | 31 `sp` | 29 `x29` | CFA | 30, `x30` |
//! | PowerPC64 | 1 `r1` | 31 `r31` | CFA | 65, `lr` |
//! | z | 15 `r15` | 11 `r11` | CFA − 160 | 14, `r14` |
//! | LoongArch | 3 `$sp` | 22 `$fp` | CFA | 1, `$ra` |
//! | RISC-V | 2 `sp` | 8 `s0` | CFA | 1, `ra` |
//!
//! The numbers are the rows of [`barrier_arch::description`], each of which names the ABI's document; the column is in each table itself (its
//! CIE). z's CFA is the end of the area of 160 bytes that every frame has for its callees to save registers in ("ELF Application Binary Interface,
//! s390x Supplement", The Stack Frame).

use barrier_arch::description::DwarfNumbers;
use gimli::{Register, Vendor};

use crate::frame_pointers::HOST;

const NUMBERS: DwarfNumbers = HOST.dwarf;

pub(super) const SP: Register = Register(NUMBERS.sp);
pub(super) const FP: Register = Register(NUMBERS.fp);
/// The program counter, where it has a number: not a link register's.
pub(super) const PC: Option<Register> = match NUMBERS.pc {
    Some(number) => Some(Register(number)),
    None => None,
};

/// By how much the tables' canonical frame address lies above the caller's stack pointer.
pub(super) const ABOVE_SP: usize = if cfg!(target_arch = "s390x") { 160 } else { 0 };

/// Rules that a row may have: at least as many as the architecture has registers that a function may save.
pub(super) const RULES: usize = match () {
    () if cfg!(any(target_arch = "x86", target_arch = "x86_64")) => 24,
    () if cfg!(target_arch = "powerpc64") => 64,
    () => 32,
};

/// Whose instructions tables may have: AArch64 has one that says whether the return address is signed.
pub(super) const VENDOR: Vendor = if HAS_KEYS { Vendor::AArch64 } else { Vendor::Default };

/// May return addresses be signed, with one of two keys?
pub(super) const HAS_KEYS: bool = cfg!(target_arch = "aarch64");
