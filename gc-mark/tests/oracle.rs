//! The oracle names the write barrier that was left out, and nothing else, in all three modes.

mod simulated;

use barrier_arch::Spacing;
use gc_mark::oracle::{Fault, Finding};
use gc_mark::{Compared, Heap, Object, Oracle, Scan, Snapshot};
use proptest::prelude::*;
use simulated::MODES;
use simulated::generate::{descents, histories};
use simulated::program::{Op, Program};
use simulated::shapes::{Shape, Shapes};
use unwind_walk::FramePointers;

const GOOD: Shape = Shape { locals: 6, precise: true, vouched: true, permits: true };

fn oracle(program: &Program) -> Oracle<'_, simulated::heap::ToyHeap, Shapes, FramePointers> {
    Oracle::new(&program.heap, &program.shapes, FramePointers)
}

/// First scan, and what the oracle remembers of it.
fn scan(program: &mut Program) -> Snapshot {
    let mut snapshot = Snapshot::new();
    assert!(matches!(program.first_scan(), Scan::Done(_)));
    let cycle = program.phases.cycle().unwrap();
    let stack = program.stack.stopped(&program.shapes);
    oracle(program).remember(cycle, &stack, &mut snapshot).unwrap();
    snapshot
}

fn compare(program: &Program, snapshot: &Snapshot) -> Compared {
    let cycle = program.phases.cycle().unwrap();
    let stack = program.stack.stopped(&program.shapes);
    oracle(program).compare(cycle, &stack, &program.receipt, snapshot).unwrap()
}

/// A program in mid-cycle: `depth` frames of one shape, three of which have returned since the scan. Returns an object that nobody refers to.
fn program(spacing: Spacing, shape: Shape, depth: usize) -> (Program, Snapshot, usize) {
    let mut program = Program::new(spacing, Shapes::new(&[shape]));
    (0..depth).for_each(|_| program.run(&[Op::Call { shape: 0 }, Op::New { local: 1 }]));
    let hidden = program.heap.allocate();
    program.start();
    let snapshot = scan(&mut program);
    program.step(Op::Return { times: 3 });
    (program, snapshot, hidden)
}

#[test]
fn an_up_pointer_write_without_the_barrier_is_named() {
    for precise in [true, false] {
        for spacing in MODES {
            let (mut program, snapshot, hidden) = program(spacing, Shape { precise, ..GOOD }, 400);
            let slot = program.stack.slot(20, 4);
            let (old, youngest) = (program.stack.load(slot), program.stack.frames.len() - 1);
            program.stack.store(slot, hidden);
            program.terminate();
            let compared = compare(&program, &snapshot);
            assert_eq!(compared.is_sound(), program.verify().is_sound(), "{spacing:?}: {compared}");
            if spacing == Spacing::Off {
                assert_eq!(compared, Compared::default(), "nothing was skipped");
                continue;
            }
            let pc = program.shapes.pc(0);
            let fault = Fault::MissedWriteBarrier { slot, old, new: hidden, object: Object(hidden) };
            let function = "shape 0".to_owned();
            assert_eq!(compared.findings, [Finding { fault, frame: youngest - 20, pc, function }]);
            assert_eq!(compared.changed, 1);
            let text = compared.to_string();
            assert!(text.contains(&format!("\n  missed write barrier: slot {slot:#x} was 0x0")), "{text}");
            assert!(text.ends_with(&format!("frame #{} (pc {pc:#x}, shape 0)", youngest - 20)), "{text}");
        }
    }
}

/// The missing barrier is found even if the collector happens to find the object elsewhere.
#[test]
fn the_same_write_with_the_barrier_is_fine_and_luck_does_not_count() {
    for write_barrier in [true, false] {
        for spacing in MODES {
            let mut program = Program::new(spacing, Shapes::new(&[GOOD]));
            (0..400).for_each(|_| program.step(Op::Call { shape: 0 }));
            program.run(&[Op::New { local: 3 }, Op::Grow { local: 3, field: 0 }]);
            program.start();
            let snapshot = scan(&mut program);
            program.write_barrier = write_barrier;
            // The leaf of a tree of which only the root is marked. It also stays where it is.
            program.run(&[Op::Take { local: 3 }, Op::Load { field: 0 }, Op::StoreUp { depth: 20, local: 4 }]);
            let compared = compare(&program, &snapshot);
            program.terminate();
            assert!(program.verify().is_sound(), "nothing is lost this time");
            let skips = spacing != Spacing::Off;
            assert_eq!(compared.changed, usize::from(skips));
            assert_eq!(compared.findings.len(), usize::from(skips && !write_barrier), "{compared}");
        }
    }
}

