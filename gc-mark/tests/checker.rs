//! The checker on stacks that a program runs on: silent after every step, loud for each invariant that is broken by hand. In all three modes.

mod simulated;

use barrier_arch::checker::{Census, Violation};
use barrier_arch::{Spacing, Stub, is_barrier};
use gc_mark::{Conservatively, Receipt, ScanError, Scanner, checker};
use proptest::prelude::*;
use simulated::MODES;
use simulated::generate::{descents, histories};
use simulated::program::{Op, Program};
use simulated::shapes::Shapes;
use unwind_walk::FramePointers;

fn check(program: &Program) -> Result<Census, Violation> {
    violation(checker::check(&FramePointers, &program.stack.stopped(&program.shapes)))
}

fn check_empty(program: &Program) -> Result<(), Violation> {
    violation(checker::check_empty(&FramePointers, &program.stack.stopped(&program.shapes)))
}

fn violation<T>(result: Result<T, ScanError<'_>>) -> Result<T, Violation> {
    result.map_err(|error| match error {
        ScanError::Violated { violation, .. } => violation,
        other => panic!("{other}"),
    })
}

/// Return slots that hold barriers, low to high, as the simulation knows them.
fn barriers(program: &Program) -> Vec<usize> {
    let inner = program.stack.frames[1..].iter().rev().map(|frame| frame.slot);
    inner.filter(|&slot| is_barrier(program.stack.load(slot))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Hits, recovers, unwinds by the runtime, scans and removals: nobody forgets to say that frames were dropped, so none is dead.
    #[test]
    fn every_step_keeps_the_invariants(descent in descents(80), rounds in prop::collection::vec(histories(40), 1..4)) {
        for spacing in MODES {
            let mut program = Program::new(spacing, Shapes::mixed());
            program.run(&descent);
            for round in &rounds {
                program.start();
                let installed = program.first_scan().report().installed;
                prop_assert_eq!(check(&program).and_then(Census::none_dead)?.standing, installed);
                for &op in round {
                    program.step(op);
                    let census = check(&program).and_then(Census::none_dead)?;
                    prop_assert_eq!(census.standing, barriers(&program).len(), "{:?}", op);
                    prop_assert_eq!(census.hit + census.standing, installed, "{:?}", op);
                }
                program.terminate();
                program.finish();
                check(&program).and_then(Census::none_dead)?;
            }
            program.stack.stopped(&program.shapes).remove_barriers(&FramePointers).unwrap();
            check_empty(&program)?;
        }
    }
}

fn scanned(spacing: Spacing) -> Program {
    let mut program = Program::new(spacing, Shapes::vouched(&[6]));
    (0..400).for_each(|_| program.step(Op::Call { shape: 0 }));
    program.start();
    program.first_scan();
    program
}

#[test]
fn a_stub_without_a_record_is_a_violation() {
    for spacing in MODES {
        let mut program = scanned(spacing);
        let slot = program.stack.frames[50].slot;
        let foreign = Stub::new(program.stack.bars.class(), barrier_arch::Key::Index(31)).pc();
        let recorded = program.stack.bars.find(slot).is_some();
        program.stack.store(slot, foreign);
        // In every-frame mode the slot has a record, of which this is not the stub, nor does the walk know it.
        let found = check(&program).unwrap_err();
        assert!(
            matches!(found, Violation::Unrecorded { slot: at, .. } if at == slot && !recorded)
                || matches!(found, Violation::ForeignStub { slot: at, .. } if at == slot && recorded),
            "{found}"
        );
    }
}

#[test]
fn a_barrier_that_was_lost_is_dead() {
    for spacing in &MODES[1..] {
        let mut program = scanned(*spacing);
        let slot = barriers(&program)[2];
        program.stack.store(slot, program.stack.bars.get(2).unwrap().saved_lr_val);
        let census = check(&program).unwrap();
        assert_eq!(census.none_dead(), Err(Violation::Dead { index: 2, slot }));
        assert_eq!(census.standing, program.stack.bars.len() - 1);
    }
}

#[test]
fn an_array_that_is_not_empty_is_a_violation_with_its_dump() {
    for spacing in &MODES[1..] {
        let program = scanned(*spacing);
        let len = program.stack.bars.len();
        assert_eq!(check_empty(&program), Err(Violation::NotEmpty { position: 0, len }));
        let stack = program.stack.stopped(&program.shapes);
        let text = checker::check_empty(&FramePointers, &stack).unwrap_err().to_string();
        assert!(text.starts_with("I8, I12: ") && text.contains(" @@@ "), "{text}");
    }
}

/// What a scan in a debug build does by itself.
#[test]
#[cfg(debug_assertions)]
fn scans_of_debug_builds_check() {
    for spacing in &MODES[1..] {
        let mut program = scanned(*spacing);
        program.step(Op::Clear { local: 0 });
        // Far above where the re-scan stops, a stub that belongs to nobody.
        let slot = program.stack.frames[1].slot;
        let stub = Stub::new(program.stack.bars.class(), barrier_arch::Key::Index(30)).pc();
        program.stack.store(slot, stub);
        program.phases.scanned().unwrap();
        program.phases.terminate().unwrap();
        let stack = program.stack.stopped(&program.shapes);
        // SAFETY: simulated frames are as frame pointers say; that this stack is broken is what the scan shall find.
        let mut scanner =
            unsafe { Scanner::new(&program.heap, &program.phases, &program.shapes, FramePointers) };
        let error = scanner.re_scan(&stack, &program.receipt, |_| {}).unwrap_err();
        assert!(matches!(error, ScanError::Violated { .. }), "{error}");
        assert!(error.to_string().starts_with("I1: "), "{error}");
    }
}

/// Records of the last cycle that a broken removal has left standing (I8).
#[test]
#[cfg(debug_assertions)]
fn a_first_scan_on_barriers_without_records_is_refused() {
    for spacing in &MODES[1..] {
        let mut program = scanned(*spacing);
        // SAFETY: frames are returned from no more: the test ends here.
        unsafe { barrier_arch::patch::purge(&program.stack.bars) };
        program.step(Op::Clear { local: 0 });
        let stack = program.stack.stopped(&program.shapes);
        // SAFETY: as above.
        let mut scanner =
            unsafe { Scanner::new(&program.heap, &program.phases, &Conservatively, FramePointers) };
        let error = scanner.first_scan(&stack, &Receipt::new(), *spacing, |_| {}).unwrap_err();
        assert!(
            matches!(error, ScanError::Violated { violation: Violation::Unrecorded { .. }, .. }),
            "{error}"
        );
    }
}
