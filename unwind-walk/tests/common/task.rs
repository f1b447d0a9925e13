//! A recursion of known depth on a stack of its own, stopped by a real context switch: to be walked, and returned through barriers.
//!
//! ```text
//!   stack_base ← enter ← descend(DEPTH) ← … ← descend(0) ← pause, where the stack is left
//! ```
//!
//! In the place of `descend` there may be other frames.

use core::hint::black_box;
use core::ops::ControlFlow;
use core::ptr::NonNull;
use std::alloc::{Layout, alloc, dealloc};

use barrier_arch::arch::{Context, prepare, switch};
use barrier_arch::{SizeClass, Spacing, StkbarSlice, patch};
use unwind_walk::{End, Frame, LiveStack, Registers, Unwind, Walk};

pub(crate) const DEPTH: usize = 200;
const PAUSES: [usize; 4] = [0, 1, 57, DEPTH];
const SIZE: usize = 1 << 18;

/// Frames that [`pause`] the task at the bottom and return the sum of their depths. Arguments: the task, and the depth.
pub(crate) type Frames = extern "C" fn(*mut Task, usize) -> usize;

/// Begins with the contexts, of a word each: where the task was left, and where it was resumed.
#[repr(C)]
pub(crate) struct Task {
    here: Context,
    main: Context,
    body: Frames,
    pub(crate) outermost_sp: usize,
    pub(crate) bars: StkbarSlice,
    pub(crate) base: NonNull<u8>,
    /// Address of a local of each `descend`, by depth.
    locals: [usize; DEPTH + 1],
    pub(crate) result: usize,
}

#[inline(never)]
pub(crate) extern "C" fn pause(task: *mut Task) {
    // SAFETY: `main` was filled in by the switch that resumed this stack, and waits there.
    unsafe { switch(&raw mut (*task).here, &raw const (*task).main) };
    black_box(());
}

#[inline(never)]
pub(crate) extern "C" fn descend(task: *mut Task, depth: usize) -> usize {
    let local = black_box(depth);
    // SAFETY: the main stack waits meanwhile.
    unsafe { (*task).locals[depth] = &raw const local as usize };
    let below = if depth > 0 { descend(task, depth - 1) } else { 0 };
    if PAUSES.contains(&depth) {
        pause(task);
    }
    black_box(&local);
    below + depth
}

extern "C" fn enter(task: usize) -> ! {
    let task = task as *mut Task;
    // SAFETY: as above.
    let result = unsafe { (*task).body }(task, DEPTH);
    // SAFETY: as above.
    unsafe { (*task).result = result };
    loop {
        pause(task);
    }
}

impl Task {
    fn layout() -> Layout {
        Layout::from_size_align(SIZE, SIZE).unwrap()
    }

    pub(crate) fn new(spacing: Spacing, body: Frames) -> Box<Task> {
        // SAFETY: not of size zero.
        let base = NonNull::new(unsafe { alloc(Self::layout()) }).unwrap();
        // SAFETY: aligned to its size, ours.
        let bars = unsafe { StkbarSlice::steal(base, SizeClass::of(SIZE).unwrap(), spacing) };
        let (here, main) = (Context::default(), Context::default());
        let locals = [0; DEPTH + 1];
        let mut task = Box::new(Task { body, here, main, outermost_sp: 0, bars, base, locals, result: 0 });
        // SAFETY: the unused stack below the array.
        let prepared = unsafe { prepare(task.bars.stack_hi(), enter, &raw mut *task as usize) };
        (task.here, task.outermost_sp) = (prepared.context, prepared.outermost_sp);
        task
    }

    /// Runs until the next pause.
    pub(crate) fn resume(&mut self) {
        let task: *mut Task = self;
        // SAFETY: `here` was filled in by `prepare` or by the switch in `pause`; nobody else enters it.
        unsafe { switch(&raw mut (*task).main, &raw const (*task).here) };
    }

    pub(crate) fn registers(&self) -> Registers {
        // SAFETY: the stack does not run.
        let saved = unsafe { self.here.registers() };
        Registers { pc: saved.pc, sp: saved.sp, fp: saved.fp }
    }

