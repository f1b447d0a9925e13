//! What two scans of one stack at once would leave (Go: "g already has stack barriers"): two records for one slot. `install` does not
//! make them, and the checker names them.

mod support;

use barrier_arch::Spacing;
use barrier_arch::checker::{Violation, check};
use barrier_arch::patch::{self, Refused};
use barrier_arch::reference::Memory;
use support::MODES;
use support::plain::{PlainStack, record};

#[test]
fn a_slot_has_one_record() {
    for spacing in MODES {
        let mut stack = PlainStack::new(1 << 14, spacing);
        let first = stack.bars.base() + 1024;
        let slots = [first, first + 64, first + 128];
        let installed = slots.map(|slot| stack.install_over(slot, 0x1000).is_ok());
        assert_eq!(installed, [spacing != Spacing::Off; 3]);
        for slot in slots {
            // SAFETY: nothing runs on the stack; a second scan comes along.
            let again = unsafe { patch::install(&stack.bars, slot) };
            let full = Err(Refused::Full(0));
            assert_eq!(again, if spacing == Spacing::Off { full } else { Err(Refused::OutOfOrder(slot)) });
        }
        // SAFETY: as above; these are all live return slots.
        assert_eq!(unsafe { check(&stack.bars, first - 8, slots) }.map(|census| census.dead), Ok(0));
        if spacing != Spacing::Off {
            stack.store(stack.bars.top() - record(1), first);
            // SAFETY: as above.
            let broken = unsafe { check(&stack.bars, first - 8, slots) };
            assert_eq!(broken, Err(Violation::RecordOrder { index: 1, slot: first, before: first }));
        }
    }
}

/// Go's "leftover stack barriers", as the checker counts them: wherever in the list they are, the last one included.
#[test]
fn barriers_that_the_walk_does_not_reach_are_dead() {
    for spacing in MODES.into_iter().filter(|&spacing| spacing != Spacing::Off) {
        let mut stack = PlainStack::new(1 << 14, spacing);
        let first = stack.bars.base() + 1024;
        let slots = [0, 1, 2, 3].map(|i| first + 64 * i);
        slots.iter().for_each(|&slot| stack.install_over(slot, 0x1000).unwrap());
        for reached in 0..=4 {
            // SAFETY: nothing runs on the stack, and these are live return slots.
            let census = unsafe { check(&stack.bars, first - 8, slots[..reached].iter().copied()) }.unwrap();
            assert_eq!((census.standing, census.dead), (reached, 4 - reached));
        }
    }
}
