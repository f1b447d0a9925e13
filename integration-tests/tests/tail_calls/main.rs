//! Functions that end in a tail call of one that keeps its return address elsewhere, collections before and after: the barrier goes along,
//! and collector, walks and trampolines find it where it is now.
//!
//! ```text
//!   first         calls back, jumps to second        ┐
//!   second        calls back, jumps to third         │ of one caller: the same CFA, three slots (`code.rs`)
//!   third         calls back, returns                ┘
//! ```
//!
//! What was wrong once: on AArch64 a barrier at every frame ended in "missed stack barrier", since walks and removal knew barriers by their slots
//! alone.
#![cfg(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "loongarch64",
    target_arch = "riscv64",
))]

mod code;

use std::hint::black_box;

use barrier_arch::{Spacing, arch, is_barrier};
use integration_tests::MODES;
use integration_tests::native::{Cell, Native};
use sched::Current;

/// What one chain of the three functions is called with.
struct Chain<'t, 'c> {
    current: &'c Current<'t, Native>,
    depth: usize,
    own: Cell,
    /// Where the running function keeps its return address: at the last look, and now.
    slots: [usize; 2],
    seen: &'c mut Seen,
}

#[derive(Debug, Default)]
struct Seen {
    /// Barriers found in another slot than in the function before.
    moved: usize,
    collections: usize,
}

/// Called by each of the three, with the address of the slot in which it keeps its return address.
extern "C" fn stage(chain: &mut Chain<'_, '_>, slot: usize) {
    let Chain { current, depth, .. } = *chain;
    assert_eq!(chain.own.check(), 2, "depth {depth}");
    chain.slots = [chain.slots[1], slot];
    let [before, slot] = chain.slots;
    // SAFETY: the slot of the function that waits for us.
    let holds_barrier = is_barrier(unsafe { *(slot as *const usize) });
    chain.seen.moved += usize::from(holds_barrier && before != 0 && before != slot);
    if before == 0 && depth > 0 {
        descend(current, depth - 1, chain.seen);
    }
    // At the bottom a cycle begins, and its barriers stand in all frames above. On the way up those that were taken along are met by the
    // next ones: by its re-scan, its removal, the first scan of another.
    if before == 0 && depth == 0 || before != 0 && depth % 3 == 0 {
        chain.seen.collections += 1;
        if before != 0 {
            current.collect();
        }
        begin_cycle(current);
    }
    assert_eq!(chain.own.check(), 2, "depth {depth}");
}

#[inline(never)]
fn descend(current: &Current<'_, Native>, depth: usize, seen: &mut Seen) {
    let own = Cell::new(current, &[None, Some(Cell::new(current, &[]))]);
    let mut chain = Chain { current, depth, own, slots: [0; 2], seen };
    code::first(stage, &mut chain);
    assert_eq!(own.get(1).unwrap().check(), 0, "depth {depth}");
}

fn run(spacing: Spacing, depth: usize) -> Seen {
    let builder = Native::builder(64 << 20).spacing(spacing).workers(1).verify(true).stack_bytes(1 << 20);
    let runtime = builder.start().unwrap();
    let task = runtime.spawn(move |current| {
        let mut seen = Seen::default();
        descend(current, depth, &mut seen);
        seen
    });
    task.unwrap().join().unwrap()
}

#[test]
fn a_barrier_goes_along_with_a_tail_call() {
    for spacing in MODES {
        for depth in [0, 1, 2, 7, 40] {
            let seen = run(spacing, depth);
            assert!(seen.collections > depth / 3, "{spacing:?} {depth} {seen:?}");
            let least = match spacing {
                Spacing::EveryFrame if arch::SLOTS_MOVE => depth / 3,
                _ => 0,
            };
            assert!(seen.moved >= least, "{spacing:?} {depth} {seen:?}");
            assert!(arch::SLOTS_MOVE || seen.moved == 0, "{spacing:?} {depth} {seen:?}");
        }
    }
}

/// The runtime's own ways to take barriers away find it, too.
#[test]
fn a_moved_barrier_is_unwound() {
    extern "C" fn stage(chain: &mut Chain<'_, '_>, slot: usize) {
        let Chain { current, .. } = *chain;
        chain.slots = [chain.slots[1], slot];
        // SAFETY: the slot of the function that waits for us.
        let is_barrier = || is_barrier(unsafe { *(slot as *const usize) });
        if chain.slots[0] == 0 {
            begin_cycle(current);
            return;
        }
        chain.seen.moved += usize::from(is_barrier());
        current.unwind_barriers(slot + 4096);
        assert!(!is_barrier(), "the write would be missed");
    }
    for spacing in MODES {
        let runtime = Native::builder(64 << 20).spacing(spacing).workers(1).verify(true).start().unwrap();
        let task = runtime.spawn(|current| {
            let mut seen = Seen::default();
            for _ in 0..20 {
                let own = Cell::new(current, &[None, None]);
                let mut chain = Chain { current, depth: 0, own, slots: [0; 2], seen: &mut seen };
                // Something to write to.
                black_box([0_u8; 8192]);
                code::first(stage, &mut chain);
                current.collect();
            }
            seen
        });
        let seen = task.unwrap().join().unwrap();
        assert!(seen.moved > 0 || spacing != Spacing::EveryFrame, "{seen:?}");
    }
}

/// Starts a cycle and returns while its barriers stand; in the mode that has none, after a while.
fn begin_cycle(current: &Current<'_, Native>) {
    current.request_collection();
    let cells = if current.bars(|bars| bars.capacity()) > 0 { 100_000 } else { 1000 };
    for _ in 0..cells {
        Cell::new(current, &[]);
        if current.bars(|bars| !bars.is_empty()) {
            return;
        }
    }
}
