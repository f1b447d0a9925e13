//! Somebody writes into the stack of a task that does not run (Go: an unbuffered send to a blocked receiver). The stack was scanned,
//! it counts as clean, and the write must not be lost for that.

mod simulated;

use barrier_arch::Spacing;
use barrier_arch::arch::SLOT_BYTES;
use gc_mark::verify::Reached;
use gc_mark::write_barrier::{StackWrite, Written, note_stack_write};
use gc_mark::{Cycle, Heap, Object, Ran};
use simulated::MODES;
use simulated::program::{Op, Program};
use simulated::shapes::Shapes;
use unwind_walk::FramePointers;

const DEPTH: usize = 200;
const DEPTHS: [usize; 6] = [0, 1, 60, 150, DEPTH - 1, DEPTH];

/// A stack of [`DEPTH`] frames in mid-cycle, scanned and not run since; and an object that it does not refer to.
fn parked(spacing: Spacing) -> (Program, Cycle, usize) {
    let mut program = Program::with_room(DEPTH, spacing, Shapes::vouched(&[6]));
    for shape in 0..DEPTH {
        program.run(&[Op::Call { shape }, Op::New { local: 1 }, Op::Clear { local: 0 }]);
    }
    let message = program.heap.allocate();
    let cycle = program.start();
    program.first_scan();
    (program, cycle, message)
}

/// The rest of the cycle, and through all barriers that are left.
fn end(mut program: Program) {
    program.finish();
    program.step(Op::Return { times: DEPTH });
    assert_eq!(program.stack.frames.len(), 1);
}

#[test]
fn known_values_are_shaded_and_the_stack_stays_clean() {
    for (spacing, depth) in MODES.into_iter().flat_map(|spacing| DEPTHS.map(|depth| (spacing, depth))) {
        let (mut program, cycle, message) = parked(spacing);
        let noted =
            note_stack_write(&program.phases, &program.heap, &program.grey, Written::Values(&[message]));
        assert_eq!(noted, StackWrite::Shaded(1));
        let slot = program.stack.slot(depth, 2);
        program.stack.store(slot, message);
        assert!(!program.receipt.is_dirty(cycle));
        assert_eq!(program.terminate().stacks, 0, "nothing to re-scan");
        assert!(program.heap.is_marked(Object(message)) && program.verify().is_sound());
        end(program);
    }
}

#[test]
fn a_write_of_unknown_values_makes_the_re_scan_cover_it() {
    for (spacing, depth) in MODES.into_iter().flat_map(|spacing| DEPTHS.map(|depth| (spacing, depth))) {
        let (mut program, cycle, message) = parked(spacing);
        let noted = note_stack_write(&program.phases, &program.heap, &program.grey, Written::Unknown);
        assert_eq!(noted, StackWrite::Unwind);
        let slot = program.stack.slot(depth, 2);
        let stack = program.stack.stopped(&program.shapes);
        let (_, ran) =
            stack.unwind_barriers(&FramePointers, slot + SLOT_BYTES - 1, &program.receipt, cycle).unwrap();
        assert_eq!(ran, Ran::BecameDirty, "the caller is told to put it on the list");
        program.stack.store(slot, message);
        let report = program.terminate();
        let needed = slot - program.stack.sp();
        assert!(report.bytes > needed, "{report:?}");
        let bound = match spacing {
            Spacing::Off => usize::MAX,
            Spacing::EveryFrame => needed + 3 * program.shapes.largest(),
            _ => 2 * needed + Spacing::FIRST + 3 * program.shapes.largest(),
        };
        assert!(report.bytes <= bound, "{spacing:?} {depth}: {report:?}");
        assert!(program.heap.is_marked(Object(message)) && program.verify().is_sound());
        end(program);
    }
}

/// Go's checker trusted the "clean" bits and so could not see what they hid.
#[test]
fn the_verifier_sees_a_write_that_nobody_told_of() {
    for (spacing, depth) in MODES.into_iter().flat_map(|spacing| DEPTHS.map(|depth| (spacing, depth))) {
        let (mut program, _, message) = parked(spacing);
        let slot = program.stack.slot(depth, 2);
        program.stack.store(slot, message);
        assert_eq!(program.terminate().stacks, 0, "it counts as clean");
        let verified = program.verify();
        assert_eq!(verified.lost.len(), 1, "{verified}");
        assert_eq!(verified.lost[0].object, Object(message));
        let Reached::Frame { frame, slot: found, .. } = verified.lost[0].path[0] else {
            panic!("{verified}")
        };
        assert_eq!((frame, found), (DEPTH - depth, slot));
    }
}
