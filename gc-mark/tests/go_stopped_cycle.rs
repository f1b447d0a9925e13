//! Barriers of the last cycle are void: a cycle that stops the world from end to end never makes a first scan, so barriers that are
//! still there say nothing about what ran since.

mod simulated;

use barrier_arch::{Spacing, is_barrier};
use gc_mark::{Heap, MarkWorker, Object, ScanReport, Scanner, Started};
use simulated::MODES;
use simulated::program::{Op, Program};
use simulated::shapes::Shapes;
use unwind_walk::FramePointers;

const DEPTH: usize = 300;

fn standing(program: &Program) -> usize {
    let slots = program.stack.frames[1..].iter().map(|frame| frame.slot);
    slots.filter(|&slot| is_barrier(program.stack.load(slot))).count()
}

/// A cycle that leaves its barriers in place.
fn concurrent_cycle(program: &mut Program) {
    program.start();
    program.first_scan();
    program.step(Op::Return { times: 20 });
    program.terminate();
    assert!(program.verify().is_sound());
    program.finish();
}

fn stopped_cycle(program: &mut Program) -> ScanReport {
    assert!(matches!(program.phases.start_stopped(), Started::Begun(_)));
    program.heap.begin_marking();
    let mut worker = MarkWorker::new(&program.grey);
    // SAFETY: the simulated frames are laid out as frame pointers say, and no return slot is used for anything else.
    let mut scanner = unsafe { Scanner::new(&program.heap, &program.phases, &program.shapes, FramePointers) };
    let stack = program.stack.stopped(&program.shapes);
    let scan = scanner.re_scan(&stack, &program.receipt, |object| worker.push(object)).unwrap();
    worker.drain_until_empty(&program.heap);
    scan.report()
}

#[test]
fn a_stopped_cycle_scans_past_the_barriers_of_the_last_one() {
    for spacing in MODES {
        let mut program = Program::new(spacing, Shapes::vouched(&[6]));
        for shape in 0..DEPTH {
            program.run(&[Op::Call { shape }, Op::New { local: 1 }, Op::Clear { local: 0 }]);
        }
        for round in 0..3 {
            concurrent_cycle(&mut program);
            assert_eq!(standing(&program) > 0, spacing != Spacing::Off);
            // No cycle runs, so nothing tells of this write, far above the lowest barrier.
            let young = program.heap.allocate();
            let slot = program.stack.slot(1, 2);
            program.stack.store(slot, young);
            let report = stopped_cycle(&mut program);
            assert_eq!(report.frames, program.stack.frames.len(), "{spacing:?} {round}");
            assert!(program.heap.is_marked(Object(young)) && program.verify().is_sound());
            program.finish();
        }
        program.step(Op::Return { times: DEPTH });
        assert_eq!(program.stack.frames.len(), 1, "through all barriers that were left");
    }
}
