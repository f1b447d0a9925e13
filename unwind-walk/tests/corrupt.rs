//! Stacks that are no stacks: loops, wild frame pointers, cut-off memory. Every walk ends, with the right reason.

mod common;

use core::cell::Cell;
use core::ops::ControlFlow;

use barrier_arch::arch::SLOT_BYTES;
use barrier_arch::description::{self, FrameRecord};
use barrier_arch::{SizeClass, Spacing};
use common::{SPACINGS, SimStack, WORD, diagnose, is_back_chain};
use proptest::prelude::*;
use unwind_walk::{End, Fault, FramePointers, ReadWord, Registers, StackCopy, Step, StepError, Unwind, Walk};

fn stack(spacing: Spacing) -> SimStack {
    let stack = SimStack::new(SizeClass::of(1 << 13).unwrap(), spacing, &[6; 20]);
    stack.install(&[true]);
    stack
}

/// Both kinds of walk over `memory` end at frame `index` for the reason `expected`.
fn breaks(stack: &SimStack, memory: &impl ReadWord, index: usize, expected: StepError) {
    let walk = Walk::new(&FramePointers, memory).barriers(&stack.bars);
    let (frames, walked) = diagnose(&walk, stack.registers());
    assert_eq!((walked.end, walked.frames), (End::Broken(expected), index + 1));
    assert!(frames[..index].iter().all(|frame| frame.caller.is_some()) && frames[index].caller.is_none());
    let mut seen = 0;
    let error = walk.strict(stack.outermost_sp, stack.registers(), |_| {
        seen += 1;
        ControlFlow::Continue(())
    });
    let error = error.unwrap_err();
    assert_eq!((error.fault, error.frame, seen), (Fault::Step(expected), index, index));
    assert!(error.to_string().contains(&expected.to_string()));
}

/// The first word that a step reads where it was led to `record`.
fn first_read(record: usize) -> usize {
    match description::host().unwrap().frame_record {
        FrameRecord::AtFramePointer(_) => record,
        FrameRecord::BelowFramePointer(bytes) => record - bytes,
        FrameRecord::AtStackPointer { return_address } => record + return_address,
    }
}

/// What is wrong with a frame pointer to the last two words of all memory. One that is the canonical frame address itself leads to a record that
/// could be there; beyond other records the address space ends.
fn at_the_end(sp: usize, end: usize) -> StepError {
    match description::host().unwrap().frame_record {
        FrameRecord::BelowFramePointer(_) => StepError::Unreadable(first_read(end)),
        _ => StepError::NotAbove { sp, cfa: SimStack::cfa_by(end) },
    }
}

/// Ends of memory at which frame `index` can be reached and not left, and the word that is then missing: of its record the first,
/// or only the second; with a back chain the return slot, since the frame's own chain lies below its callee's slot.
fn edges(stack: &SimStack, index: usize) -> [(usize, usize); 2] {
    let (record, slot) = (first_read(stack.frames[index].fp), stack.frames[index].slot.unwrap());
    if is_back_chain() {
        return [(slot, slot), (stack.frames[index - 1].slot.unwrap() + WORD, slot)];
    }
    [(record, record), (record + SLOT_BYTES, record + SLOT_BYTES)]
}

#[test]
fn wrong_frame_pointers_have_names() {
    for spacing in SPACINGS {
        for index in 1..18 {
            let stack = stack(spacing);
            let spoil = |fp: usize, expected: StepError| {
                stack.write(stack.chain(index).0, fp);
                breaks(&stack, &stack.live(), index, expected);
            };
            let sp = stack.frames[index].sp;
            spoil(3, StepError::Misaligned(3));
            spoil(usize::MAX, StepError::Misaligned(usize::MAX));
            // Outside of the stack: above it, at the very end of the address space, below it.
            let (above, end, below) = (stack.bars.top() + 64, usize::MAX - (2 * WORD - 1), stack.lo() - 64);
            spoil(above, StepError::Unreadable(first_read(above)));
            spoil(end, at_the_end(sp, end));
            spoil(below, StepError::NotAbove { sp, cfa: SimStack::cfa_by(below) });
            // Loops: to the frame's own callee, and to the youngest frame.
            for to in [index - 1, 0] {
                let fp = stack.frames[to].fp;
                spoil(fp, StepError::NotAbove { sp, cfa: SimStack::cfa_by(fp) });
            }
        }
    }
}

