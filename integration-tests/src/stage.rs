//! A stack to look at: code that runs on a stack of its own, waits where it is told to, and can be moved meanwhile.
//!
//! ```text
//!   stack_base ← enter ← body ← frames(n) ← … ← frames(0) ← bottom ← Stage::pause
//! ```
//!
//! What stands on it may be moved if no frame holds an address of the stack but for its frame record. [`frames`] is written in assembly, so
//! that this is so and every instruction of it is known; a body and a bottom keep to it by having no locals.

use std::arch::naked_asm;

use barrier_arch::arch::{self, Context};
use barrier_arch::{Spacing, StkbarSlice, patch};
use stack_alloc::{Config, Stack, StackPool, relocate};
use unwind_walk::Registers;

/// Code on a stack of its own. Boxed: the code knows its address.
#[derive(Debug)]
pub struct Stage {
    pool: StackPool,
    stack: Stack,
    bars: StkbarSlice,
    outermost_sp: usize,
    here: Context,
    main: Context,
    body: extern "C" fn(usize),
    argument: usize,
    done: bool,
}

impl Stage {
    /// A stack of `bytes` bytes on which the first [`Stage::resume`] will call `body(argument)`.
    ///
    /// # Panics
    ///
    /// If there is no such stack.
    pub fn new(bytes: usize, spacing: Spacing, body: extern "C" fn(usize), argument: usize) -> Box<Stage> {
        let pool = StackPool::new(Config { spacing, ..Config::default() });
        let (stack, bars) = pool.alloc(bytes).expect("a stack");
        let (here, main) = (Context::default(), Context::default());
        let mut stage =
            Box::new(Stage { pool, stack, bars, outermost_sp: 0, here, main, body, argument, done: false });
        // SAFETY: an unused stack.
        let prepared = unsafe { arch::prepare(stage.bars.stack_hi(), enter, &raw mut *stage as usize) };
        (stage.here, stage.outermost_sp) = (prepared.context, prepared.outermost_sp);
        stage
    }

    /// Runs until the next pause, or the end. Says whether it has ended.
    ///
    /// # Panics
    ///
    /// If it had ended before.
    pub fn resume(&mut self) -> bool {
        assert!(!self.done, "the stage has ended");
        let stage: *mut Stage = self;
        // SAFETY: the context was filled in by `prepare` or by the switch in `pause`; nobody else enters it.
        unsafe { arch::switch(&raw mut (*stage).main, &raw const (*stage).here) };
        self.done
    }

    /// Leaves the stack for whoever resumed it.
    ///
    /// # Safety
    ///
    /// The caller runs on the stack of `stage`.
    #[inline(never)]
    pub unsafe fn pause(stage: *mut Stage) {
        // SAFETY: whoever resumed us waits there.
        unsafe { arch::switch(&raw mut (*stage).here, &raw const (*stage).main) };
    }

    /// What it was left with.
    pub fn registers(&self) -> Registers {
        // SAFETY: this borrow shows that it does not run.
        let saved = unsafe { self.here.registers() };
        Registers { pc: saved.pc, sp: saved.sp, fp: saved.fp }
    }

    /// Its barriers.
    pub fn bars(&self) -> &StkbarSlice {
        &self.bars
    }

    /// Stack pointer of its outermost frame.
    pub fn outermost_sp(&self) -> usize {
        self.outermost_sp
    }

    /// Installs barriers where `spacing` wants them; not in the youngest frame, which is a context switch.
    pub fn install(&self, spacing: Spacing) -> usize {
        // SAFETY: it does not run.
        let frames = unsafe { chain(self.registers()) };
        // SAFETY: as above; these are all its frames.
        unsafe { install(&self.bars, &frames, spacing) }
    }

    /// An empty stack of `bytes` bytes from the same pool, to move to.
    ///
    /// # Panics
    ///
    /// If there is no such stack.
    pub fn another(&self, bytes: usize) -> (Stack, StkbarSlice) {
        self.pool.alloc(bytes).expect("a stack")
    }

