//! One step to the caller, and where its return address is kept: the seam for other people's frames.
//!
//! A stepper finds the *place* of the return address and does not read it: what it means, if a barrier stands there,
//! is the walk's business.

use barrier_arch::arch::{self, SigningKey};

use crate::memory::ReadWord;

/// What a walk starts from and carries from frame to frame. Addresses, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// Where the frame goes on executing.
    pub pc: usize,
    /// Its stack pointer.
    pub sp: usize,
    /// Its frame pointer.
    pub fp: usize,
}

/// What a stepper finds out about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The frame has a caller.
    Caller {
        /// Canonical frame address: the stack pointer in the caller after the return.
        cfa: usize,
        /// Address of the word that holds the return address.
        return_slot: usize,
        /// The caller's frame pointer.
        fp: usize,
    },
    /// The frame is the outermost one.
    Outermost,
}

/// One step to the caller.
///
/// Must not allocate, lock or panic (I6): a walk may run in a signal handler. A step that does not lead upwards
/// (`cfa` not above the frame's `sp`) is refused by the walk, so that no stepper can make it loop.
///
/// A stepper for code that keeps no frame pointers, from a table that its compiler wrote:
///
/// ```
/// use unwind_walk::{ReadWord, Registers, Step, StepError, Unwind};
/// struct FrameSizes(&'static [(core::ops::Range<usize>, usize)]);
///
/// impl Unwind for FrameSizes {
///     fn step(&self, registers: &Registers, _: &impl ReadWord) -> Result<Step, StepError> {
///         let of_pc = |entry: &&(core::ops::Range<usize>, usize)| entry.0.contains(&registers.pc);
///         let (_, size) = self.0.iter().find(of_pc).ok_or(StepError::Unknown(registers.pc))?;
///         let cfa = registers.sp + size;
///         Ok(Step::Caller { cfa, return_slot: cfa - size_of::<usize>(), fp: registers.fp })
///     }
/// }
/// ```
pub trait Unwind {
    /// From the registers of a frame that waits for a call to return, to its caller.
    ///
    /// # Errors
    ///
    /// [`StepError`] if the frame cannot be unwound.
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError>;

    /// The same for a frame that was interrupted: its pc is the instruction to be executed next, not a return address. Matters to
    /// steppers that look the pc up: a return address belongs to the call before it, see [`Frame::lookup_pc`](crate::Frame::lookup_pc).
    ///
    /// # Errors
    ///
    /// As [`Unwind::step`].
    #[inline(always)]
    fn step_interrupted(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        self.step(registers, memory)
    }

    /// May a barrier come to stand in another slot than it was put into, by a tail call ([`barrier_arch::patch::settle`])?
    #[inline(always)]
    fn slots_move(&self) -> bool {
        arch::SLOTS_MOVE
    }

    /// Where a frame ends, for a barrier that has come to its return slot by a tail call: an address at or above its canonical frame
    /// address, and not above its caller's return slot. `None` where there is no caller, where barriers stay where they were put, and if it is not
    /// known: a barrier that has moved is missed then.
    ///
    /// A stepper that asks another asks it for this, too. One whose `cfa` is always exact, as that of unwind tables is, gives that one.
    fn reach(&self, registers: &Registers, memory: &impl ReadWord) -> Option<usize> {
        let _ = (registers, memory);
        None
    }

    /// With which key the frame that waits for the call at `lookup_pc` ([`Frame::lookup_pc`](crate::Frame::lookup_pc)) has signed its return
    /// address (AArch64), for whoever installs a barrier there. `None` if it has not, or if that is not known; where it is, the `cfa` of
    /// [`Unwind::step`] must be exact.
    ///
    /// A stepper that asks another asks it for this, too.
    ///
    /// ```
    /// use barrier_arch::{StkbarSlice, patch};
    /// use unwind_walk::{Frame, Unwind};
    ///
    /// /// A barrier where this frame returns to, if one can be.
    /// ///
    /// /// # Safety
    /// ///
    /// /// The stack of `bars` is stopped, and the frame was found by walking it with `unwind`; it is not the youngest.
    /// unsafe fn install(bars: &StkbarSlice, unwind: &impl Unwind, frame: &Frame) -> Result<(), patch::Refused> {
    ///     let Some(caller) = frame.caller else { return Ok(()) };
    ///     match unwind.signing(frame.lookup_pc()) {
    ///         // SAFETY: the caller's promise; that stepper knows where the frame ends.
    ///         Some(key) => unsafe { patch::install_signed(bars, caller.return_slot, caller.cfa, key) },
    ///         // SAFETY: as above.
    ///         None => unsafe { patch::install(bars, caller.return_slot) },
    ///     }
    /// }
    /// ```
    fn signing(&self, lookup_pc: usize) -> Option<SigningKey> {
        let _ = lookup_pc;
        None
    }
}

/// Why a frame could not be unwound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// A word of the stack could not be read.
    #[error("cannot read the stack at {0:#x}")]
    Unreadable(usize),
    /// A frame pointer that is no multiple of a word: code that uses the register for something else.
    #[error("frame pointer {0:#x} is misaligned; was this code compiled without frame pointers?")]
    Misaligned(usize),
    /// The caller's frame does not lie above: following it would loop.
    #[error("the frame at sp {sp:#x} leads down, to {cfa:#x}")]
    NotAbove {
        /// Stack pointer of the frame.
        sp: usize,
        /// The canonical frame address it gave.
        cfa: usize,
    },
    /// The return address has not been stored yet, or no longer: it is in a register that a walk does not have. So it may be where a function with a
    /// link register was interrupted; never where it waits for a call.
    #[error(
        "the frame at pc {0:#x} has its return address in a register: it was interrupted outside of its body"
    )]
    InRegister(usize),
    /// The stepper knows nothing of this code.
    #[error("no unwind information for pc {0:#x}")]
    Unknown(usize),
}
