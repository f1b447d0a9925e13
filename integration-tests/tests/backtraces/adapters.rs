//! wasmtime's unwinder, whose loop follows frame pointers: it sees through barriers if its one reading function does; and its implementation for
//! this machine drives our walk.
//!
//! The trait is wasmtime's own business and changes without notice: these two adapters are to be copied, not depended on.

use std::arch::asm;
use std::ops::ControlFlow;

use barrier_arch::patch;
use integration_tests::foreign::BOTH;
use integration_tests::ground::{By, Ground};
use unwind_walk::{LiveStack, ReadWord, Registers, Step, StepError, Unwind, Walk};
use wasmtime_internal_unwinder::{Unwind as WasmtimeUnwind, UnwindHost, visit_frames};

use crate::{Trace, look};

/// wasmtime's unwinder for this machine, with barriers resolved.
struct Resolving;

// SAFETY: as `UnwindHost`; where a barrier stands, the return address is in its record.
unsafe impl WasmtimeUnwind for Resolving {
    fn next_older_fp_from_fp_offset(&self) -> usize {
        UnwindHost.next_older_fp_from_fp_offset()
    }
    fn next_older_sp_from_fp_offset(&self) -> usize {
        UnwindHost.next_older_sp_from_fp_offset()
    }
    unsafe fn get_next_older_pc_from_fp(&self, fp: usize) -> usize {
        // SAFETY: a frame pointer, by the caller's promise: the return slot is above it.
        unsafe { patch::caller_pc((fp as *const usize).add(1)) }
    }
    fn assert_fp_is_aligned(&self, fp: usize) {
        UnwindHost.assert_fp_is_aligned(fp);
    }
}

/// Our stepper, by what wasmtime's trait says of frames.
struct ByWasmtime<U>(U);

impl<U: WasmtimeUnwind> Unwind for ByWasmtime<U> {
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        let &Registers { fp, .. } = registers;
        if fp == 0 {
            return Ok(Step::Outermost);
        }
        let saved = fp.wrapping_add(self.0.next_older_fp_from_fp_offset());
        let cfa = fp.wrapping_add(self.0.next_older_sp_from_fp_offset());
        let caller_fp = memory.read_word(saved).ok_or(StepError::Unreadable(saved))?;
        Ok(Step::Caller { cfa, return_slot: cfa - size_of::<usize>(), fp: caller_fp })
    }
}

#[inline(always)]
fn here() -> Registers {
    let (pc, sp, fp): (usize, usize, usize);
    // SAFETY: reads registers.
    unsafe {
        asm!("lea {}, [rip]", "mov {}, rsp", "mov {}, rbp", out(reg) pc, out(reg) sp, out(reg) fp, options(nomem, nostack));
    }
    Registers { pc, sp, fp }
}

fn walk(ground: &Ground, from: Registers, unwind: &impl Unwind) -> Vec<Registers> {
    // SAFETY: the stack that we run on.
    let live = unsafe { LiveStack::new(from.sp, ground.bars().top()) };
    let mut seen = Vec::new();
    let walked = Walk::new(unwind, &live).barriers(ground.bars()).diagnose(from, |frame| {
        seen.push(frame.registers());
        ControlFlow::Continue(())
    });
    assert_eq!(walked.end, unwind_walk::End::Outermost);
    seen
}

/// In all modes the same frames; code with frame pointers only.
fn same(consumer: &mut dyn FnMut(&Ground) -> Trace) {
    let mut all = Vec::new();
    for spacing in integration_tests::MODES {
        let (seen, _) = look(&BOTH[0], spacing, By::FramePointers, consumer);
        assert!(seen.len() > 12 * 4 && !seen.iter().any(|&pc| barrier_arch::arch::is_trampoline(pc)));
        all.push(seen);
    }
    assert!(all[0] == all[1] && all[0] == all[2]);
}

#[test]
fn wasmtimes_loop_with_barriers_resolved() {
    same(&mut |ground| {
        let from = here();
        let frames = walk(ground, from, &unwind_walk::FramePointers);
        // Up to the first function on the stack: its trampoline, in wasmtime's words.
        let last = frames[frames.len() - 2].fp;
        let mut seen = Vec::new();
        // SAFETY: our own frames, which keep frame pointers, `last` among them.
        let walked: ControlFlow<()> = unsafe {
            visit_frames(&Resolving, from.pc, from.fp, last, |frame| {
                seen.push(frame.pc());
                ControlFlow::Continue(())
            })
        };
        assert!(walked.is_continue());
        let ours: Trace = frames[..seen.len()].iter().map(|frame| frame.pc).collect();
        assert_eq!(seen, ours);
        seen.remove(0);
        seen
    });
}

#[test]
fn wasmtimes_offsets_drive_our_walk() {
    same(&mut |ground| {
        let frames = walk(ground, here(), &ByWasmtime(UnwindHost));
        frames[1..].iter().map(|frame| frame.pc).collect()
    });
}
