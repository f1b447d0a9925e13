//! Nothing allocates, or frees, where nothing may (I6): in walk, install, lookup, unwind, remove and the trampoline; nor while the world is stopped,
//! but for the queue of grey objects.
//!
//! The process's allocator is told when, and counts. (`STOP_AT_ALLOCATION` in the environment has it stop the process instead, for a debugger.)

#[path = "../../stack-alloc/tests/common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell as Flag;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use barrier_arch::{Spacing, StkbarSlice, arch, patch};
use common::{assert_done, in_child};
use gc_mark::{Phase, Phases};
use integration_tests::MODES;
use integration_tests::native::{Cell, Native};
use sched::Current;
use unwind_walk::{End, FramePointers, LiveStack, Registers, Walk};

/// The system's allocator, which does not like to be called at times.
struct Watched;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

thread_local! {
    static FORBIDDEN: Flag<bool> = const { Flag::new(false) };
    /// How often this thread was here when it was forbidden.
    static CALLS: Flag<usize> = const { Flag::new(0) };
}

/// Whose mark termination is looked at.
static PHASES: AtomicPtr<Phases> = AtomicPtr::new(std::ptr::null_mut());
static WHILE_STOPPED: AtomicUsize = AtomicUsize::new(0);

impl Watched {
    fn look(&self) {
        if FORBIDDEN.get() {
            CALLS.set(CALLS.get() + 1);
            Watched::stop();
        }
        // SAFETY: the test that stores it keeps it alive until it has taken it back.
        let phases = unsafe { PHASES.load(Ordering::Acquire).as_ref() };
        if phases.is_some_and(|phases| phases.now() == Phase::MarkTermination) {
            WHILE_STOPPED.fetch_add(1, Ordering::Relaxed);
            Watched::stop();
        }
    }

    fn stop() {
        // SAFETY: nobody changes the environment; unlike std's function this one does not allocate.
        if unsafe { !libc::getenv(c"STOP_AT_ALLOCATION".as_ptr()).is_null() } {
            std::process::abort();
        }
    }
}

// SAFETY: it is the system's.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.look();
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.look();
        // SAFETY: passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        self.look();
        // SAFETY: passed on.
        unsafe { System.realloc(block, layout, bytes) }
    }
}

fn forbid() {
    FORBIDDEN.set(true);
}

/// Allows it again; says how often somebody allocated or freed meanwhile.
fn allow() -> usize {
    FORBIDDEN.set(false);
    CALLS.take()
}

const FRAMES: usize = 40;

/// `n` frames of a few hundred bytes, `bottom` below.
#[inline(never)]
fn deep(n: usize, bottom: &mut dyn FnMut()) -> u8 {
    let ballast = black_box([n as u8; 300]);
    if n == 0 {
        bottom();
        return 0;
    }
    deep(n - 1, bottom).wrapping_add(black_box(&ballast)[7])
}

/// What every stack has above its outermost frame's stack pointer: it is the architecture's choice.
fn outermost_bytes() -> usize {
    extern "C" fn never(_: usize) -> ! {
        std::process::abort()
    }
    let mut unused = [0_u128; 64];
    let hi = unused.as_mut_ptr_range().end as usize;
    // SAFETY: nobody uses that memory, and nobody switches to it.
    hi - unsafe { arch::prepare(hi, never, 0) }.outermost_sp
}

/// Return slots of the caller's own stack, youngest first; the strict walk and the diagnostic one agree on their number.
fn slots(bars: &StkbarSlice, found: &mut [usize]) -> usize {
    let (sp, fp) = arch::own_frame();
    // SAFETY: the caller's own stack.
    let memory = unsafe { LiveStack::new(sp, bars.top()) };
    let registers = Registers { pc: slots as *const () as usize + 1, sp, fp };
    let walk = Walk::new(&FramePointers, &memory).barriers(bars);
    let mut count = 0;
    let walked = walk.strict(bars.stack_hi() - outermost_bytes(), registers, |frame| {
        if let Some(caller) = frame.caller {
            found[count] = caller.return_slot;
            count += 1;
        }
        ControlFlow::Continue(())
    });
    assert!(walked.is_ok_and(|walked| walked.end == End::Outermost));
    let diagnosed = walk.diagnose(registers, |_| ControlFlow::Continue(()));
    assert!(diagnosed.end == End::Outermost && diagnosed.frames == count + 1);
    count
}

