//! The barriers of a stopped stack, checked from outside: [`barrier_arch::checker`] with the frames that a walk finds.
//!
//! In builds with debug assertions a [`crate::Scanner`] does this by itself: before it installs (I8), after it has installed (I1, I2: each
//! barrier stands, none is dead), and after a re-scan. Anybody may do it at any time for a stack that is stopped.
//!
//! The walk reports what it can and leaves it to the checker to object, so that a violation has one name, wherever it is found. Nothing
//! is allocated.

use core::ops::ControlFlow;

use barrier_arch::checker::{Census, Checker, Violation};
use unwind_walk::{End, Unwind, Walk};

use crate::error::ScanError;
use crate::stack::Stopped;

/// I1 and I2, for all live frames of `stack`.
///
/// # Errors
///
/// [`ScanError::Violated`]
pub fn check<'s, U: Unwind>(unwind: &U, stack: &Stopped<'s>) -> Result<Census, ScanError<'s>> {
    census(unwind, stack).map_err(|violation| ScanError::violated(violation, stack.bars()))
}

/// I8 or I12: no records, and no barrier in any live frame.
///
/// # Errors
///
/// [`ScanError::Violated`]
pub fn check_empty<'s, U: Unwind>(unwind: &U, stack: &Stopped<'s>) -> Result<(), ScanError<'s>> {
    let (position, len) = stack.bars().state();
    let empty = if len == 0 { Ok(()) } else { Err(Violation::NotEmpty { position, len }) };
    empty
        .and_then(|()| census(unwind, stack).map(drop))
        .map_err(|violation| ScanError::violated(violation, stack.bars()))
}

/// As [`check`], and no record is dead: for a stack that has just got its barriers.
///
/// # Errors
///
/// [`ScanError::Violated`]
pub fn check_all_stand<'s, U: Unwind>(unwind: &U, stack: &Stopped<'s>) -> Result<Census, ScanError<'s>> {
    let census = census(unwind, stack).and_then(Census::none_dead);
    census.map_err(|violation| ScanError::violated(violation, stack.bars()))
}

fn census<U: Unwind>(unwind: &U, stack: &Stopped<'_>) -> Result<Census, Violation> {
    let (memory, registers) = (stack.memory(), stack.registers());
    // SAFETY: stopped with this stack pointer, and mapped, by the contract of `Stopped::new`.
    let mut checker = unsafe { Checker::new(stack.bars(), registers.sp) }?;
    let mut violation = None;
    let walk = Walk::new(unwind, &memory).barriers(stack.bars());
    let walked = walk.diagnose(registers, |frame| {
        let reach = || unwind.reach(&frame.registers(), &memory);
        let checked = frame.caller.map_or(Ok(()), |caller| match frame.barrier().and_then(|_| reach()) {
            Some(reach) => checker.return_slot_below(caller.return_slot, reach),
            None => checker.return_slot(caller.return_slot),
        });
        violation = checked.err();
        if violation.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match (violation, walked.end) {
        (Some(violation), _) => Err(violation),
        (None, End::Lost(missed)) => checker.return_slot(missed.slot).map(|()| checker.finish()),
        (None, _) => Ok(checker.finish()),
    }
}