#[test]
fn a_truncated_copy_ends_at_its_edge() {
    for spacing in SPACINGS {
        let stack = stack(spacing);
        let words = stack.copy();
        for index in 1..20 {
            for (end, unreadable) in edges(&stack, index) {
                let copy = StackCopy::new(stack.lo(), &words[..(end - stack.lo()) / WORD]);
                breaks(&stack, &copy, index, StepError::Unreadable(unreadable));
            }
        }
    }
}

/// A stepper that stands still must not make the walk loop.
#[test]
fn a_step_that_does_not_lead_up_is_refused() {
    struct Still(usize);
    impl Unwind for Still {
        fn step(&self, registers: &Registers, _: &impl ReadWord) -> Result<Step, StepError> {
            let cfa = registers.sp.wrapping_sub(self.0);
            Ok(Step::Caller { cfa, return_slot: registers.sp, fp: registers.fp })
        }
    }
    for down in [0, 8, 0x1000] {
        let walk = Still(down);
        let memory = |_: usize| Some(0x1234);
        let (frames, walked) = diagnose(&Walk::new(&walk, &memory), Registers { pc: 1, sp: 0x8000, fp: 0 });
        assert_eq!(frames.len(), 1);
        assert_eq!(walked.end, End::Broken(StepError::NotAbove { sp: 0x8000, cfa: 0x8000 - down }));
    }
}

proptest! {
    /// Random damage: both walks end, and a strict walk that passes has ended at the outermost frame.
    #[test]
    fn no_damage_makes_a_walk_loop_or_panic(
        mode in prop::sample::select(&SPACINGS[..]),
        damage in prop::collection::vec((0_usize..1000, 0_usize..6, any::<usize>()), 0..40),
        start in prop::option::of((0_usize..6, 0_usize..6, 0_usize..6, any::<usize>())),
    ) {
        let stack = stack(mode);
        let mut words = stack.copy();
        let len = words.len();
        let value = |kind: usize, seed: usize| match kind {
            0 => 0,
            1 => stack.lo() + seed % len * WORD,
            2 => stack.lo() + seed % (len * WORD),
            3 => words[seed % len],
            4 => seed,
            _ => usize::MAX - seed % 64,
        };
        let damage: Vec<_> = damage.iter().map(|&(at, kind, seed)| (at, value(kind, seed))).collect();
        let registers = start.map_or(stack.registers(), |(pc, sp, fp, seed)| Registers {
            pc: value(pc, seed), sp: value(sp, seed / 3), fp: value(fp, seed / 7),
        });
        for (at, word) in damage {
            words[at % len] = word;
        }
        let reads = Cell::new(0_usize);
        let copy = StackCopy::new(stack.lo(), &words);
        let memory = |address: usize| {
            reads.set(reads.get() + 1);
            copy.read_word(address)
        };
        let walk = Walk::new(&FramePointers, &memory).barriers(&stack.bars);
        let (frames, _) = diagnose(&walk, registers);
        prop_assert!(frames.len() <= len && frames.windows(2).all(|pair| pair[0].sp < pair[1].sp));
        prop_assert!(reads.get() <= 2 * len + stack.bars.len() + 8, "{} reads", reads.get());
        let mut last = None;
        let strict = walk.strict(stack.outermost_sp, registers, |frame| {
            last = Some(*frame);
            ControlFlow::Continue(())
        });
        if strict.is_ok() {
            let last = last.unwrap();
            prop_assert_eq!((last.sp, last.caller), (stack.outermost_sp, None));
        }
    }

    /// Memory that answers everything, registers from anywhere.
    #[test]
    fn endless_memory_ends(pc in any::<usize>(), sp in any::<usize>(), fp in any::<usize>(), stride in 0_usize..1 << 20) {
        let memory = |address: usize| Some(address.wrapping_add(stride << (usize::BITS - 28)));
        let walk = Walk::new(&FramePointers, &memory);
        let (frames, walked) = diagnose(&walk.max(100_000), Registers { pc, sp, fp });
        prop_assert!(frames.windows(2).all(|pair| pair[0].sp < pair[1].sp));
        prop_assert!(walked.frames > 0 && walked.end != End::Stopped);
    }
}
