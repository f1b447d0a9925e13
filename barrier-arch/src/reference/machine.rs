//! Frames and hits by the rules of any described architecture, in this machine's words.
//!
//! ```text
//!   pushed (x86)          beside the link (Arms)     below fp (RISC-V, …)      back chain (PowerPC, z)
//!
//!   ├──────────────┤ cfa  ├──────────────┤ cfa       ├──────────────┤ cfa=fp   │ return address│ slot
//!   │ return addr. │ slot │ return addr. │ slot      │ return addr. │ slot     │ …             │
//!   │ caller's fp  │ fp   │ caller's fp  │ fp        │ caller's fp  │          ├───────────────┤ cfa
//!   │ locals       │      │ locals       │           │ locals       │          │ locals        │
//!   │ (arguments)  │      │ (chain's end)│           │              │          │ callees' slot │
//!   └──────────────┘ sp   └──────────────┘ sp        └──────────────┘ sp       │ cfa           │ sp
//!                                                                              └───────────────┘
//! ```
//!
//! Words are as wide as this machine's return slots, whatever they are there; distances that an ABI fixes are kept.

use super::{Lost, Memory, hit_by};
use crate::arch::SLOT_BYTES;
use crate::description::{Architecture, FrameRecord, ReturnSlot};
use crate::stub::Stub;

/// What an architecture's frames and trampoline keep to, as far as memory shows it.
///
/// ```
/// use barrier_arch::description::{self, Architecture};
/// use barrier_arch::reference::{Machine, Memory};
/// struct Words([usize; 64]);
/// impl Memory for Words {
///     fn load(&self, address: usize) -> usize { self.0[address / 8] }
///     fn store(&mut self, address: usize, word: usize) { self.0[address / 8] = word }
/// }
/// let mut words = Words([0; 64]);
/// let ppc64 = Machine::of(description::by_name("ppc64").unwrap());
/// let main = ppc64.outermost(512, 2, &mut words);
/// let callee = ppc64.call(&main, 2, 0x4711, &mut words);
/// // Its return address lies in its caller's frame, above the stack pointer after the return.
/// assert_eq!(callee.slot, main.sp + 16);
/// assert!(ppc64.is_popped(callee.slot, main.sp) && !ppc64.is_popped(callee.slot, callee.sp));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    record: FrameRecord,
    linked: bool,
    linkage: usize,
    at_cfa: bool,
    pops_more: bool,
    slots_move: bool,
}

/// A frame made by hand. Addresses, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its stack pointer.
    pub sp: usize,
    /// Its frame pointer.
    pub fp: usize,
    /// Where its return address is kept; 0 for an outermost frame.
    pub slot: usize,
    /// Lowest address of its locals.
    pub locals: usize,
}

impl Machine {
    /// By the rules of `arch`.
    pub const fn of(arch: &Architecture) -> Machine {
        let linkage = match arch.return_slot {
            ReturnSlot::FromCfa(distance) if distance >= 0 => distance as usize + SLOT_BYTES,
            _ => 0,
        };
        Machine {
            record: arch.frame_record,
            linked: arch.link_register.is_some(),
            linkage,
            at_cfa: arch.slot_follows_from_cfa(),
            pops_more: arch.return_may_pop_more,
            slots_move: arch.slots_move(),
        }
    }

    /// How far above the stack pointer after a return the slot may reach that the return took its address from.
    pub const fn linkage_bytes(&self) -> usize {
        self.linkage
    }

    /// May a return take more off the stack than the return address?
    pub const fn pops_more(&self) -> bool {
        self.pops_more
    }

    /// As [`crate::arch::sp_after`].
    pub const fn sp_after(&self, slot: usize) -> usize {
        (slot + SLOT_BYTES).wrapping_sub(self.linkage)
    }

    /// As [`crate::arch::is_popped`].
    pub const fn is_popped(&self, slot: usize, sp: usize) -> bool {
        slot < sp.saturating_add(self.linkage)
    }

    /// May a return that left the stack pointer at `sp` have gone through `slot`? As exactly as the machine lets know.
    pub(super) const fn returned_through(&self, slot: usize, sp: usize) -> bool {
        if self.at_cfa && !self.pops_more { self.sp_after(slot) == sp } else { slot < sp }
    }

    /// Where the trampoline puts the return address back: the slot, if the return popped nothing beyond it.
    pub(super) const fn healed_word(&self, sp: usize) -> Option<usize> {
        if self.at_cfa { Some(sp.wrapping_sub(self.sp_after(0))) } else { None }
    }

    /// [`super::hit`] by these rules.
    ///
    /// # Errors
    ///
    /// [`Lost`] if the array has no record for the popped slot.
    pub fn hit(&self, stub: Stub, sp: usize, memory: &mut impl Memory) -> Result<usize, Lost> {
        hit_by(self, stub, sp, memory)
    }