    /// All frames, by `unwind`; the barriers given, or found.
    pub(crate) fn walk(&self, unwind: &impl Unwind, with_list: bool) -> Vec<Frame> {
        let mut frames = vec![];
        // SAFETY: the stack lives as long as the task and does not run now.
        let live = unsafe { LiveStack::new(self.base.as_ptr() as usize, self.bars.top()) };
        let walk = Walk::new(unwind, &live).suspended();
        let walk = if with_list { walk.barriers(&self.bars) } else { walk.find_barriers() };
        let walked = walk.strict(self.outermost_sp, self.registers(), |frame| {
            frames.push(*frame);
            ControlFlow::Continue(())
        });
        assert_eq!(walked.unwrap().end, End::Outermost);
        frames
    }

    /// Barriers where the spacing wants them, after the old ones are removed.
    pub(crate) fn install(&self, unwind: &impl Unwind, spacing: Spacing) -> usize {
        let sp = self.registers().sp;
        // SAFETY: the stack is stopped at `sp`.
        unsafe { patch::remove(&self.bars, sp) };
        let mut thresholds = spacing.thresholds(sp);
        let mut count = 0;
        for caller in self.walk(unwind, true).iter().skip(1).filter_map(|frame| frame.caller) {
            if thresholds.wants(caller.cfa)
                // SAFETY: the return slot of a frame that was just walked, not the youngest.
                && unsafe { patch::install(&self.bars, caller.return_slot) }.is_ok()
            {
                thresholds.placed();
                count += 1;
            }
        }
        count
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; nobody runs on it any more.
        unsafe { dealloc(self.base.as_ptr(), Task::layout()) }
    }
}

/// The frames are those of the recursion, paused on its way up at `depth`.
fn check(task: &Task, frames: &[Frame], depth: usize) {
    assert_eq!(frames.len(), 1 + (DEPTH - depth + 1) + 2);
    let descents = &frames[1..][..DEPTH - depth + 1];
    for (frame, local) in descents.iter().zip(&task.locals[depth..]) {
        assert!((frame.sp..frame.caller.unwrap().cfa).contains(local), "{frame} does not hold {local:#x}");
    }
    // All but the paused one wait at the same call, which lies in `descend`.
    let pcs = &descents[1..];
    assert!(pcs.windows(2).all(|pair| pair[0].pc == pair[1].pc));
    let distance = |pc: usize| pc.wrapping_sub(code_of(descend as *const ()));
    assert!(descents.iter().all(|frame| distance(frame.lookup_pc()) < 1024));
    assert_eq!(frames.last().unwrap().sp, task.outermost_sp);
}

/// Where a function's code starts: by the older ABI of PowerPC its address is that of a descriptor.
pub(crate) fn code_of(function: *const ()) -> usize {
    // SAFETY: the first word of a descriptor.
    if cfg!(target_abi = "elfv1") { unsafe { *function.cast() } } else { function as usize }
}

/// The recursion is walked by `unwind` between its returns through barriers, which that walk has found the slots for.
pub(crate) fn returns_through_barriers(unwind: &impl Unwind) {
    for (spacing, least) in [(Spacing::Off, 0), (Spacing::default(), 3), (Spacing::EveryFrame, DEPTH)] {
        for reinstall in [false, true] {
            let mut task = Task::new(spacing, descend);
            for (pause, depth) in PAUSES.into_iter().enumerate() {
                task.resume();
                let frames = task.walk(unwind, true);
                check(&task, &frames, depth);
                if pause == 0 || reinstall {
                    let count = task.install(unwind, spacing);
                    assert!(pause > 0 || count >= least, "{count} barriers");
                    let after = task.walk(unwind, true);
                    check(&task, &after, depth);
                    assert!(after.iter().map(Frame::registers).eq(frames.iter().map(Frame::registers)));
                    assert_eq!(after.iter().filter(|frame| frame.barrier().is_some()).count(), count);
                }
                assert_eq!(task.walk(unwind, true), task.walk(unwind, false));
            }
            task.resume();
            assert_eq!(task.result, DEPTH * (DEPTH + 1) / 2);
        }
    }
}
