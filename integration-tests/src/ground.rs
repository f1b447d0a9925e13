//! A stack of one's own for a closure, and barriers on it, placed by frame pointers or by unwind tables.
//!
//! ```text
//!   thread's stack                 ground
//!     … ← Ground::run   ═resumes═▶  stack_base ← enter ← the closure ← … ← Ground::scan
//! ```
//!
//! A debugger and a panic go on from one to the other. There is no collector here: [`Ground::scan`] does to the caller's frames what a collector's
//! first scan does.

use std::any::Any;
use std::arch::asm;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use barrier_arch::arch::{self, Context};
use barrier_arch::sanitizer::Fibre;
use barrier_arch::{Spacing, StkbarSlice, is_barrier, patch};
use stack_alloc::{Config, GuardPages, StackPool};
use unwind_walk::{End, LiveStack, Registers, Walk};

pub use crate::by::{By, Stepper, tables};

/// A stack with a closure running on it.
#[derive(Debug)]
pub struct Ground {
    bars: StkbarSlice,
    spacing: Spacing,
    by: By,
    outermost_sp: usize,
    scans: Cell<usize>,
    installed: Cell<usize>,
}

struct Job<'a, F, R> {
    f: Option<F>,
    ground: &'a Ground,
    result: Option<Result<R, Box<dyn Any + Send>>>,
    back: Context,
    fibre: Fibre,
}

impl Ground {
    /// Runs `f` on a new stack of `bytes` bytes and returns its result. A panic comes out here.
    ///
    /// # Panics
    ///
    /// If there is no such stack.
    pub fn run<R>(bytes: usize, spacing: Spacing, by: By, f: impl FnOnce(&Ground) -> R) -> R {
        let pool = StackPool::new(Config { spacing, guard: GuardPages::Mprotect, ..Config::default() });
        let (stack, bars) = pool.alloc(bytes).expect("a stack");
        // SAFETY: the stack goes back to the pool below, when nobody uses the other handle any more.
        let handle = unsafe { bars.alias() };
        let (scans, installed) = Default::default();
        let mut ground = Ground { bars: handle, spacing, by, outermost_sp: 0, scans, installed };
        let result = ground.enter(f);
        // SAFETY: from this pool; what ran on it has ended.
        unsafe { pool.free(stack, bars) };
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn enter<R, F: FnOnce(&Ground) -> R>(&mut self, f: F) -> Result<R, Box<dyn Any + Send>> {
        self.outermost_sp = self.bars.stack_hi() - 16;
        // SAFETY: nobody uses the stack.
        let fibre = unsafe { Fibre::new(self.bars.base()..self.bars.stack_hi()) };
        let mut job = Job { f: Some(f), ground: self, result: None, back: Context::default(), fibre };
        // SAFETY: nobody uses the stack; `job` outlives the run, at whose end `back` is resumed.
        unsafe {
            let prepared = arch::prepare(job.ground.bars.stack_hi(), enter::<F, R>, &raw mut job as usize);
            assert_eq!(prepared.outermost_sp, job.ground.outermost_sp);
            arch::set_parent(prepared.outermost_sp, &raw const job.back);
            let job = &raw mut job;
            Fibre::resume(
                &mut Fibre::of_thread(),
                &raw mut (*job).fibre,
                &raw mut (*job).back,
                &prepared.context,
            );
        }
        job.result.expect("it has ended")
    }

    /// Its barriers.
    pub fn bars(&self) -> &StkbarSlice {
        &self.bars
    }

    /// What a collector does to the caller's stack at the beginning of a cycle: takes away what barriers there are and installs new ones, from
    /// the caller's frame on. Says how many.
    ///
    /// # Panics
    ///
    /// If the frames cannot be walked up to the outermost one, or the invariants do not hold before or after.
    #[inline(never)]
    pub fn scan(&self) -> usize {
        let (pc, sp, fp): (usize, usize, usize);
        // SAFETY: reads registers.
        unsafe {
            asm!("lea {}, [rip]", "mov {}, rsp", "mov {}, rbp", out(reg) pc, out(reg) sp, out(reg) fp, options(nomem, nostack));
        }
        let here = Registers { pc, sp, fp };
        // SAFETY: this thread is on the stack.
        unsafe { patch::remove(&self.bars, sp) };
        let slots = self.return_slots(here);
        let mut thresholds = self.spacing.thresholds(sp);
        let mut installed = 0;
        // Not in our own frame, nor in the one that the stack began with.
        for &slot in &slots[1..slots.len() - 1] {
            // SAFETY: a live return slot of this very stack.
            if thresholds.wants(slot + 8) && unsafe { patch::install(&self.bars, slot) }.is_ok() {
                thresholds.placed();
                installed += 1;
            }
        }
        self.scans.set(self.scans.get() + 1);
        self.installed.set(self.installed.get() + installed);
        assert_eq!(self.standing(&slots), installed, "{}", self.bars);
        installed
    }

    /// Return slots of all frames, youngest first.
    fn return_slots(&self, from: Registers) -> Vec<usize> {
        // SAFETY: the stack that we run on.
        let live = unsafe { LiveStack::new(from.sp, self.bars.top()) };
        let mut slots = Vec::new();
        let unwind = self.by.stepper();
        let walk = Walk::new(&unwind, &live).barriers(&self.bars);
        let walked = walk.strict(self.outermost_sp, from, |frame| {
            slots.extend(frame.caller.map(|caller| caller.return_slot));
            ControlFlow::Continue(())
        });
        match walked {
            Ok(walked) => assert_eq!(walked.end, End::Outermost),
            Err(error) => panic!("{error}"),
        }
        slots
    }

    /// How many of these slots hold a barrier.
    fn standing(&self, slots: &[usize]) -> usize {
        // SAFETY: live slots of this very stack.
        slots.iter().filter(|&&slot| is_barrier(unsafe { *(slot as *const usize) })).count()
    }

    /// Are all barriers that were not hit at or above the caller's frame, and do they stand?
    ///
    /// # Panics
    ///
    /// If not.
    #[inline(never)]
    pub fn check_exact(&self) {
        let here = 0_usize;
        for index in self.bars.position()..self.bars.len() {
            let slot = self.bars.get(index).expect("below the length").saved_lr_ptr;
            assert!(
                slot > (&raw const here) as usize,
                "barrier {index} was crossed and not hit: {}",
                self.bars
            );
            // SAFETY: a slot above, on this very stack.
            let word = unsafe { *(slot as *const usize) };
            assert!(is_barrier(word), "barrier {index} does not stand: {}", self.bars);
        }
    }

    /// How many scans there were.
    pub fn scans(&self) -> usize {
        self.scans.get()
    }

    /// How many barriers all scans installed.
    pub fn installed(&self) -> usize {
        self.installed.get()
    }
}

/// The first function on the stack.
extern "C" fn enter<F: FnOnce(&Ground) -> R, R>(job: usize) -> ! {
    // SAFETY: `Ground::enter` passes its job and waits.
    let job = unsafe { &mut *(job as *mut Job<'_, F, R>) };
    // SAFETY: it runs here for the first time.
    unsafe { Fibre::entered(&raw mut job.fibre) };
    let f = job.f.take().expect("it is entered once");
    let ground = job.ground;
    job.result = Some(catch_unwind(AssertUnwindSafe(|| f(ground))));
    // SAFETY: nothing of this stack will be returned into.
    unsafe {
        patch::purge(&ground.bars);
        Fibre::leave_for_good(&raw mut job.fibre, &mut Context::default(), &raw const job.back);
    }
    unreachable!("nobody resumes a stack that has ended")
}
