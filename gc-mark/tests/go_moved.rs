//! A stack moves into a smaller or a bigger one in mid-cycle, while the world runs: barriers and receipt go along, so its re-scan is
//! still bounded, and what is not vouched for is still scanned again.

mod simulated;

use barrier_arch::{SizeClass, Spacing, StkbarSlice, patch};
use gc_mark::{Heap, Object};
use proptest::prelude::*;
use simulated::MODES;
use simulated::program::{Op, Program, descents, histories};
use simulated::shapes::Shapes;
use simulated::stack::SimStack;

/// Does the stack fit into one of 2^`log2` bytes?
fn fits(program: &Program, log2: u32) -> bool {
    let class = SizeClass::of(1 << log2).unwrap();
    let room = class.bytes() - StkbarSlice::stolen_bytes(class, program.spacing);
    let used = program.stack.bars.stack_hi() - program.stack.sp();
    used + 1024 <= room && program.stack.bars.len() <= program.spacing.capacity(class)
}

/// Copies the stack as an owner does who knows where the pointers into it are.
fn relocate(program: &mut Program, log2: u32) {
    let (old, shapes) = (&program.stack, &program.shapes);
    let mut new = SimStack::new(log2, program.spacing, shapes, old.frames[0].shape);
    // Frame records anew, at the same distances; then everything else, return slots with their stubs included.
    old.frames[1..].iter().for_each(|frame| new.call(shapes, frame.shape));
    let up = new.bars.stack_hi().wrapping_sub(old.bars.stack_hi());
    for (depth, frame) in old.frames.iter().enumerate() {
        let locals = (0..shapes.get(frame.shape).locals).map(|i| old.slot(depth, i));
        let words = locals.chain((depth > 0).then_some(frame.slot));
        words.for_each(|slot| new.store(slot.wrapping_add(up), old.load(slot)));
    }
    // SAFETY: nothing runs on either, and the copy is complete.
    assert!(unsafe { patch::carry_over(&old.bars, &new.bars, old.sp()) });
    // SAFETY: as above; nobody scans it.
    unsafe { program.receipt.carry_over(&old.bars, &new.bars) };
    program.stack = new;
}

#[test]
fn the_re_scan_of_a_stack_that_moved_is_bounded() {
    for (spacing, log2) in MODES.into_iter().flat_map(|spacing| [15, 16, 17, 20].map(|log2| (spacing, log2)))
    {
        let mut program = Program::new(spacing, Shapes::vouched(&[6]));
        for shape in 0..150 {
            program.run(&[Op::Call { shape }, Op::New { local: 1 }, Op::Clear { local: 0 }]);
        }
        let young = program.heap.allocate();
        program.start();
        let first = program.first_scan().report();
        program.step(Op::Return { times: 10 });
        relocate(&mut program, log2);
        program.step(Op::Return { times: 10 });
        let slot = program.stack.slot(130, 2);
        program.stack.store(slot, young); // a store to a local of the running frame
        let second = program.terminate();
        assert!(program.heap.is_marked(Object(young)) && program.verify().is_sound());
        assert!(
            spacing == Spacing::Off || second.bytes < first.bytes / 2,
            "{spacing:?} {second:?} of {first:?}"
        );
        program.finish();
        program.step(Op::Return { times: 200 });
        assert_eq!(program.stack.frames.len(), 1, "returned through the moved barriers");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Frames of all kinds, and a move anywhere in the cycle.
    #[test]
    fn nothing_is_lost_by_moving(
        descent in descents(40),
        cycles in prop::collection::vec((histories(20), histories(60), 14..19_u32, histories(60)), 1..4),
    ) {
        for spacing in MODES {
            let mut program = Program::with_stack(17, spacing, Shapes::mixed());
            program.run(&descent);
            for (early, before, log2, after) in &cycles {
                program.start();
                program.run(early);
                program.first_scan();
                program.run(before);
                if fits(&program, *log2) {
                    relocate(&mut program, *log2);
                }
                program.run(after);
                program.terminate();
                for value in program.reachable() {
                    prop_assert!(program.heap.is_marked(Object(value)), "{:#x} is lost\n{}", value, program.verify());
                }
                let verified = program.verify();
                prop_assert!(verified.is_sound(), "{verified}");
                program.finish();
            }
            program.run(&[Op::Return { times: usize::from(u16::MAX) }]);
            prop_assert_eq!(program.stack.frames.len(), 1);
        }
    }
}
