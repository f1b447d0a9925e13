//! What a walk reports of each frame.

use core::fmt;

use crate::step::Registers;

/// One frame of a stopped stack. Addresses, in bytes.
///
/// ```text
///   caller.cfa          →  ┌────────────────┐  = sp of the next frame
///   caller.return_slot  →  │ return address │  or a barrier, of which caller.return_pc is the original
///                          │ …              │
///   sp                  →  └────────────────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[doc(alias = "stkframe")]
pub struct Frame {
    /// 0 is the youngest frame; skipped frames count.
    pub index: usize,
    /// Where the frame goes on executing, never the address of a barrier. See [`Frame::lookup_pc`].
    pub pc: usize,
    /// Its stack pointer.
    pub sp: usize,
    /// Its frame pointer.
    pub fp: usize,
    /// `pc` is the instruction at which the frame was interrupted, not a return address.
    pub interrupted: bool,
    /// The way to the caller. `None` if there is none known: that is the outermost frame, or, in a diagnostic walk
    /// only, the frame at which the walk lost its way (its [`End`](crate::End) says which).
    pub caller: Option<Caller>,
}

/// The way from a frame to its caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Canonical frame address: the stack pointer in the caller after the return.
    pub cfa: usize,
    /// Address of the word that holds the return address, or a barrier over it.
    pub return_slot: usize,
    /// The original return address, whether or not a barrier stands over it; without its authentication code, if it has one.
    pub return_pc: usize,
    /// The caller's frame pointer.
    pub fp: usize,
    /// Index of the record of the barrier in `return_slot`, if there is one.
    pub barrier: Option<usize>,
}

impl Frame {
    /// The address by which to look up what is known of the frame's *call*: function, line, exception table.
    ///
    /// A return address is where the frame goes on, one past its call. If the call is the last instruction of a
    /// function (the callee never returns) or of a line, the return address belongs to the next one; so one is taken
    /// off, which is an address within the call. The pc of an interrupted frame is exact and stays: the byte before
    /// it may be another function's.
    ///
    /// Tables that are keyed by return addresses themselves, such as stack maps, want [`Frame::pc`].
    #[inline]
    pub const fn lookup_pc(&self) -> usize {
        if self.interrupted { self.pc } else { self.pc.wrapping_sub(1) }
    }

    /// Index of the record of the barrier in the frame's return slot, if there is one.
    #[inline]
    pub fn barrier(&self) -> Option<usize> {
        self.caller.and_then(|caller| caller.barrier)
    }

    /// What a walk would start from to see this frame first.
    #[inline]
    pub const fn registers(&self) -> Registers {
        Registers { pc: self.pc, sp: self.sp, fp: self.fp }
    }
}

impl Caller {
    /// The caller's own frame, its caller not yet known.
    #[inline(always)]
    pub(crate) const fn frame(&self, index: usize) -> Frame {
        Frame { index, pc: self.return_pc, sp: self.cfa, fp: self.fp, interrupted: false, caller: None }
    }
}

/// `#2 pc 0x401080 sp 0x7f20 fp 0x7f60 *0x7f68=0x4010c0 barrier 1`
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} pc {:#x} sp {:#x} fp {:#x}", self.index, self.pc, self.sp, self.fp)?;
        match &self.caller {
            Some(caller) => write!(f, " {caller:?}"),
            None => f.write_str(" no caller"),
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "*{:#x}={:#x}", self.return_slot, self.return_pc)?;
        self.barrier.map_or(Ok(()), |index| write!(f, " barrier {index}"))
    }
}