    /// Copies everything to `new` and goes on there. The old stack stays as it was: the one that is returned.
    ///
    /// # Panics
    ///
    /// If it does not fit.
    pub fn move_to(&mut self, new: (Stack, StkbarSlice)) -> (Stack, StkbarSlice) {
        // SAFETY: it does not run.
        let saved = unsafe { self.here.registers() };
        let shift_by = new.1.stack_hi().wrapping_sub(self.bars.stack_hi());
        let records = |shift: &mut dyn FnMut(*mut usize)| {
            let saved_words = (saved.saved_from..saved.sp).step_by(size_of::<usize>());
            let mut fp = saved.fp;
            let records = std::iter::from_fn(|| {
                let record = (fp != 0).then_some(fp)?;
                // SAFETY: a frame record on the old stack, which is whole.
                fp = unsafe { (record as *const usize).read() };
                Some(record)
            });
            saved_words.chain(records).for_each(|word| shift(word.wrapping_add(shift_by) as *mut usize));
        };
        // SAFETY: it does not run, nothing runs on `new`, and the frames' records are all the addresses it holds.
        unsafe { relocate((&self.stack, &self.bars), (&new.0, &new.1), saved.saved_from, records) }
            .expect("it fits");
        self.here = self.here.moved(shift_by);
        self.outermost_sp = self.outermost_sp.wrapping_add(shift_by);
        (std::mem::replace(&mut self.stack, new.0), std::mem::replace(&mut self.bars, new.1))
    }

    /// Takes back a stack that it has moved away from. Nobody looks at it any more.
    pub fn free(&self, (stack, bars): (Stack, StkbarSlice)) {
        // SAFETY: from this pool, by way of `another` or `new`; what ran on it has moved.
        unsafe { self.pool.free(stack, bars) }
    }
}

/// The first function on every stage.
extern "C" fn enter(stage: usize) -> ! {
    let stage = stage as *mut Stage;
    // SAFETY: `Stage::new` passes its address, and somebody who has it resumed us.
    unsafe {
        ((*stage).body)((*stage).argument);
        patch::purge(&(*stage).bars);
        (*stage).done = true;
        Stage::pause(stage)
    }
    unreachable!("nobody resumes a stage that has ended")
}

/// A recursion of `depth + 1` frames of 256 bytes, the last of which calls `bottom(argument)`.
#[unsafe(naked)]
pub extern "C" fn frames(depth: usize, bottom: extern "C" fn(usize), argument: usize) {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, 240",
        "test rdi, rdi",
        "jz 2f",
        "dec rdi",
        "call {frames}",
        "leave",
        "ret",
        "2:",
        "mov rdi, rdx",
        "call rsi",
        "leave",
        "ret",
        frames = sym frames,
    )
}

/// The frames that the chain of frame records shows from `youngest` on: the truth, as long as there are no barriers.
///
/// # Safety
///
/// `youngest` is a frame of a stack that does not run, or the caller's own, and all its frames keep records.
pub unsafe fn chain(youngest: Registers) -> Vec<Registers> {
    const WORD: usize = size_of::<usize>();
    let caller = |frame: &Registers| {
        let record = (frame.fp != 0).then_some(frame.fp as *const usize)?;
        // SAFETY: the record of a live frame.
        let (fp, pc) = unsafe { (record.read(), record.add(1).read()) };
        Some(Registers { pc, sp: frame.fp + 2 * WORD, fp })
    };
    std::iter::successors(Some(youngest), caller).collect()
}

/// Installs barriers where `spacing` wants them, in the return slots of all `frames` but the youngest and the outermost.
///
/// # Safety
///
/// They are the frames of the stack of `bars`, which does not run or runs this very call, and return to one another.
pub unsafe fn install(bars: &StkbarSlice, frames: &[Registers], spacing: Spacing) -> usize {
    let Some(youngest) = frames.first() else { return 0 };
    let mut thresholds = spacing.thresholds(youngest.sp);
    let mut installed = 0;
    for caller in frames.iter().skip(2) {
        // SAFETY: a live return slot, by the caller's promise.
        let placed = thresholds.wants(caller.sp)
            && unsafe { patch::install(bars, caller.sp - size_of::<usize>()) }.is_ok();
        if placed {
            thresholds.placed();
            installed += 1;
        }
    }
    installed
}
