//! The dump of a barrier list: all of it, whatever was hit, with `@@@` at the position and `==>` at a culprit, also where there is
//! nothing to point at.

mod support;

use barrier_arch::reference::Memory;
use barrier_arch::{Spacing, Stub};
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
