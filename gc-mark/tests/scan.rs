//! One behaviour of the scans each, on simulated stacks, in all three modes where modes matter.

mod simulated;

use barrier_arch::arch::{SLOT_BYTES, sp_after};
use barrier_arch::reference::frame_bytes;
use barrier_arch::{Key, Spacing, Stub, is_barrier};
use gc_mark::verify::Reached;
use gc_mark::{Conservatively, Heap, Object, Receipt, Scan, ScanError, Scanner, Stopped, Verify};
use simulated::MODES;
use simulated::program::{Op, Program};
use simulated::shapes::{Shape, Shapes};
use unwind_walk::{Fault, FramePointers, Registers};

const GOOD: Shape = Shape { locals: 6, precise: true, vouched: true, permits: true };
const BYTES: usize = frame_bytes(GOOD.locals);

/// `depth` frames, each with an object of its own.
fn deep(spacing: Spacing, shapes: &[Shape], depth: usize) -> Program {
    let mut program = Program::with_room(depth, spacing, Shapes::new(shapes));
    for shape in 0..depth {
        program.run(&[Op::Call { shape }, Op::New { local: 1 }, Op::Clear { local: 0 }]);
    }
    assert_eq!(program.stack.frames.len(), depth + 1);
    program
}

/// Slots that hold barriers, low to high.
fn barriers(program: &Program) -> Vec<usize> {
    let slots = program.stack.frames.iter().rev().map(|frame| frame.slot);
    slots.take(program.stack.frames.len() - 1).filter(|&slot| is_barrier(program.stack.load(slot))).collect()
}

/// Where barriers belong in the running stack of `program`: what each mode promises, of the frames between the youngest and the outermost, said without
/// the thresholds that installation goes by.
fn promised(program: &Program) -> Vec<usize> {
    let frames = &program.stack.frames;
    let inner: Vec<_> = frames[1..frames.len() - 1].iter().rev().collect();
    let ends_beyond = |distance: usize| inner.iter().find(|frame| frame.cfa > program.stack.sp() + distance);
    match program.spacing {
        Spacing::Off => vec![],
        Spacing::EveryFrame => inner.iter().map(|frame| frame.slot).collect(),
        Spacing::Exponential { first } => {
            (0..32).map_while(|doublings| Some(ends_beyond(first << doublings)?.slot)).collect()
        }
    }
}

#[test]
fn barriers_stand_where_the_mode_promises() {
    for spacing in MODES {
        for depth in [1, 2, 3, 20, 100, 900] {
            let mut program = deep(spacing, &[GOOD], depth);
            program.start();
            let report = program.first_scan().report();
            let slots = barriers(&program);
            assert_eq!((slots.len(), report.refused), (report.installed, 0));
            assert_eq!(slots, promised(&program), "{spacing:?}, {depth} frames");
        }
    }
}
/// How many of these slots get a barrier where each stands twice as far from `sp` as the one before, or at the next that there is.
fn doublings(sp: usize, slots: impl Iterator<Item = usize>) -> usize {
    let mut slots: Vec<usize> = slots.collect();
    slots.sort_unstable();
    let mut next = Spacing::FIRST;
    let mut wants = |slot| {
        sp_after(slot) - sp >= next && {
            next *= 2;
            true
        }
    };
    slots.into_iter().filter(|&slot| wants(slot)).count()
}

#[test]
fn a_refused_frame_passes_its_barrier_to_the_next() {
    // Seven of eight functions refuse. The outermost frame is of the first kind.
    let mut shapes = [Shape { permits: false, ..GOOD }; 8];
    shapes[3].permits = true;
    for spacing in MODES {
        let mut program = deep(spacing, &shapes, 800);
        let inner = &program.stack.frames[1..program.stack.frames.len() - 1];
        let expected = match spacing {
            Spacing::Off => 0,
            Spacing::Exponential { .. } => {
                let slots = inner.iter().filter(|frame| frame.shape == 3).map(|frame| frame.slot);
                doublings(program.stack.sp(), slots)
            }
            Spacing::EveryFrame => inner.iter().filter(|frame| frame.shape == 3).count(),
        };
        assert!(spacing == Spacing::Off || expected >= 5, "{expected} barriers");
        program.start();
        let report = program.first_scan().report();
        let (sp, slots) = (program.stack.sp(), barriers(&program));
        assert_eq!((slots.len(), report.installed), (expected, expected), "{spacing:?}");
        for (doublings, &slot) in slots.iter().enumerate() {
            // Of a barrier at every frame there are more than doublings have bits.
            let threshold = sp + if spacing == Spacing::EveryFrame { 0 } else { Spacing::FIRST << doublings };
            let end = sp_after(slot);
            // And what may lie between a slot and the frame that it is of: z's linkage and saved registers.
            let there = (threshold..threshold + 8 * BYTES + 256).contains(&end);
            assert!(there || spacing == Spacing::EveryFrame, "{end:#x} for {threshold:#x}");
            let owner = program.stack.frames.iter().find(|frame| frame.slot == slot).unwrap();
            assert_eq!(owner.shape, 3);
        }
        assert!(report.refused <= 7 * (expected + 1) && (report.refused > 0) == (expected > 0), "{report:?}");
    }
}

