//! What a trampoline, a walk and an installer must know of an architecture, as plain data.
//!
//! All rows are there on every host, so that a collector can be tested on x86-64 against the rules of arm64, and a tool can read
//! another machine's core dump. Who wants fewer turns the default features off: the target's own row stays, and each feature `arch-…`
//! adds one. Code, which exists for the target only,
//! is in [`crate::arch`].
//!
//! | Go's name | pointer | return slot | link register | ABI keeps it at | Go at | record | stack | bytes |
//! |---|---|---|---|---|---|---|---|---|
//! | `386` | 4 | 4 | – | CFA − 4 | CFA − 4 | fp, 8 bytes | 16 | little |
//! | `amd64` | 8 | 8 | – | CFA − 8 | CFA − 8 | fp, 16 bytes | 16 | little |
//! | `amd64p32` | 4 | 8 | – | CFA − 8 | CFA − 8 | fp, 16 bytes | 16 | little |
//! | `arm` | 4 | 4 | lr | fp + 4 | sp + 0 | fp, 8 bytes | 8 | little |
//! | `arm64` | 8 | 8 | x30 | fp + 8 | sp + 0 | fp, 16 bytes | 16 | little |
//! | `ppc64` | 8 | 8 | lr | CFA + 16 | sp + 0 | back chain | 16 | both |
//! | `s390x` | 8 | 8 | r14 | CFA + 112 | sp + 0 | back chain | 8 | big |
//! | `riscv64` | 8 | 8 | ra | fp − 8 | sp + 0 | below fp | 16 | little |
//! | `loong64` | 8 | 8 | ra | fp − 8 | sp + 0 | below fp | 16 | little |
//!
//! Where the return address of a frame lies ("keeps it at") decides what a barrier overwrites. On machines
//! that push it, it is at a fixed distance below the CFA. With a link register the *youngest* frame may not have stored it
//! yet (so that frame gets no barrier, I7), and older frames keep it where their own prologue put it:
//! beside the saved frame pointer on both Arms, RISC-V and LoongArch, in the caller's frame on PowerPC and z, and in the lowest word of
//! the frame in code that Go's compiler made.

mod rows;

pub use rows::*;

/// One architecture.
///
/// ```
/// use barrier_arch::description;
/// let arm64 = description::by_name("arm64").unwrap();
/// assert!(arm64.skip_youngest());
/// // x29 points at a frame record; the return address is its second word, wherever the CFA is.
/// let at = description::FrameRegisters { cfa: 0x9000, fp: 0x8f40, sp: 0x8f00 };
/// assert_eq!(arm64.return_slot.address(at), 0x8f48);
/// assert_eq!(arm64.go_return_slot.address(at), 0x8f00);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Architecture {
    /// What Go calls it (`GOARCH`).
    pub name: &'static str,
    /// Other names it goes by: Go's for the other byte order, Rust's `target_arch`.
    pub aliases: &'static [&'static str],
    /// Rust's targets that it describes, Linux ones.
    pub rust_targets: &'static [&'static str],
    /// Bytes of a pointer, and of a `usize`.
    #[doc(alias = "PtrSize")]
    pub pointer_bytes: usize,
    /// Bytes of a return slot: of the register that a call saves.
    #[doc(alias = "RegSize")]
    pub slot_bytes: usize,
    /// Byte order, or both where targets differ.
    pub byte_order: ByteOrder,
    /// Register in which a call leaves the return address; `None` if it pushes it.
    #[doc(alias = "usesLR")]
    pub link_register: Option<&'static str>,
    /// Where a frame of the platform's ABI keeps its return address.
    pub return_slot: ReturnSlot,
    /// Where a frame of Go's compiler keeps it.
    pub go_return_slot: ReturnSlot,
    /// What links a frame to its caller's.
    pub frame_record: FrameRecord,
    /// A return may take more off the stack than the return address (`ret n`), so that the stack pointer does
    /// not say exactly which slot was popped.
    pub return_may_pop_more: bool,
    /// Alignment of the stack pointer at a call, in bytes.
    pub stack_alignment: usize,
    /// Bytes below the stack pointer that signal handlers leave alone: a trampoline's scratch space.
    pub red_zone_bytes: usize,
    /// Registers by DWARF number.
    pub dwarf: DwarfNumbers,
    /// Registers in which results come back, by any of the platform's rules.
    pub result_registers: &'static [&'static str],
    /// Registers that a callee hands back unchanged.
    pub callee_saved: &'static [&'static str],
    /// Registers that hold nothing at any return, so that a trampoline may use them. It preserves all
    /// others (I13).
    pub trampoline_scratch: &'static [&'static str],
    /// The document that says so.
    pub abi: &'static str,
}

/// Order of the bytes of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
    /// There are targets of either kind.
    Both,
}

/// Where the word is that a return takes its address from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnSlot {
    /// At this distance, in bytes, from the CFA.
    FromCfa(isize),
    /// At this distance from the frame pointer, beside the saved one; not at a fixed distance from the CFA.
    FromFramePointer(isize),
    /// At this distance from the frame's own stack pointer, below which its callees' frames are.
    FromStackPointer(isize),
}