    /// Bytes from a frame's stack pointer up to its locals: room for what its callees, or the end of the chain, keep there.
    pub const fn locals_at(&self) -> usize {
        match self.record {
            FrameRecord::AtFramePointer(_) if self.linked || self.pops_more => 2 * SLOT_BYTES,
            FrameRecord::AtFramePointer(_) | FrameRecord::BelowFramePointer(_) => 0,
            FrameRecord::AtStackPointer { return_address } => {
                (return_address + SLOT_BYTES).next_multiple_of(16)
            }
        }
    }

    /// Bytes that [`Machine::call`] takes for a frame of `locals` words.
    pub const fn frame_bytes(&self, locals: usize) -> usize {
        let link = match self.record {
            FrameRecord::AtFramePointer(_) | FrameRecord::BelowFramePointer(_) => 2 * SLOT_BYTES,
            FrameRecord::AtStackPointer { .. } => 0,
        };
        link + self.locals_at() + locals * SLOT_BYTES
    }

    /// Makes the outermost frame of a stack that starts below `stack_hi`, with `locals` words of locals, all zero: the one at which
    /// a walk ends.
    pub fn outermost(&self, stack_hi: usize, locals: usize, memory: &mut impl Memory) -> Frame {
        let sp = stack_hi - self.locals_at() - locals * SLOT_BYTES;
        (sp..stack_hi).step_by(SLOT_BYTES).for_each(|address| memory.store(address, 0));
        let at_zeros = self.linked && !matches!(self.record, FrameRecord::BelowFramePointer(_));
        Frame { sp, fp: if at_zeros { sp } else { 0 }, slot: 0, locals: sp + self.locals_at() }
    }

    /// `caller` calls a function with `locals` words of locals, to go on at `return_pc`. Returns the function's frame.
    ///
    /// The locals are not written to. A return from the frame leaves the stack pointer at `caller.sp`.
    pub fn call(&self, caller: &Frame, locals: usize, return_pc: usize, memory: &mut impl Memory) -> Frame {
        self.call_apart(caller, locals, 0, return_pc, memory)
    }

    /// [`Machine::call`], and the function keeps its record `apart` words lower in its frame than it might: it has saved other registers above.
    /// None where the ABI fixes the slot.
    pub fn call_apart(
        &self,
        caller: &Frame,
        locals: usize,
        apart: usize,
        return_pc: usize,
        memory: &mut impl Memory,
    ) -> Frame {
        let apart = if self.slots_move { apart } else { 0 };
        let sp = caller.sp - self.frame_bytes(locals) - apart * SLOT_BYTES;
        let below = |slots: usize| caller.sp - (slots + apart) * SLOT_BYTES;
        let (slot, fp) = match self.record {
            FrameRecord::AtFramePointer(_) => (below(1), below(2)),
            FrameRecord::BelowFramePointer(_) => (below(1), below(0)),
            FrameRecord::AtStackPointer { return_address } => (caller.sp + return_address, sp),
        };
        let (link, to) = match self.record {
            FrameRecord::AtStackPointer { .. } => (sp, caller.sp),
            _ => (below(2), caller.fp),
        };
        memory.store(slot, return_pc);
        memory.store(link, to);
        Frame { sp, fp, slot, locals: sp + self.locals_at() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch;
    use crate::description;
    use crate::reference::HOST;

    /// What is derived from the description is what the code next to the assembly says.
    #[test]
    fn the_hosts_rules_are_those_of_its_trampoline() {
        assert_eq!(HOST.sp_after(0x1000), arch::sp_after(0x1000));
        for slot in (0x1000..0x1200).step_by(SLOT_BYTES) {
            let sp = 0x1100;
            assert_eq!(HOST.is_popped(slot, sp), arch::is_popped(slot, sp), "{slot:#x}");
            assert_eq!(HOST.returned_through(slot, sp), arch::returned_through(slot, sp), "{slot:#x}");
        }
    }

    #[test]
    fn a_slot_is_where_the_description_says() {
        for arch in description::ALL {
            let machine = Machine::of(arch);
            let mut words = Words([0; 512]);
            let main = machine.outermost(512 * SLOT_BYTES, 3, &mut words);
            let frame = machine.call(&main, 3, 0x4711, &mut words);
            assert_eq!(words.load(frame.slot), 0x4711, "{}", arch.name);
            if SLOT_BYTES == arch.slot_bytes {
                let at = description::FrameRegisters { cfa: main.sp, fp: frame.fp, sp: frame.sp };
                assert_eq!(frame.slot, arch.return_slot.address(at), "{}", arch.name);
            }
            assert!(machine.is_popped(frame.slot, main.sp) && !machine.is_popped(frame.slot, frame.sp));
            assert_eq!(main.sp - frame.sp, machine.frame_bytes(3));
        }
    }

    struct Words([usize; 512]);

    impl Memory for Words {
        fn load(&self, address: usize) -> usize {
            self.0[address / SLOT_BYTES]
        }
        fn store(&mut self, address: usize, word: usize) {
            self.0[address / SLOT_BYTES] = word;
        }
    }
}
