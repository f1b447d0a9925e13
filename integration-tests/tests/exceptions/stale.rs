//! The re-scan after a `longjmp` that told nobody: where it stops must not depend on the records of frames that are gone.
//!
//! ```text
//!        first scan                        the jump                           mark termination
//!   ┌─ barrier 2 ──────┐              ┌─ barrier 2 ──────┐               ┌─ barrier 2 ──────┐
//!   │ landing, guard   │              │ landing: x moves │  ◀─ longjmp   │ landing: x       │ ← must be scanned again
//!   ├─ barrier 1 ──────┤              ├──────────────────┤               ├──────────────────┤
//!   │ C frames         │              │ (dead, record 1) │               │ new frames, with │
//!   ├─ barrier 0 ──────┤              │ (dead, record 0) │               │ stale stubs in   │
//!   └──────────────────┘ ← sp         └──────────────────┘               └──────────────────┘ ← sp
//! ```
//!
//! All frames are vouched for, so a re-scan stops at the lowest barrier that was not hit. By number that is record 0, which is dead; who stopped
//! there would lose `x`, whose only reference was moved from the heap into the landing frame.

use std::hint::black_box;
use std::mem::MaybeUninit;

use barrier_arch::Spacing;
use gc_mark::{Heap, Phase};
use integration_tests::MODES;
use integration_tests::foreign::{BOTH, Foreign, call_back};
use integration_tests::ground::By;
use integration_tests::native::{Cell, Native, NativeFrames, global, set_global};
use sched::Current;

/// Long enough to mark that the jump is over before the marker gets to the list's end.
const LIST: usize = 40_000;
const ROUNDS: usize = 8;

/// What is known of the cell at the end of the list, in a form that no scan takes for a reference.
#[derive(Clone, Copy)]
struct Hidden(usize);

impl Hidden {
    fn new(cell: Cell) -> Hidden {
        Hidden(!cell.address())
    }

    /// # Safety
    ///
    /// The cell is alive.
    unsafe fn cell(self) -> Cell {
        // SAFETY: passed on.
        unsafe { Cell::at(!self.0) }
    }
}

/// A list in global 0 whose last cell holds another one.
fn build(current: &Current<'_, Native>) -> Hidden {
    let holder = Cell::new(current, &[None]);
    holder.set(current, 0, Some(Cell::new(current, &[])));
    set_global(current, 0, Some(Cell::new(current, &[Some(holder)])));
    for _ in 0..LIST {
        set_global(current, 0, Some(Cell::new(current, &[global(current, 0)])));
    }
    Hidden::new(holder)
}

/// Until a collector has installed barriers (in the modes that have any).
fn begin_cycle(current: &Current<'_, Native>, spacing: Spacing) {
    let before = current.language().phases().finished();
    current.request_collection();
    while current.language().phases().finished() == before {
        current.safepoint();
        let installed = current.bars(|bars| !bars.is_empty());
        if installed || (spacing == Spacing::Off && current.language().phases().now() == Phase::Mark) {
            return;
        }
    }
}

/// Frames over the dead ones, unwritten but for what the compiler needs; waits in the deepest for the cycle's end.
#[inline(never)]
fn wait_over_the_dead(current: &Current<'_, Native>, depth: usize) -> usize {
    let mut unwritten = MaybeUninit::<[usize; 40]>::uninit();
    let address = black_box(&mut unwritten).as_mut_ptr() as usize;
    if depth == 0 {
        while current.is_marking() {
            current.safepoint();
        }
        return address & 7;
    }
    wait_over_the_dead(current, black_box(depth - 1)) + (black_box(address) & 7)
}

/// The landing frame. Says whether the cell that it took was still white.
#[inline(never)]
fn land(current: &Current<'_, Native>, foreign: &Foreign, spacing: Spacing, hidden: Hidden) -> bool {
    let mut down = || {
        let mut jump = || {
            begin_cycle(current, spacing);
            // SAFETY: the guard below is live; the frames between hold nothing to drop.
            unsafe { (foreign.jump)(1) }
        };
        // SAFETY: our own callback.
        call_back(&mut jump, |call, argument| unsafe { (foreign.descend)(20, call, argument) });
    };
    // SAFETY: as above.
    assert_eq!(call_back(&mut down, |call, argument| unsafe { (foreign.guard)(call, argument) }), 1);
    // SAFETY: the list keeps it alive.
    let holder = unsafe { hidden.cell() };
    let x = holder.get(0).expect("it is in the heap");
    // No barrier for what a store overwrites: from here on `x` is in this frame only.
    holder.set(current, 0, None);
    let heap = current.language().heap();
    let white =
        current.is_marking() && heap.object_at(x.address()).is_some_and(|object| !heap.is_marked(object));
    wait_over_the_dead(current, 12);
    x.check();
    holder.set(current, 0, Some(x));
    white
}

/// Frames above the landing: between them stand barriers that are hit, or not, later.
#[inline(never)]
fn above(current: &Current<'_, Native>, depth: usize, then: &mut dyn FnMut() -> bool) -> bool {
    let words = black_box([depth; 80]);
    let white = if depth == 0 { then() } else { above(current, black_box(depth - 1), then) };
    white && black_box(&words)[11] == depth
}

fn soak(spacing: Spacing, by: By, foreign: Foreign, depth: usize) -> usize {
    let builder = Native::builder_with(64 << 20, NativeFrames { vouched: true }, by);
    let runtime = builder.spacing(spacing).workers(1).verify(true).start().unwrap();
    let task = runtime.spawn(move |current| {
        let hidden = build(current);
        let round = |_: &usize| above(current, depth, &mut || land(current, &foreign, spacing, hidden));
        (0..ROUNDS).filter(round).count()
    });
    task.unwrap().join().unwrap()
}

#[test]
fn dead_records_do_not_shorten_a_re_scan() {
    for spacing in MODES {
        let mut white = 0;
        for (by, foreign) in [(By::FramePointers, BOTH[0]), (By::UnwindTables, BOTH[1])] {
            // Under few frames no barrier stands above the landing; under many, some do.
            white += [0, 40].map(|depth| soak(spacing, by, foreign, depth)).iter().sum::<usize>();
        }
        assert!(white >= ROUNDS, "{spacing:?}: only {white} times the marker came second");
    }
}
