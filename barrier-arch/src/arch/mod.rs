//! The code that is returned to, and the switch between stacks: one file per architecture, with the same
//! items in the same order, and here what follows from them.
//!
//! # What each file has
//!
//! | item | what |
//! |---|---|
//! | `SLOT_BYTES`, `Slot`, `AtomicSlot` | a return slot: the width of the register that a call saves |
//! | `LINKAGE_BYTES` | how far above the stack pointer the slot of a function that has returned may lie |
//! | `returned_through` | may this slot be the one that a return has just popped? As exactly as the machine lets know |
//! | `HEALS` | does a hit put the return address back into the word that was the slot, seen from the stack pointer? |
//! | `TAIL_BYTES`, `SEARCHING_TAIL_BYTES`, `PAD_BYTES` | sizes of the trampoline's pieces, see `table.rs` |
//! | `GR_EXCEPTION`, `GR_ORIGINAL` | DWARF numbers of the registers in which the landing pad finds its arguments (Arm's EHABI has none) |
//! | `stack_barrier` | the trampoline: stubs, tails, landing pad |
//! | `interrupted_return` | where the trampoline will go on, seen from any of its instructions |
//! | `own_frame` | stack and frame pointer of the function that asks |
//! | `strip`, `sign` | a return address without and with its authentication code |
//! | `SAVED_BYTES`, `SAVED_FP`, `SAVED_PC` | what `switch` leaves on a stack |
//! | `switch` | from one stack to another |
//! | `OUTERMOST_BYTES`, `first_words` | the first entry of a new stack |
//! | `stack_base` | the outermost frame of every stack |
//! | `protect`, `recover` | drop the frames below a point: for a recover in the middle of a stack |
//! | `trap` | stop the process, nothing unwound |
//!
//! # The trampoline, on every machine
//!
//! A function returns to stub `i` of class `k`. With `t`, the top of the `2^k`-aligned stack, found from the
//! stack pointer, record `i` is at a fixed distance below `t`:
//!
//! 1. the position becomes `i + 1`, absolute: whatever was skipped, by longjmp say, cannot put it out of step;
//! 2. the record must be that of a slot that this return has popped, or the process stops (`fatal.rs`);
//! 3. on to the return address in the record, with every register as it was (I13).
//!
//! On x86-64 the popped slot still holds the stub's address, in the red zone, so stubs jump to their tail. Elsewhere
//! a stub *calls* its tail: the call's own return address tells the index, and the return that leaves the tail
//! is that call's, so the return-address predictor stays aligned for every outer frame.
//!
//! The searching stubs, for every-frame mode, take the highest record from the position on whose slot the return has
//! popped.
//!
//! Descriptions of *all* architectures, as plain data, are in [`crate::description`], on every host.

mod context;
mod table;

use crate::description;

cfg_if::cfg_if! {
    if #[cfg(target_arch = "x86_64")] {
        mod x86_64;
        use x86_64 as target;
    } else if #[cfg(target_arch = "aarch64")] {
        mod aarch64;
        use aarch64 as target;
    } else if #[cfg(all(target_arch = "arm", target_abi = "eabihf"))] {
        mod arm;
        use arm as target;
    } else if #[cfg(target_arch = "loongarch64")] {
        mod loongarch64;
        use loongarch64 as target;
    } else if #[cfg(target_arch = "powerpc64")] {
        mod powerpc64;
        use powerpc64 as target;
    } else if #[cfg(target_arch = "riscv64")] {
        mod riscv64;
        use riscv64 as target;
    } else if #[cfg(target_arch = "s390x")] {
        mod s390x;
        use s390x as target;
    } else if #[cfg(target_arch = "x86")] {
        mod x86;
        use x86 as target;
    } else {
        compile_error!(
            "barrier-arch has no trampoline for this architecture; supported, on Linux: \
             x86_64, aarch64, arm (hard float), loongarch64, powerpc64, riscv64, s390x, x86"
        );
    }
}

pub use context::{Context, Prepared, RecoverPoint, SavedRegisters, prepare, set_parent};
#[cfg(all(feature = "unwind", not(target_arch = "arm")))]
pub(crate) use table::landing_pad;
pub use table::{is_trampoline, stub_table};
pub(crate) use target::returned_through;
pub(crate) use target::{AtomicSlot, HEALS, Slot};
#[cfg(all(feature = "unwind", not(target_arch = "arm")))]
pub(crate) use target::{GR_EXCEPTION, GR_ORIGINAL};
#[cfg(all(feature = "unwind", target_arch = "arm"))]
pub(crate) use target::{PARENT, SAVED_BYTES, SAVED_PC, SAVED_R4, class_of_tail};
pub use target::{SLOT_BYTES, interrupted_return, own_frame, protect, recover, sign, strip, switch, trap};

/// May a barrier come to stand in another slot than it was installed in, by a tail call? See [`crate::patch::settle`].
pub const SLOTS_MOVE: bool = match description::host() {
    Some(host) => host.slots_move(),
    None => false,
};

/// Which of its keys AArch64 code authenticates its return addresses with: key B if the augmentation string of its frames' CIE has a `B`. Of the crates
/// beside this one `unwind-walk` reads that (feature `cfi`, `Unwind::signing`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKey {
    /// `paciasp`: what compilers choose by themselves.
    A,
    /// `pacibsp`: `-mbranch-protection=pac-ret+b-key`.
    B,
}

/// Stack pointer after a return through `slot`, for a frame that ends where its slot does: the lowest it can be.
pub const fn sp_after(slot: usize) -> usize {
    (slot + SLOT_BYTES).wrapping_sub(target::LINKAGE_BYTES)
}

/// Has the frame that keeps its return address in `slot` been left, now that the stack pointer is `sp`?
///
/// On most machines a slot that lies below the stack pointer. Where the return address is kept in the *caller's*
/// frame, its linkage area counts as the callee's.
pub const fn is_popped(slot: usize, sp: usize) -> bool {
    slot < sp.saturating_add(target::LINKAGE_BYTES)
}