#[test]
fn a_second_first_scan_is_refused_and_installs_nothing() {
    for spacing in MODES {
        let mut program = deep(spacing, &[GOOD], 200);
        program.start();
        assert!(matches!(program.first_scan(), Scan::Done(_)));
        let before = barriers(&program);
        assert_eq!(program.first_scan(), Scan::AlreadyScanned);
        program.step(Op::Return { times: 3 });
        assert_eq!(program.first_scan(), Scan::AlreadyScanned);
        let is_live = |slot: &usize| program.stack.frames.iter().any(|frame| frame.slot == *slot);
        assert_eq!(barriers(&program), before.into_iter().filter(is_live).collect::<Vec<_>>());
    }
}

#[test]
fn a_stack_that_did_not_run_is_not_walked() {
    for spacing in MODES {
        let mut program = deep(spacing, &[GOOD], 200);
        program.start();
        program.first_scan();
        assert_eq!(program.terminate().stacks, 0);
        assert!(program.verify().is_sound());
    }
}

#[test]
fn stale_barriers_are_purged_before_the_next_are_installed() {
    for spacing in MODES {
        let mut program = deep(spacing, &[GOOD], 300);
        let mut left = 0;
        for round in 0..5 {
            program.start();
            let report = program.first_scan().report();
            assert_eq!(report.stale, left, "round {round}");
            assert_eq!(barriers(&program).len(), report.installed);
            program.step(Op::Return { times: 40 });
            program.terminate();
            assert!(program.verify().is_sound());
            program.finish();
            left = barriers(&program).len();
        }
    }
}

/// Behind the lowest barrier that was not hit; where there is none, at the end.
#[test]
fn the_re_scan_stops_where_the_mode_promises() {
    for spacing in MODES {
        let mut program = deep(spacing, &[GOOD], 900);
        program.start();
        let first = program.first_scan().report();
        let lowest = barriers(&program).first().copied();
        program.step(Op::Clear { local: 0 });
        let report = program.terminate();
        let frames = &program.stack.frames;
        let owner = frames.iter().position(|frame| lowest.is_none_or(|lowest| frame.slot == lowest)).unwrap();
        assert_eq!(report.bytes, frames[owner].cfa - program.stack.sp() + SLOT_BYTES, "and a saved register");
        assert_eq!((report.hit, report.frames), (0, frames.len() - owner));
        let whole = (first.bytes, first.frames, first.roots) == (report.bytes, report.frames, report.roots);
        assert_eq!(whole, spacing == Spacing::Off, "{report:?} after {first:?}");
        assert!(spacing != Spacing::EveryFrame || report.frames == 2);
    }
}

#[test]
fn unvouched_frames_are_scanned_again_wherever_they_lie() {
    for precise in [false, true] {
        // Every twentieth frame is nobody's: no more of them than a scan tells apart.
        let mut shapes = [GOOD; 20];
        shapes[4] = Shape { precise, vouched: false, ..GOOD };
        for spacing in MODES {
            let mut program = deep(spacing, &shapes, 200);
            let far = (0..200).find(|&depth| program.stack.frames[depth].shape == 4).unwrap();
            let hidden = program.heap.allocate();
            program.start();
            let first = program.first_scan().report();
            program.step(Op::Clear { local: 0 });
            // What native code does through a `&mut` passed down: no barrier.
            let slot = program.stack.slot(far, 2);
            program.stack.store(slot, hidden);
            let second = program.terminate();
            assert!(program.heap.is_marked(Object(hidden)), "{spacing:?} precise {precise}");
            assert!(program.verify().is_sound());
            assert_eq!(first.unvouched_bytes > 0, !precise);
            assert!(spacing == Spacing::Off || second.roots < first.roots / 2, "{second:?} of {first:?}");
        }
    }
}

#[test]
fn without_the_write_barrier_the_verifier_names_what_is_lost() {
    for spacing in MODES {
        for write_barrier in [true, false] {
            let mut program = deep(spacing, &[GOOD], 200);
            program.run(&[Op::New { local: 2 }, Op::Grow { local: 2, field: 0 }]);
            program.start();
            program.first_scan();
            program.write_barrier = write_barrier;
            // A new object, black, gets the only reference to a white one, which leaves its old place before that is visited.
            let hidden = program.heap.load(program.stack.load(program.stack.slot(200, 2)), 0);
            program.run(&[
                Op::New { local: 1 },
                Op::Pull { local: 2, field: 0 },
                Op::Store { local: 1, field: 3 },
            ]);
            program.step(Op::Take { local: 5 });
            let black = program.stack.load(program.stack.slot(200, 1));
            program.terminate();
            let verified = program.verify();
            assert_eq!(verified.is_sound(), write_barrier, "{spacing:?}: {verified}");
            if let Some(lost) = verified.lost.first() {
                assert_eq!((lost.object, lost.path[0]), (Object(hidden), Reached::Object(Object(black))));
                let Reached::Frame { frame: 0, slot, .. } = lost.path[1] else { panic!("{lost}") };
                assert_eq!(slot, program.stack.slot(200, 1));
            }
        }
    }
}