/// What a [`ReturnSlot`] is relative to: one frame, as a walk sees it once its prologue has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRegisters {
    /// Canonical frame address: the stack pointer in the caller after the return.
    pub cfa: usize,
    /// The frame's frame pointer.
    pub fp: usize,
    /// The frame's stack pointer at its current call.
    pub sp: usize,
}

impl ReturnSlot {
    /// Address of the return slot of a frame.
    pub const fn address(self, frame: FrameRegisters) -> usize {
        match self {
            ReturnSlot::FromCfa(distance) => frame.cfa.wrapping_add_signed(distance),
            ReturnSlot::FromFramePointer(distance) => frame.fp.wrapping_add_signed(distance),
            ReturnSlot::FromStackPointer(distance) => frame.sp.wrapping_add_signed(distance),
        }
    }
}

/// The words that link a frame to its caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameRecord {
    /// The frame pointer points at the caller's frame pointer, the return address comes next; so many bytes.
    AtFramePointer(usize),
    /// The frame pointer is the CFA. The return address lies right below, the caller's frame pointer below that; so many bytes.
    BelowFramePointer(usize),
    /// A back chain: the stack pointer points at the caller's stack pointer, and the return address lies
    /// `return_address` bytes above where that one points.
    AtStackPointer {
        /// Distance from the caller's stack pointer, in bytes.
        return_address: usize,
    },
}

impl FrameRecord {
    /// Address of the word that holds the caller's frame pointer, from a frame pointer; in a back chain, of the word that holds the caller's
    /// stack pointer, from a stack pointer.
    pub const fn link(self, pointer: usize) -> usize {
        match self {
            FrameRecord::AtFramePointer(_) | FrameRecord::AtStackPointer { .. } => pointer,
            FrameRecord::BelowFramePointer(bytes) => pointer.wrapping_sub(bytes),
        }
    }
}

/// DWARF register numbers, as in `.eh_frame`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DwarfNumbers {
    /// The column whose rule is the return address.
    pub return_address: u16,
    /// The program counter, where it has a number.
    pub pc: Option<u16>,
    /// The stack pointer.
    pub sp: u16,
    /// The frame pointer by convention.
    pub fp: u16,
}

impl Architecture {
    /// Must the youngest frame be left without a barrier? Its return address may still be in the link
    /// register.
    pub const fn skip_youngest(&self) -> bool {
        self.link_register.is_some()
    }

    /// Is a frame's return slot at a fixed distance from its CFA, so that the slot's address need not be
    /// kept apart?
    pub const fn slot_follows_from_cfa(&self) -> bool {
        matches!(self.return_slot, ReturnSlot::FromCfa(_))
    }

    /// May a barrier come to stand in another slot than it was installed in, by a tail call? See [`crate::patch::settle`].
    pub const fn slots_move(&self) -> bool {
        self.link_register.is_some() && !self.slot_follows_from_cfa()
    }
}

/// Every architecture: those that Go had stack barriers for in 2015, in the order of their names, then the others.
pub const ALL: &[&Architecture] = &[
    #[cfg(any(feature = "arch-386", target_arch = "x86"))]
    &ARCH_386,
    #[cfg(any(feature = "arch-amd64", feature = "arch-amd64p32", target_arch = "x86_64"))]
    &AMD64,
    #[cfg(any(feature = "arch-amd64p32", all(target_arch = "x86_64", target_pointer_width = "32")))]
    &AMD64P32,
    #[cfg(any(feature = "arch-arm", target_arch = "arm"))]
    &ARM,
    #[cfg(any(feature = "arch-arm64", target_arch = "aarch64"))]
    &ARM64,
    #[cfg(any(feature = "arch-ppc64", target_arch = "powerpc64"))]
    &PPC64,
    #[cfg(any(feature = "arch-loong64", target_arch = "loongarch64"))]
    &LOONG64,
    #[cfg(any(feature = "arch-riscv64", target_arch = "riscv64"))]
    &RISCV64,
    #[cfg(any(feature = "arch-s390x", target_arch = "s390x"))]
    &S390X,
];

/// The architecture that Go, or Rust's `target_arch`, calls `name`.
pub fn by_name(name: &str) -> Option<&'static Architecture> {
    ALL.iter().copied().find(|arch| arch.name == name || arch.aliases.contains(&name))
}

/// The architecture of a Rust target triple.
pub fn by_rust_target(triple: &str) -> Option<&'static Architecture> {
    ALL.iter().copied().find(|arch| arch.rust_targets.contains(&triple))
}

/// The architecture this code was compiled for.
pub const fn host() -> Option<&'static Architecture> {
    cfg_select! {
        all(target_arch = "x86_64", target_pointer_width = "32") => { Some(&AMD64P32) }
        target_arch = "x86_64" => { Some(&AMD64) }
        target_arch = "x86" => { Some(&ARCH_386) }
        target_arch = "arm" => { Some(&ARM) }
        target_arch = "aarch64" => { Some(&ARM64) }
        target_arch = "powerpc64" => { Some(&PPC64) }
        target_arch = "loongarch64" => { Some(&LOONG64) }
        target_arch = "riscv64" => { Some(&RISCV64) }
        target_arch = "s390x" => { Some(&S390X) }
        _ => { None }
    }
}

#[cfg(all(test, feature = "arch-all"))]
mod tests;
