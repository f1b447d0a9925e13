//! A stack moves into a smaller or a bigger one in mid-cycle, while the world runs: barriers and receipt go along, so its re-scan is
//! still bounded, and what is not vouched for is still scanned again.

mod simulated;

use barrier_arch::Spacing;
use gc_mark::{Heap, Object};
use proptest::prelude::*;
use simulated::MODES;
use simulated::generate::{descents, histories};
use simulated::program::{Op, Program};
use simulated::shapes::Shapes;

#[test]
fn the_re_scan_of_a_stack_that_moved_is_bounded() {
    for (spacing, larger) in
        MODES.into_iter().flat_map(|spacing| [0, 1, 2, 5].map(|larger| (spacing, larger)))
    {
        let mut program = Program::with_room(150, spacing, Shapes::vouched(&[6]));
        for shape in 0..150 {
            program.run(&[Op::Call { shape }, Op::New { local: 1 }, Op::Clear { local: 0 }]);
        }
        let young = program.heap.allocate();
        program.start();
        let first = program.first_scan().report();
        program.step(Op::Return { times: 10 });
        let smallest = (14..).find(|&log2| program.fits(log2)).unwrap();
        program.relocate(smallest + larger);
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
                if program.fits(*log2) {
                    program.relocate(*log2);
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
