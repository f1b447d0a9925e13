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

const LIST: usize = 100;
const ROUNDS: usize = 6;

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

/// Until a collector has scanned this stack and installed barriers, and begun to mark; in the modes without barriers, has begun to mark.
fn begin_cycle(current: &Current<'_, Native>, spacing: Spacing) {
    let language = current.language();
    language.brake_marking(spacing != Spacing::Off);
    current.request_collection();
    let begun = || match spacing {
        Spacing::Off => language.phases().now() != Phase::Off,
        _ => current.bars(|bars| !bars.is_empty()),
    };
    while !begun() {
        current.safepoint();
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
    // In memory of this frame and nowhere else: registers are always scanned.
    let mut x = [0];
    let white = take(current, hidden, &mut x);
    wait_over_the_dead(current, 12);
    give_back(current, hidden, black_box(&x));
    white
}

/// Moves the only reference to a cell from the heap to `x`. Says whether the cell was still white.
#[inline(never)]
fn take(current: &Current<'_, Native>, hidden: Hidden, x: &mut [usize; 1]) -> bool {
    // SAFETY: the list keeps it alive.
    let holder = unsafe { hidden.cell() };
    let cell = holder.get(0).expect("it is in the heap");
    // No barrier for what a store overwrites.
    holder.set(current, 0, None);
    *x = [cell.address()];
    let heap = current.language().heap();
    let white = current.is_marking() && heap.object_at(x[0]).is_some_and(|object| !heap.is_marked(object));
    current.language().brake_marking(false);
    white
}

#[inline(never)]
fn give_back(current: &Current<'_, Native>, hidden: Hidden, x: &[usize; 1]) {
    // SAFETY: if the collector is right.
    let (holder, cell) = unsafe { (hidden.cell(), Cell::at(x[0])) };
    cell.check();
    holder.set(current, 0, Some(cell));
}

/// Frames above the landing: between them stand barriers that are hit, or not, later.
#[inline(never)]
fn above(depth: usize, then: &mut dyn FnMut() -> bool) -> bool {
    let words = black_box([depth; 80]);
    let white = if depth == 0 { then() } else { above(black_box(depth - 1), then) };
    white && black_box(&words)[11] == depth
}

fn soak(spacing: Spacing, by: By, foreign: Foreign) -> usize {
    let builder = Native::builder_with(64 << 20, NativeFrames { vouched: true }, by);
    let runtime = builder.spacing(spacing).workers(1).verify(true).start().unwrap();
    let task = runtime.spawn(move |current| {
        let hidden = build(current);
        let land = &mut || land(current, &foreign, spacing, hidden);
        // Under few frames no barrier stands above the landing; under many, some do.
        let rounds = (0..2 * ROUNDS).map(|round| above(if round % 2 == 0 { 0 } else { 40 }, land));
        rounds.filter(|&white| white).count()
    });
    task.unwrap().join().unwrap()
}

#[test]
fn dead_records_do_not_shorten_a_re_scan() {
    for spacing in MODES {
        let cases = [(By::FramePointers, BOTH[0]), (By::UnwindTables, BOTH[1])];
        let white = cases.map(|(by, foreign)| soak(spacing, by, foreign)).iter().sum::<usize>();
        // Without barriers the task does not learn when it was scanned; there the whole stack is scanned again anyway.
        // The first time it is surely white; later an old copy of its address may lie on the stack.
        assert!(white >= 2 || spacing == Spacing::Off, "{spacing:?}: the marker came first");
    }
}
