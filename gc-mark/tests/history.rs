//! Random programs, collected at random moments: the bounded re-scan loses nothing, and does no more than it says.

mod simulated;

use barrier_arch::Spacing;
use barrier_arch::arch::SLOT_BYTES;
use gc_mark::{Heap, Object};
use proptest::prelude::*;
use simulated::MODES;
use simulated::generate::{descents, histories};
use simulated::program::{Op, Program};
use simulated::shapes::Shapes;

/// One cycle: `early` runs before the stack is scanned, `late` between scan and mark termination.
#[derive(Clone, Debug)]
struct History {
    early: Vec<Op>,
    late: Vec<Op>,
    /// No first scan at all, as of a stack that is made in mid-cycle.
    unscanned: bool,
}

fn cycles() -> impl Strategy<Value = Vec<History>> {
    let one = (histories(20), histories(100), prop::bool::weighted(0.2));
    prop::collection::vec(one.prop_map(|(early, late, unscanned)| History { early, late, unscanned }), 1..4)
}

fn cycle(program: &mut Program, history: &History) -> Result<(), TestCaseError> {
    program.start();
    program.run(&history.early);
    if !history.unscanned {
        program.first_scan();
    }
    program.run(&history.late);
    let report = program.terminate();
    if program.spacing == Spacing::Off && report.stacks == 1 {
        prop_assert_eq!(report.frames, program.stack.frames.len());
    }
    let reachable = program.reachable();
    for &value in &reachable {
        prop_assert!(program.heap.is_marked(Object(value)), "{value:#x} is lost\n{}", program.verify());
    }
    let verified = program.verify();
    prop_assert!(verified.is_sound(), "{verified}");
    prop_assert_eq!(verified.reachable, reachable.len());
    program.finish();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Several cycles with barriers left over from each to the next.
    #[test]
    fn nothing_is_lost(descent in descents(80), before in histories(30), cycles in cycles()) {
        for spacing in MODES {
            let mut program = Program::new(spacing, Shapes::mixed());
            program.run(&descent);
            program.run(&before);
            for history in &cycles {
                cycle(&mut program, history)?;
            }
            // Through all barriers that are left.
            program.run(&[Op::Return { times: usize::from(u16::MAX) }]);
            prop_assert_eq!(program.stack.frames.len(), 1);
        }
    }

    /// Where every frame is vouched for, the re-scan does at most twice the necessary work, and a first distance and a frame or two more.
    #[test]
    fn the_re_scan_is_bounded_by_what_ran(
        deep in prop::collection::vec(0..4_usize, 0..400),
        moves in prop::collection::vec(prop_oneof![
            (0..4_usize).prop_map(|shape| Op::Call { shape }),
            (1..20_usize).prop_map(|times| Op::Return { times }),
        ], 1..60),
    ) {
        for spacing in MODES {
            let mut program = Program::new(spacing, Shapes::vouched(&[1, 4, 20, 90]));
            deep.iter().for_each(|&shape| program.step(Op::Call { shape }));
            program.start();
            let scanned = program.first_scan().report();
            let scanned_at = program.stack.sp();
            program.run(&moves);
            let sp = program.stack.sp();
            let report = program.terminate();
            // What ran, saved register included; the frames that ended count, too.
            let ran = program.ran_to - sp.min(scanned_at) + SLOT_BYTES;
            let slack = 2 * program.shapes.largest();
            let whole = program.stack.bars.stack_hi() - sp + SLOT_BYTES;
            let bound = match spacing {
                Spacing::Off => whole,
                Spacing::EveryFrame => ran + slack,
                _ => 2 * ran + Spacing::FIRST + slack,
            };
            prop_assert!(report.bytes <= bound.min(whole), "{report:?} after {scanned:?}, ran {ran}");
            prop_assert!(spacing != Spacing::Off || report.bytes == whole);
        }
    }
}