#[test]
fn scans_belong_into_their_phases() {
    for spacing in MODES {
        let program = deep(spacing, &[GOOD], 20);
        let stack = program.stack.stopped(&program.shapes);
        // SAFETY: simulated frames are laid out as frame pointers say.
        let mut scanner =
            unsafe { Scanner::new(&program.heap, &program.phases, &program.shapes, FramePointers) };
        let receipt = Receipt::new();
        let first = scanner.first_scan(&stack, &receipt, spacing, |_| panic!("nothing is marked"));
        assert!(
            matches!(first, Err(ScanError::WrongPhase { scan: "first scan", .. })),
            "the write barrier is off"
        );
        let second = scanner.re_scan(&stack, &receipt, |_| panic!("nothing is marked"));
        assert_eq!(
            second.unwrap_err().to_string(),
            "re-scan in phase off: re-scans belong into mark or mark termination"
        );
        assert!(barriers(&program).is_empty());
    }
}

#[test]
fn a_broken_stack_is_an_error_with_all_its_barriers() {
    for spacing in MODES {
        let mut program = deep(spacing, &[GOOD], 200);
        program.start();
        program.first_scan();
        program.step(Op::Clear { local: 0 });
        // A stub gets into the youngest frame's return slot, which has no barrier in any mode.
        let slot = program.stack.running().slot;
        let stub = Stub::new(program.stack.bars.class(), Key::Index(31)).pc();
        program.stack.store(slot, stub);
        program.phases.scanned().unwrap();
        program.phases.terminate().unwrap();
        let stack = program.stack.stopped(&program.shapes);
        // SAFETY: as above; that this stack is broken is for the scanner to find.
        let mut scanner =
            unsafe { Scanner::new(&program.heap, &program.phases, &program.shapes, FramePointers) };
        let error = scanner.re_scan(&stack, &program.receipt, |_| {}).unwrap_err();
        assert!(matches!(error, ScanError::Walk { fault: Fault::Missed(missed), .. } if missed.slot == slot));
        let text = error.to_string();
        assert!(barriers(&program)[1..].iter().all(|slot| text.contains(&format!("*{slot:#x}="))), "{text}");
        assert!(text.contains("@@@") && text.contains("==>"), "{text}");
    }
}

#[test]
fn the_conservative_map_finds_everything_and_skips_nothing() {
    for spacing in MODES {
        let mut program = deep(spacing, &[GOOD], 100);
        program.start();
        let stack = program.stack.stopped(&program.shapes);
        // SAFETY: as above; nothing else is kept in return slots.
        let mut scanner =
            unsafe { Scanner::new(&program.heap, &program.phases, &Conservatively, FramePointers) };
        let first = scanner.first_scan(&stack, &program.receipt, spacing, |_| {}).unwrap().report();
        assert_eq!(
            (first.marked, first.unvouched_bytes),
            (100, program.stack.bars.stack_hi() - program.stack.sp())
        );
        let _ = program.receipt.note_run(program.phases.cycle().unwrap());
        program.phases.scanned().unwrap();
        program.phases.terminate().unwrap();
        let second = scanner.re_scan(&stack, &program.receipt, |_| {}).unwrap().report();
        assert_eq!((second.bytes, second.marked), (first.bytes, 0));
        assert!(scanner.cache_stats().hits > 100);
        let mut verify = Verify::new(&program.heap, &Conservatively, FramePointers);
        verify.stack(0, &stack).unwrap();
        assert_eq!(verify.finish().reachable, 100);
    }
}

#[test]
fn impossible_addresses_are_no_stopped_stack() {
    for spacing in MODES {
        let program = deep(spacing, &[GOOD], 3);
        let (bars, good) = (&program.stack.bars, program.stack.registers(&program.shapes));
        let stopped = |registers: Registers, outermost_sp, saved_from| {
            // SAFETY: nobody else has the stack; whether the addresses fit is what is tested.
            unsafe { Stopped::new(registers, bars, outermost_sp, saved_from) }.map(drop)
        };
        let outermost = program.stack.frames[0].sp;
        assert_eq!(stopped(good, outermost, good.sp), Ok(()));
        for (sp, outermost_sp, saved_from) in [
            (good.sp, outermost, good.sp + 8),
            (good.sp, good.sp - 8, good.sp),
            (good.sp, bars.top(), good.sp),
            (bars.base() - 8, outermost, bars.base() - 8),
            (good.sp + 1, outermost, good.sp + 1),
            (0, 0, 0),
        ] {
            assert!(
                stopped(Registers { sp, ..good }, outermost_sp, saved_from).is_err(),
                "{sp:#x} {saved_from:#x}"
            );
        }
    }
}