/// Barriers over the frames of the caller, by `spacing`, and all that one may do with them.
fn patch_all(bars: &StkbarSlice, spacing: Spacing) -> usize {
    let mut found = [0; FRAMES + 40];
    let (sp, _) = arch::own_frame();
    let count = slots(bars, &mut found);
    let mut thresholds = spacing.thresholds(sp);
    // Not our own frames, which return while the slots are looked at, nor what the stack began with.
    for &slot in &found[2..count - 1] {
        // SAFETY: a live return slot of this stack.
        if thresholds.wants(arch::sp_after(slot)) && unsafe { patch::install(bars, slot) }.is_ok() {
            thresholds.placed();
        }
    }
    let installed = bars.len();
    let mut again = [0; FRAMES + 40];
    assert!(slots(bars, &mut again) == count && again == found);
    for &slot in &found[2..count - 1] {
        // SAFETY: as above.
        let pc = unsafe { patch::caller_pc(slot as *const usize) };
        assert!(!barrier_arch::is_barrier(pc));
        assert!(bars.find(slot).is_none_or(|(_, record)| record.return_pc() == pc));
    }
    if let Some(record) = bars.get(installed / 2) {
        // SAFETY: this very stack.
        unsafe { patch::unwind(bars, sp, record.saved_lr_ptr) };
    }
    installed
}

#[test]
fn the_allocator_notices() {
    forbid();
    drop(black_box(Box::new(1)));
    assert_eq!(allow(), 2);
}

#[test]
fn barriers_and_walks_do_not_allocate() {
    for spacing in MODES {
        let runtime = Native::builder(8 << 20).workers(1).spacing(spacing).start().unwrap();
        let task = runtime.spawn(move |current| {
            current.bars(|bars| {
                let (mut installed, mut removed) = (0, 0);
                // Through the trampolines on the way back,
                deep(FRAMES, &mut || {
                    forbid();
                    installed = patch_all(bars, spacing);
                });
                assert_eq!(allow(), 0, "{spacing:?}");
                let (sp, _) = arch::own_frame();
                let returned = bars.iter().filter(|record| arch::is_popped(record.saved_lr_ptr, sp)).count();
                assert_eq!(bars.position(), returned, "all that were returned through were hit: {bars}");
                assert!(spacing == Spacing::Off || returned > 0);
                // and taken away before.
                deep(FRAMES, &mut || {
                    forbid();
                    let (sp, _) = arch::own_frame();
                    // SAFETY: this very stack.
                    unsafe { patch::remove(bars, sp) };
                    patch_all(bars, spacing);
                    // SAFETY: as above.
                    removed = unsafe { patch::remove(bars, sp) }.restored;
                });
                assert_eq!(allow(), 0, "{spacing:?}");
                (installed, removed)
            })
        });
        let (installed, removed) = task.unwrap().join().unwrap();
        let least = match spacing {
            Spacing::Off => 0,
            Spacing::Exponential { .. } => 3,
            Spacing::EveryFrame => FRAMES,
        };
        assert!(installed >= least && removed >= least / 2, "{spacing:?}: {installed}, {removed}");
    }
}

/// A list that is all marked when the world stops, so that nothing new is grey in the pause.
fn grow(current: &Current<'_, Native>, n: usize) -> Option<Cell> {
    if n == 0 {
        current.collect();
        return None;
    }
    let below = grow(current, n - 1);
    Some(Cell::new(current, &[below]))
}

/// How often somebody allocates or frees in the mark terminations of thirty cycles.
fn while_stopped(spacing: Spacing, verify: bool) -> usize {
    let runtime = Native::builder(8 << 20).workers(2).spacing(spacing).verify(verify).start().unwrap();
    let rounds = |n: usize| {
        let task = runtime.spawn(move |current| (0..n).for_each(|_| assert!(grow(current, 50).is_some())));
        task.unwrap().join().unwrap();
    };
    // Caches are filled, and threads have waited for each other once.
    rounds(3);
    let phases: *const Phases = runtime.language().phases();
    PHASES.store(phases.cast_mut(), Ordering::Release);
    rounds(30);
    PHASES.store(std::ptr::null_mut(), Ordering::Release);
    assert!(runtime.cycles().len() >= 33);
    WHILE_STOPPED.swap(0, Ordering::Relaxed)
}

/// In a process of its own: the other tests' threads, and the harness's, are not of this world, and allocate.
#[test]
fn nothing_allocates_while_the_world_is_stopped() {
    assert_done(&in_child("nothing_allocates_while_the_world_is_stopped", || {
        for spacing in MODES {
            assert_eq!(while_stopped(spacing, false), 0, "{spacing:?}");
        }
        assert!(
            while_stopped(Spacing::default(), true) > 0,
            "a verification does, so that it would have been seen"
        );
    }));
}
