//! Finds the barrier that a tail call has taken to another slot, by walking, and tells the list: `barrier_arch::patch::settle` has the rule.

use core::ops::ControlFlow;

use barrier_arch::StkbarSlice;
use barrier_arch::checker::Violation;
use barrier_arch::patch;
use unwind_walk::{Frame, LiveStack, Registers, Unwind, Walk};

/// Walks from `registers` to the first barrier and, if that stands elsewhere than its record says, corrects the record.
///
/// To be called before barriers are removed, skipped or unwound by the slots that their records say ([`patch`]), if the stack has run
/// since they were installed. No walk where barriers stay where they were put. [`crate::Stopped`] does it by itself.
///
/// # Errors
///
/// [`Violation::Unrecorded`]: the barrier stands over an authenticated return address that cannot be put back.
///
/// # Safety
///
/// The stack of `bars` is stopped, or runs this very call; `registers` are those of a live frame, below which no frame has a barrier. Nobody else
/// changes its barriers.
pub unsafe fn settle<U: Unwind>(
    unwind: &U,
    bars: &StkbarSlice,
    registers: Registers,
) -> Result<(), Violation> {
    if !unwind.slots_move() || bars.is_empty() {
        return Ok(());
    }
    // SAFETY: live frames, by the caller's promise, up to where the stack begins.
    let memory = unsafe { LiveStack::new(registers.sp, bars.stack_hi()) };
    let mut settled = Ok(());
    Walk::new(unwind, &memory).barriers(bars).diagnose(registers, |frame| {
        let Some(index) = frame.barrier() else { return ControlFlow::Continue(()) };
        // SAFETY: the first frame with a barrier, found by walking.
        settled = unsafe { settle_at(unwind, bars, frame, index, &memory) };
        ControlFlow::Break(())
    });
    settled
}

/// # Safety
///
/// As [`settle`]; the barrier of record `index` stands in the return slot of `frame`, the first that has one.
unsafe fn settle_at<U: Unwind>(
    unwind: &U,
    bars: &StkbarSlice,
    frame: &Frame,
    index: usize,
    memory: &LiveStack,
) -> Result<(), Violation> {
    let (Some(caller), Some(record)) = (frame.caller, bars.get(index)) else { return Ok(()) };
    let slot = caller.return_slot;
    if record.saved_lr_ptr == slot && index >= bars.position() {
        return Ok(());
    }
    let reach = unwind.reach(&frame.registers(), memory).unwrap_or(caller.cfa);
    // SAFETY: the caller's promise.
    let settled = unsafe { patch::settle(bars, index, slot, reach) };
    if settled { Ok(()) } else { Err(Violation::Unrecorded { slot, stub: bars.stub(index).pc() }) }
}
