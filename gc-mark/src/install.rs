//! The policy of installing: which frames of a first scan get a barrier.

use barrier_arch::patch::{self, Refused};
use barrier_arch::{Spacing, StkbarSlice, Thresholds};
use unwind_walk::{Caller, Frame, Unwind};

use crate::frame_map::FrameMap;

/// Installs barriers behind a walk.
///
/// A frame gets one if it ends beyond the next threshold, is not the youngest (on machines with a link register that one's
/// return address is not in its slot), and nobody objects. If somebody does, the next frame is tried; the distance
/// doubles only when a barrier was placed (I7).
#[derive(Debug)]
pub(crate) struct Installer<'s> {
    bars: &'s StkbarSlice,
    thresholds: Thresholds,
    full: bool,
    pub(crate) installed: usize,
    pub(crate) refused: usize,
}

impl<'s> Installer<'s> {
    /// For the stack of `bars`, stopped at `sp`, its array empty.
    pub(crate) fn new(bars: &'s StkbarSlice, spacing: Spacing, sp: usize) -> Installer<'s> {
        Installer { bars, thresholds: spacing.thresholds(sp), full: false, installed: 0, refused: 0 }
    }

    /// To be called for each frame, in the order of the walk, after the walk has read its return address.
    ///
    /// # Safety
    ///
    /// `frame` is a live frame of the stopped stack, found by walking it; if `map` permits a barrier for it, its return slot holds
    /// a return address and nothing else. `unwind` is what it was walked with.
    #[inline]
    pub(crate) unsafe fn offer(&mut self, frame: &Frame, map: &impl FrameMap, unwind: &impl Unwind) {
        if let Some(caller) = &frame.caller
            && frame.index > 0
            && self.thresholds.wants(caller.cfa)
            && !self.full
        {
            // SAFETY: the caller's promise, passed on.
            unsafe { self.place(frame, caller, map, unwind) }
        }
    }

    /// # Safety
    ///
    /// As [`Installer::offer`].
    unsafe fn place(&mut self, frame: &Frame, caller: &Caller, map: &impl FrameMap, unwind: &impl Unwind) {
        if !map.permits_barrier(frame.pc, caller.return_pc) {
            self.refused += 1;
            return;
        }
        let installed = match unwind.signing(frame.lookup_pc()) {
            // SAFETY: a live frame's return slot that holds a return address, by the caller's promise.
            None => unsafe { patch::install(self.bars, caller.return_slot) },
            // SAFETY: as above; the stepper knows the frame's canonical address, as it knows the key.
            Some(key) => unsafe { patch::install_signed(self.bars, caller.return_slot, caller.cfa, key) },
        };
        match installed {
            Ok(()) => {
                self.installed += 1;
                self.thresholds.placed();
            }
            Err(refused) => {
                self.refused += 1;
                self.full = matches!(refused, Refused::Full(_));
            }
        }
    }
}
