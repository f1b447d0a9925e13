//! The checker: silent as long as every operation keeps the invariants, and naming each one that is broken by hand.

mod support;

use barrier_arch::arch::{self, SLOT_BYTES};
use barrier_arch::checker::{Census, Violation, check, check_empty};
use barrier_arch::reference::{self, Memory, live_sp};
use barrier_arch::{SizeClass, Spacing, Stub, patch};
use proptest::prelude::*;
use support::MODES;
use support::plain::{PlainStack, RECORD, record};

/// Frames of 16 words, of which the return slots are known here.
struct Frames {
    stack: PlainStack,
    spacing: Spacing,
    /// Return slots, outermost first.
    slots: Vec<usize>,
}

const FRAME: usize = 128;

impl Frames {
    fn new(log2: u32, spacing: Spacing) -> Frames {
        Frames { stack: PlainStack::new(1 << log2, spacing), spacing, slots: Vec::new() }
    }

    /// `depth` frames, scanned.
    fn scanned(depth: usize, spacing: Spacing) -> Frames {
        let mut frames = Frames::new(15, spacing);
        (0..depth).for_each(|_| frames.call());
        frames.install();
        frames
    }

    /// The lowest slot, or where there is none yet.
    fn lowest(&self) -> usize {
        self.slots.last().copied().unwrap_or(self.stack.bars.stack_hi())
    }

    fn sp(&self) -> usize {
        live_sp(self.lowest())
    }

    fn call(&mut self) {
        let slot = self.lowest() - FRAME;
        if live_sp(slot) > self.stack.bars.base() {
            // What the frame below left behind stays in its dead words.
            self.stack.store(slot, 0x4000 + self.slots.len());
            self.slots.push(slot);
        }
    }

    fn ret(&mut self) {
        let Some(slot) = self.slots.pop() else { return };
        if let Some(stub) = Stub::at(self.stack.load(slot)) {
            reference::hit(stub, arch::sp_after(slot), &mut self.stack).unwrap();
        }
    }

    fn install(&mut self) {
        let mut thresholds = self.spacing.thresholds(self.sp());
        for &slot in self.slots.iter().rev() {
            if !thresholds.wants(arch::sp_after(slot)) {
                continue;
            }
            // SAFETY: nothing runs on the stack, and this is a frame of the fiction.
            if unsafe { patch::install(&self.stack.bars, slot) }.is_ok() {
                thresholds.placed();
            }
        }
    }

    fn remove(&self) {
        // SAFETY: nothing runs on the stack.
        unsafe { patch::remove(&self.stack.bars, self.sp()) };
    }

    fn recover(&mut self, frames: usize) {
        self.slots.truncate(self.slots.len().saturating_sub(frames));
        // SAFETY: the frames below are never returned from.
        unsafe { patch::skip(&self.stack.bars, self.sp()) };
    }

    fn unwind(&mut self, up: usize) {
        let Some(index) = self.slots.len().checked_sub(up + 1) else { return };
        // SAFETY: nothing runs on the stack.
        unsafe { patch::unwind(&self.stack.bars, self.sp(), live_sp(self.slots[index])) };
    }

    fn move_to(&mut self, log2: u32) {
        let (mut new, sp) = (PlainStack::new(1 << log2, self.spacing), self.sp());
        let old = &self.stack;
        let delta = new.bars.stack_hi().wrapping_sub(old.bars.stack_hi());
        if sp.wrapping_add(delta) < new.bars.base() + FRAME {
            return;
        }
        (sp..old.bars.stack_hi())
            .step_by(size_of::<usize>())
            .for_each(|at| new.store(at.wrapping_add(delta), old.load(at)));
        // SAFETY: the live part was copied, and nothing runs on either.
        if unsafe { patch::carry_over(&old.bars, &new.bars, sp) } {
            self.slots.iter_mut().for_each(|slot| *slot = slot.wrapping_add(delta));
            self.stack = new;
        }
    }

