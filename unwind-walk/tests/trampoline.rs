//! Walks that start inside the trampoline, in each of its states. (The real instructions are single-stepped where they
//! are written.)

mod common;

use core::ops::ControlFlow;

use barrier_arch::reference;
use barrier_arch::{Key, SizeClass, Spacing, Stub, arch, patch};
use common::{SPACINGS, SimStack, collect, diagnose};
use proptest::prelude::*;
use unwind_walk::{End, Fault, FramePointers, LiveStack, Missed, ReadWord, Registers, Walk, Walked};

/// How far the trampoline has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the stub, nothing done.
    Stub,
    /// In the tail, nothing done.
    Tail,
    /// In the tail, slot healed and position set.
    Healed,
}

const STATES: [State; 3] = [State::Stub, State::Tail, State::Healed];

/// A pc in the trampoline that is no stub's.
fn tail() -> usize {
    (arch::stub_table()..).find(|&pc| Stub::at(pc).is_none() && arch::is_trampoline(pc)).unwrap()
}

/// The slot of a frame that has returned and left the stack pointer at `sp`, if it ends where its slot does.
fn slot_before(sp: usize) -> usize {
    sp.wrapping_sub(arch::sp_after(0))
}

/// A stack whose youngest frame has just returned through a barrier: frame 0 of `frames` is the caller.
///
/// With barriers off nobody gets there, but a wrong pc does (Go's #19260): registers are believed to lie in the trampoline, over a stack
/// without a record and a slot that holds a stub by chance, or just a return address.
fn interrupted(spacing: Spacing, state: State) -> (SimStack, Registers) {
    let mut stack = SimStack::new(SizeClass::of(1 << 13).unwrap(), spacing, &[6; 20]);
    let installed = stack.install(&[true, true, false]);
    assert!(if spacing == Spacing::Off { installed == 0 } else { installed >= 4 });
    let returned = stack.frames.remove(0);
    let slot = returned.slot.unwrap();
    let stub = Stub::at(stack.read(slot)).unwrap_or(Stub::new(stack.bars.class(), Key::Search));
    let sp = arch::sp_after(slot);
    match state {
        State::Healed if installed > 0 => {
            assert_eq!(reference::hit(stub, sp, &mut stack), Ok(stack.frames[0].pc));
        }
        State::Healed => {}
        State::Stub | State::Tail => stack.write(slot, stub.pc()),
    }
    let pc = if state == State::Stub { stub.pc() } else { tail() };
    let registers = Registers { pc, sp, fp: stack.frames[0].fp };
    (stack, registers)
}

fn each_state() -> impl Iterator<Item = (SimStack, Registers, State)> {
    SPACINGS.iter().flat_map(|&spacing| {
        STATES.iter().map(move |&state| {
            let (stack, registers) = interrupted(spacing, state);
            (stack, registers, state)
        })
    })
}

/// As the trampoline leaves its registers in each state; with barriers off as an ordinary return leaves them, which is in the caller already.
fn each_return() -> impl Iterator<Item = (SimStack, Registers, State)> {
    each_state().map(|(stack, registers, state)| {
        let pc = if stack.bars.is_empty() { stack.frames[0].pc } else { registers.pc };
        (stack, Registers { pc, ..registers }, state)
    })
}

type WalkLive<'a> = Walk<'a, 'a, FramePointers, LiveStack>;

#[test]
fn frame_zero_is_the_caller() {
    for (stack, registers, state) in each_return() {
        let live = stack.live();
        let given: WalkLive<'_> = Walk::new(&FramePointers, &live).barriers(&stack.bars);
        for walk in [given, Walk::new(&FramePointers, &live).find_barriers()] {
            let mut frames = vec![];
            let walked = walk.strict(stack.outermost_sp, registers, collect(&mut frames)).unwrap();
            assert_eq!(walked.end, End::Outermost, "{state:?}");
            assert_eq!(frames.len(), stack.frames.len());
            stack.check(&frames, 0);
            // Frame 0's pc is a return address, unless the caller runs already.
            let waits = arch::is_trampoline(registers.pc);
            assert_eq!(waits, !stack.bars.is_empty());
            assert_eq!(frames[0].lookup_pc(), frames[0].pc - usize::from(waits));
            assert_eq!(diagnose(&walk, registers), (frames, walked));
        }
    }
}

#[test]
fn without_a_list_only_the_healed_slot_tells() {
    for (stack, registers, state) in each_state() {
        let live = stack.live();
        let (frames, walked) = diagnose(&Walk::new(&FramePointers, &live), registers);
        let healed = state == State::Healed && Stub::at(stack.read(slot_before(registers.sp))).is_none();
        let told =
            arch::interrupted_return(registers.pc, registers.sp, None, |address| live.read_word(address));
        // Not every machine heals; x86-64 does.
        assert!(told.is_none() || healed);
        assert!(told.is_some() || !healed || !cfg!(target_arch = "x86_64"));
        if told.is_some() {
            assert_eq!(frames[0].pc, stack.frames[0].pc);
            let barriers = !stack.bars.is_empty();
            assert_eq!(matches!(walked.end, End::Lost(_)), barriers, "at the next barrier");
            assert!(barriers || walked == Walked { frames: stack.frames.len(), end: End::Outermost });
        } else {
            let missed = Missed { slot: slot_before(registers.sp), stub: registers.pc };
            assert_eq!(walked, Walked { frames: 1, end: End::Lost(missed) });
            assert_eq!((frames[0].pc, frames[0].caller), (registers.pc, None));
        }
    }
}