#[test]
fn a_write_into_a_stack_that_did_not_run_is_found_in_any_mode() {
    for spacing in MODES {
        let mut program = Program::new(spacing, Shapes::new(&[GOOD]));
        (0..100).for_each(|_| program.step(Op::Call { shape: 0 }));
        let hidden = program.heap.allocate();
        program.start();
        let snapshot = scan(&mut program);
        let youngest = program.stack.slot(100, 5);
        program.stack.store(youngest, hidden);
        assert_eq!(program.terminate().stacks, 0);
        let compared = compare(&program, &snapshot);
        assert_eq!((compared.frames, compared.findings.len()), (101, 1), "{spacing:?}: {compared}");
        assert_eq!(compared.findings[0].frame, 0);
    }
}

#[test]
fn frames_that_nobody_vouches_for_are_none_of_its_business() {
    for precise in [true, false] {
        for spacing in MODES {
            let (mut program, snapshot, hidden) =
                program(spacing, Shape { precise, vouched: false, ..GOOD }, 200);
            assert_eq!(snapshot.words(), 0);
            let slot = program.stack.slot(20, 4);
            program.stack.store(slot, hidden);
            program.terminate();
            assert_eq!(compare(&program, &snapshot), Compared::default());
            assert!(program.verify().is_sound());
        }
    }
}

#[test]
fn frames_that_ran_by_no_barrier_are_named() {
    for spacing in &MODES[1..] {
        let (mut program, snapshot, _) = program(*spacing, GOOD, 400);
        // Somebody changes where a frame far up goes on: it has other roots there, which nobody has scanned.
        let (slot, pc) = (program.stack.frames[100].slot, program.shapes.pc(0));
        // SAFETY: a live return slot; nothing runs on the stack.
        unsafe { barrier_arch::patch::set_caller_pc(slot as *mut usize, pc + Shapes::ELSEWHERE) };
        let found = compare(&program, &snapshot).findings;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].fault, Fault::Ran { then: Some(pc) });
        assert_eq!(found[0].pc, pc + Shapes::ELSEWHERE);
        assert_eq!(found[0].frame, program.stack.frames.len() - 1 - 99);
        assert!(found[0].to_string().starts_with("ran without hitting a barrier, was at pc"));
        // SAFETY: as above.
        unsafe { barrier_arch::patch::set_caller_pc(slot as *mut usize, pc) };
        assert!(compare(&program, &snapshot).is_sound());
        program.terminate();
    }
}

#[test]
fn a_snapshot_is_good_for_one_cycle() {
    for spacing in MODES {
        let (mut program, mut snapshot, hidden) = program(spacing, GOOD, 200);
        let words = snapshot.words();
        program.terminate();
        program.finish();
        program.stack.store(program.stack.slot(20, 4), 0);
        let cycle = program.start();
        assert_eq!(compare(&program, &snapshot), Compared::default(), "not scanned in this cycle");
        assert_eq!(program.heap.object_at(hidden), None, "it was swept");
        program.first_scan();
        let stack = program.stack.stopped(&program.shapes);
        oracle(&program).remember(cycle, &stack, &mut snapshot).unwrap();
        assert_eq!(snapshot.words(), words - 3 * 6);
        // The second call does nothing: what was written since must not be taken for the first scan's.
        let slot = program.stack.slot(20, 4);
        let white = program.stack.load(program.stack.slot(30, 1));
        program.stack.store(slot, white);
        let stack = program.stack.stopped(&program.shapes);
        oracle(&program).remember(cycle, &stack, &mut snapshot).unwrap();
        assert_eq!(compare(&program, &snapshot).changed, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// A program that keeps the rules is never accused.
    #[test]
    fn no_false_alarm(descent in descents(80), early in histories(30), late in histories(100)) {
        for spacing in MODES {
            let mut program = Program::new(spacing, Shapes::mixed());
            program.run(&descent);
            program.start();
            program.run(&early);
            let snapshot = scan(&mut program);
            program.run(&late);
            let before = compare(&program, &snapshot);
            prop_assert!(before.is_sound(), "{spacing:?}: {before}");
            program.terminate();
            let after = compare(&program, &snapshot);
            prop_assert!(after.is_sound(), "{spacing:?}: {after}");
            prop_assert_eq!(before.words, after.words, "the same frames are skipped");
        }
    }

    /// One that leaves out every barrier is accused whenever something is lost by way of the stack.
    #[test]
    fn whatever_is_lost_from_a_skipped_frame_is_accused(descent in descents(80), late in histories(100)) {
        for spacing in MODES {
            let mut program = Program::new(spacing, Shapes::vouched(&[2, 5, 12, 90]));
            program.run(&descent);
            program.start();
            let snapshot = scan(&mut program);
            program.write_barrier = false;
            program.run(&late);
            program.terminate();
            let compared = compare(&program, &snapshot);
            for lost in program.verify().lost {
                if let [gc_mark::verify::Reached::Frame { slot: lost_at, .. }] = lost.path[..] {
                    let accused = |finding: &Finding| matches!(finding.fault, Fault::MissedWriteBarrier { slot, .. } if slot == lost_at);
                    prop_assert!(compared.findings.iter().any(accused), "{lost}\n{compared}");
                }
            }
        }
    }
}