    fn live(&self) -> impl Iterator<Item = usize> + '_ {
        self.slots.iter().rev().copied()
    }

    fn check(&self) -> Result<Census, Violation> {
        // SAFETY: plain memory, all of it readable.
        unsafe { check(&self.stack.bars, self.sp(), self.live()) }
    }

    fn check_empty(&self) -> Result<(), Violation> {
        // SAFETY: as above.
        unsafe { check_empty(&self.stack.bars, self.sp(), self.live()) }
    }

    /// Overwrites the word `below` the stack's top: the header, or a record.
    fn break_header(&mut self, below: usize, word: usize) {
        let at = self.stack.bars.top() - below;
        self.stack.store(at, word);
    }

    /// Return slots that hold barriers, low to high.
    fn barriers(&self) -> Vec<usize> {
        self.live().filter(|&slot| Stub::at(self.stack.load(slot)).is_some()).collect()
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Call(usize),
    Return(usize),
    Scan,
    Remove,
    Recover(usize),
    Unwind(usize),
    Move(u32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1..20_usize).prop_map(Op::Call),
        4 => (1..20_usize).prop_map(Op::Return),
        3 => Just(Op::Scan),
        1 => Just(Op::Remove),
        2 => (1..12_usize).prop_map(Op::Recover),
        2 => (0..40_usize).prop_map(Op::Unwind),
        1 => (13..17_u32).prop_map(Op::Move),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Install, remove, skip, unwind, carry_over and hit: checked after each single one.
    #[test]
    fn every_operation_keeps_the_invariants(ops in prop::collection::vec(op(), 1..80)) {
        for spacing in MODES {
            let mut frames = Frames::new(15, spacing);
            for &op in &ops {
                match op {
                    Op::Call(times) => (0..times).for_each(|_| frames.call()),
                    Op::Return(times) => for _ in 0..times {
                        frames.ret();
                        frames.check().and_then(Census::none_dead)?;
                    },
                    Op::Scan => {
                        frames.remove();
                        frames.check_empty()?;
                        frames.install();
                    }
                    Op::Remove => {
                        frames.remove();
                        frames.check_empty()?;
                    }
                    Op::Recover(count) => frames.recover(count),
                    Op::Unwind(up) => frames.unwind(up),
                    Op::Move(log2) => frames.move_to(log2),
                }
                let census = frames.check().and_then(Census::none_dead)?;
                let bars = &frames.stack.bars;
                prop_assert_eq!((census.hit, census.hit + census.standing), bars.state());
                prop_assert_eq!(census.standing, frames.barriers().len());
            }
            // The task ends.
            frames.slots.clear();
            // SAFETY: no frame is left.
            unsafe { patch::purge(&frames.stack.bars) };
            prop_assert_eq!(frames.check_empty(), Ok(()));
        }
    }
}

/// Both modes that have barriers, on a stack of 100 frames.
fn broken(name: &str, how: impl Fn(&mut Frames) -> Violation) {
    for spacing in &MODES[1..] {
        let mut frames = Frames::scanned(100, *spacing);
        assert!(frames.check().unwrap().none_dead().unwrap().standing >= 4);
        let violation = how(&mut frames);
        assert_eq!(frames.check().and_then(Census::none_dead), Err(violation), "{spacing:?}");
        assert!(violation.to_string().starts_with(name), "{violation}");
    }
}

#[test]
fn i1_a_stub_without_a_record_is_named() {
    broken("I1: live return slot", |frames| {
        let stub = frames.stack.load(frames.barriers()[0]);
        frames.call();
        let last = frames.lowest();
        frames.stack.store(last, stub);
        Violation::Unrecorded { slot: last, stub }
    });
}

#[test]
fn i1_a_barrier_that_stands_though_the_position_is_past_it_is_named() {
    broken("I1: live return slot", |frames| {
        let (slot, len) = (frames.barriers()[0], frames.stack.bars.len());
        frames.stack.break_state(1, len);
        Violation::Unrecorded { slot, stub: frames.stack.load(slot) }
    });
}

#[test]
fn i1_a_slot_that_was_restored_behind_the_records_back_is_named() {
    broken("I1: record 1 was not hit", |frames| {
        let slot = frames.barriers()[1];
        frames.stack.store(slot, 0x4242);
        Violation::Dead { index: 1, slot }
    });
}