#[test]
fn without_a_record_it_is_missed() {
    for (stack, registers, state) in each_state() {
        if stack.bars.is_empty() && state == State::Healed {
            continue; // nothing is missing there
        }
        // SAFETY: nobody runs on the stack; the test wants to see it broken.
        unsafe { patch::purge(&stack.bars) };
        let live = stack.live();
        let walk = Walk::new(&FramePointers, &live).barriers(&stack.bars);
        let walked = walk.diagnose(registers, |_| ControlFlow::Continue(()));
        let error = walk.strict(stack.outermost_sp, registers, |_| ControlFlow::Continue(())).unwrap_err();
        // A healed slot is as good as a record; the barrier above it is then the one that is missed.
        let expected = if state == State::Healed { 0 } else { slot_before(registers.sp) };
        let Fault::Missed(missed) = error.fault else { panic!("{error}") };
        assert_eq!(walked.end, End::Lost(missed));
        assert!(missed.slot == expected || state == State::Healed);
        assert!(error.to_string().contains("missed stack barrier") && error.to_string().contains("@@@"));
    }
}

#[test]
fn skip_and_max_count_the_caller_as_frame_zero() {
    for (stack, registers, _) in each_return() {
        let live = stack.live();
        let walk = Walk::new(&FramePointers, &live).barriers(&stack.bars).skip(2).max(3);
        let (frames, walked) = diagnose(&walk, registers);
        assert_eq!(walked, Walked { frames: 3, end: End::Max });
        stack.check(&frames, 2);
    }
}

/// An exception crosses the barrier: on the landing pad the popped slot holds whatever the unwinder wrote there, and only
/// the record, found by slot, still knows. One instruction later the slot is pushed, healed. (On other machines the record says it
/// everywhere.)
#[cfg(target_arch = "x86_64")]
#[test]
fn on_the_landing_pad_the_record_tells() {
    const JUNK: usize = 0x1234;
    for spacing in SPACINGS[1..].iter().copied() {
        let (stack, registers) = interrupted(spacing, State::Healed);
        let (sp, slot) = (registers.sp, slot_before(registers.sp));
        let truth = (stack.frames[0].pc, sp);
        // The one place whose answer does not come from the stack.
        let from_record =
            |&pc: &usize| arch::interrupted_return(pc, sp, Some(&stack.bars), |_| Some(JUNK)) == Some(truth);
        let trampoline = (arch::stub_table()..).take_while(|&pc| arch::is_trampoline(pc));
        let pads: Vec<usize> = trampoline.filter(from_record).collect();
        assert_eq!(pads.len(), 1);
        let (live, pad) = (stack.live(), pads[0]);
        for (pc, sp, word) in [(pad, sp, JUNK), (pad + 1, slot, truth.0)] {
            stack.write(slot, word);
            let start = Registers { pc, sp, ..registers };
            let given: WalkLive<'_> = Walk::new(&FramePointers, &live).barriers(&stack.bars);
            for walk in [given, Walk::new(&FramePointers, &live).find_barriers()] {
                let (frames, walked) = diagnose(&walk, start);
                assert_eq!(walked, Walked { frames: stack.frames.len(), end: End::Outermost });
                stack.check(&frames, 0);
            }
        }
    }
}

proptest! {
    // A case is thousands of walks.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every seventh byte of the trampoline, stubs included, with any stack pointer, over memory that answers everything.
    #[test]
    fn a_start_anywhere_in_it_never_panics(
        mode in prop::sample::select(&SPACINGS[..]),
        sp in any::<usize>(),
        near in 0_usize..64,
        word in any::<usize>(),
    ) {
        let (stack, registers) = interrupted(mode, State::Stub);
        let live = stack.live();
        let everything = |_: usize| Some(word);
        let given = Walk::new(&FramePointers, &everything).barriers(&stack.bars);
        let nothing = Walk::new(&FramePointers, &everything);
        let by_key = Walk::new(&FramePointers, &live).find_barriers();
        let pcs = (arch::stub_table()..).take_while(|&pc| arch::is_trampoline(pc)).step_by(7);
        for pc in pcs {
            for sp in [sp, near, usize::MAX - near, registers.sp, stack.bars.top() - near, stack.lo() + near] {
                let start = Registers { pc, sp, fp: registers.fp };
                let ends = [diagnose(&given, start).1, diagnose(&nothing, start).1, diagnose(&by_key, start).1];
                prop_assert!(ends.iter().all(|walked| walked.frames > 0));
            }
        }
    }
}
