//! The dump of a barrier list: all of it, whatever was hit, with `@@@` at the position and `==>` at a culprit, also where there is
//! nothing to point at; and no more than the array when somebody has written over its header.

mod support;

use barrier_arch::reference::Memory;
use barrier_arch::{SizeClass, Spacing, StkbarSlice, Stub};
use barrier_arch::{arch, reference};
use support::MODES;
use support::plain::PlainStack;

/// What the dump of `count` records must be.
fn expected(slots: &[usize], position: usize, culprit: Option<usize>) -> String {
    let mut text = String::from("[");
    for i in 0..=slots.len() {
        text += if i == position { " @@@" } else { "" };
        text += if culprit == Some(i) { " ==>" } else { "" };
        if let Some(slot) = slots.get(i) {
            text += &format!(" *{slot:#x}={:#x}", 0x1000 + i);
        }
    }
    text + " ]"
}

#[test]
fn the_whole_list_is_shown_with_both_marks() {
    for spacing in MODES {
        let count = if spacing == Spacing::Off { 0 } else { 4 };
        for hits in 0..=count {
            let mut stack = PlainStack::new(1 << 14, spacing);
            let first = stack.bars.base() + 1024;
            let slots: Vec<usize> = (0..count).map(|i| first + 64 * i).collect();
            slots.iter().enumerate().for_each(|(i, &slot)| stack.install_over(slot, 0x1000 + i).unwrap());
            for &slot in &slots[..hits] {
                let stub = Stub::at(stack.load(slot)).unwrap();
                reference::hit(stub, arch::sp_after(slot), &mut stack).unwrap();
            }
            assert_eq!(stack.bars.to_string(), expected(&slots, hits, None));
            for culprit in (0..=count + 3).map(Some).chain([None, Some(usize::MAX)]) {
                assert_eq!(stack.bars.dump(culprit).to_string(), expected(&slots, hits, culprit));
            }
        }
    }
}

/// Bytes of one record.
const STRIDE: usize = 2 * arch::SLOT_BYTES;

/// Writes over position and length, which are in bytes of records.
fn overwrite_state(bars: &StkbarSlice, position: u32, len: u32) {
    for (below, half) in [(24, position), (20, len)] {
        // SAFETY: the header of a stack on which nothing runs.
        unsafe { ((bars.top() - below) as *mut u32).write_volatile(half) };
    }
}

/// A stack of the smallest size and two barriers, or none.
fn small(spacing: Spacing) -> PlainStack {
    let mut stack = PlainStack::new(SizeClass::MIN.bytes(), spacing);
    let first = stack.bars.base() + 512;
    let count = if spacing == Spacing::Off { 0 } else { 2 };
    (0..count).for_each(|i| stack.install_over(first + 64 * i, 0x1000 + i).unwrap());
    stack
}

/// The list of a broken header is printed on the way to the process's end: that must not be a fault of the printing.
#[test]
fn a_length_past_the_array_shows_the_array_and_says_so() {
    for spacing in MODES {
        for (position, bytes) in [(0, u32::MAX), (u32::MAX, u32::MAX), (16, 0xaaaa_aaa0), (u32::MAX, 0)] {
            let stack = small(spacing);
            overwrite_state(&stack.bars, position, bytes);
            let text = stack.bars.dump(Some(0)).to_string();
            let shown = text.matches('*').count();
            let room = stack.bars.capacity();
            assert_eq!(shown, room.min(bytes as usize / STRIDE), "{text}");
            let (position, len) = stack.bars.state();
            let verdict =
                format!(" ], though position {position} and length {len} do not fit {room} records");
            assert!(text.starts_with("[") && text.ends_with(&verdict), "{text}");
        }
    }
}

/// So must not what a diagnostic walk reads.
#[test]
fn no_record_is_read_past_the_array() {
    for spacing in MODES {
        let stack = small(spacing);
        let (room, records) = (stack.bars.capacity(), stack.bars.iter().collect::<Vec<_>>());
        overwrite_state(&stack.bars, 0, u32::MAX);
        assert_eq!(stack.bars.iter().count(), room);
        assert_eq!(stack.bars.iter().take(records.len()).collect::<Vec<_>>(), records);
        assert_eq!([room, usize::MAX].map(|index| stack.bars.get(index)), [None; 2]);
        for slot in [stack.bars.base(), usize::MAX] {
            assert_eq!(stack.bars.find(slot), None);
        }
    }
}

/// Nor if the capacity was written over as well.
#[test]
fn a_capacity_past_the_stack_shows_no_more_than_half_the_stack() {
    for spacing in MODES {
        let stack = small(spacing);
        overwrite_state(&stack.bars, 0, u32::MAX);
        // SAFETY: as in `overwrite_state`.
        unsafe { ((stack.bars.top() - 32) as *mut u64).write_volatile(u64::MAX) };
        let text = stack.bars.dump(None).to_string();
        assert_eq!(text.matches('*').count(), SizeClass::MIN.bytes() / 2 / STRIDE);
    }
}