#[test]
fn i1_a_stub_of_another_stack_size_is_named() {
    broken("I1: live return slot", |frames| {
        let slot = frames.barriers()[1];
        let own = Stub::at(frames.stack.load(slot)).unwrap();
        let stub = Stub::new(SizeClass::of(1 << 20).unwrap(), own.key()).pc();
        frames.stack.store(slot, stub);
        Violation::ForeignStub { index: 1, slot, stub }
    });
}

#[test]
fn i1_a_stub_of_another_record_is_named() {
    let mut frames = Frames::scanned(100, Spacing::default());
    let [first, second] = frames.barriers()[..2] else { panic!("two at least") };
    let stub = frames.stack.load(first);
    frames.stack.store(second, stub);
    assert_eq!(frames.check(), Err(Violation::ForeignStub { index: 1, slot: second, stub }));
}

#[test]
fn i1_a_barrier_over_a_barrier_is_named() {
    broken("I1: record 1 says", |frames| {
        let slot = frames.barriers()[1];
        let saved = frames.stack.load(slot);
        frames.break_header(record(1) - SLOT_BYTES, saved);
        Violation::NoReturnAddress { index: 1, slot, saved }
    });
}

#[test]
fn i1_a_position_past_the_length_is_named() {
    broken("I1: position", |frames| {
        let bars = &frames.stack.bars;
        let (capacity, len, position) = (bars.capacity(), bars.len() * RECORD, (bars.len() + 1) * RECORD);
        frames.stack.break_state(position / RECORD, len / RECORD);
        Violation::State { position, len, capacity }
    });
}

#[test]
fn i2_records_out_of_order_are_named() {
    broken("I2: record 2", |frames| {
        let [_, before, slot] = frames.barriers()[..3] else { panic!("three at least") };
        frames.break_header(record(1), slot);
        frames.break_header(record(2), before);
        Violation::RecordOrder { index: 2, slot: before, before: slot }
    });
}

#[test]
fn i2_a_record_of_another_stack_is_named() {
    broken("I2: record", |frames| {
        let (slot, index) = (frames.stack.bars.stack_hi(), frames.stack.bars.len() - 1);
        frames.break_header(record(index), slot);
        Violation::OutsideStack { index, slot }
    });
}

#[test]
fn i2_frames_that_overlap_are_named() {
    broken("I2: live return slot", |frames| {
        let slot = frames.slots[50];
        frames.slots.insert(50, slot);
        Violation::FrameOrder { slot, floor: slot + SLOT_BYTES }
    });
}

#[test]
fn i8_and_i12_an_array_that_is_not_empty_is_named() {
    for spacing in &MODES[1..] {
        let mut frames = Frames::scanned(100, *spacing);
        let len = frames.stack.bars.len();
        let not_empty = Violation::NotEmpty { position: 0, len };
        assert_eq!(frames.check_empty(), Err(not_empty));
        assert!(not_empty.to_string().starts_with("I8, I12: "));
        // Emptied with barriers standing: what the seed commit did where a task ended.
        let (slot, stub) = (frames.barriers()[0], frames.stack.load(frames.barriers()[0]));
        frames.stack.break_state(0, 0);
        assert_eq!(frames.check_empty(), Err(Violation::Unrecorded { slot, stub }));
    }
}

/// Frames that code which knows nothing of barriers left without a return: dead records, and no violation.
#[test]
fn a_foreign_longjmp_is_counted_as_dead() {
    for spacing in &MODES[1..] {
        let mut frames = Frames::scanned(100, *spacing);
        let standing = frames.barriers();
        let left = standing[1];
        frames.slots.retain(|&slot| slot > left);
        let census = frames.check().unwrap();
        assert_eq!((census.dead, census.standing), (2, standing.len() - 2));
        assert_eq!(census.first_dead, Some((0, standing[0])));
        assert_eq!(census.none_dead(), Err(Violation::Dead { index: 0, slot: standing[0] }));
    }
}
