//! Operations done by hand, and wrongly: each mistake is named.

use std::boxed::Box;
use std::format;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::ptr::NonNull;
use std::string::{String, ToString};
use std::vec::Vec;

use super::Watch;
use crate::arch::{SLOT_BYTES, Slot};
use crate::checker::Violation;
use crate::patch;
use crate::reference::live_sp;
use crate::size_class::SizeClass;
use crate::spacing::Spacing;
use crate::stkbar::{Stkbar, StkbarSlice};

#[repr(C, align(4096))]
struct Memory([Slot; 4096 / SLOT_BYTES]);

/// Plain memory with three barriers; nothing runs on it.
struct Stack {
    memory: Box<Memory>,
    bars: StkbarSlice,
    slots: Vec<usize>,
}

/// From one slot to the next.
const APART: usize = 64;

/// The modes in which there is something to go wrong.
const ON: [Spacing; 2] = [Spacing::Exponential { first: 1024 }, Spacing::EveryFrame];

impl Stack {
    fn empty(spacing: Spacing) -> Stack {
        let mut memory = Box::new(Memory([0; 4096 / SLOT_BYTES]));
        let base = NonNull::from(&mut memory.0).cast();
        // SAFETY: aligned to its size, and it lives as long as the handle.
        let bars = unsafe { StkbarSlice::steal(base, SizeClass::of(4096).unwrap(), spacing) };
        let slots = (0..3).map(|i| bars.base() + 512 + APART * i).collect();
        let mut stack = Stack { memory, bars, slots };
        (0..3).for_each(|i| stack.store(stack.slots[i], 0x1000 + i));
        stack
    }

    fn with_barriers(spacing: Spacing) -> Stack {
        let stack = Stack::empty(spacing);
        for &slot in &stack.slots {
            // SAFETY: nothing runs on the stack.
            unsafe { patch::install(&stack.bars, slot) }.unwrap();
        }
        stack
    }

    /// Of the frame with the lowest slot.
    fn sp(&self) -> usize {
        live_sp(self.slots[0])
    }

    fn watch(&self) -> Watch<'_> {
        // SAFETY: nothing runs on the stack.
        unsafe { Watch::begin(&self.bars, self.sp()) }
    }

    fn store(&mut self, address: usize, word: usize) {
        self.memory.0[(address - self.bars.base()) / SLOT_BYTES] = word as Slot;
    }

    /// As `store`, while somebody watches.
    fn put(&self, address: usize, word: usize) {
        assert!((self.bars.base()..self.bars.stack_hi()).contains(&address));
        // SAFETY: a word of this memory, by way of the pointer that the handle was made from.
        unsafe { (address as *mut usize).write_volatile(word) };
    }

    fn restore(&self, index: usize) {
        self.put(self.slots[index], 0x1000 + index);
    }
}

#[test]
fn an_installation_that_went_wrong_is_named() {
    for spacing in ON {
        let (stack, good) = (Stack::empty(spacing), Stack::with_barriers(spacing));
        let (slot, watch) = (stack.slots[0], stack.watch());
        let record = good.bars.record(0);
        let ours = Stkbar { saved_lr_ptr: slot, ..record };
        let check = || watch.check_installed(slot, ours.saved_lr_val);
        assert_eq!(check(), Err(Violation::WrongState { due: (0, 1), left: (0, 0) }));
        stack.bars.set_state(0, 1);
        assert_eq!(check(), Err(Violation::WrongRecord { index: 0, slot, saved: ours.saved_lr_val }));
        stack.bars.set_record(0, ours);
        assert_eq!(check(), Err(Violation::Dead { index: 0, slot }), "not patched");
        stack.put(slot, stack.bars.stub(1).pc());
        if spacing == ON[0] {
            assert_eq!(check(), Err(Violation::Dead { index: 0, slot }), "another record's stub");
        }
        stack.put(slot, stack.bars.stub(0).pc());
        assert_eq!(check(), Ok(()));
        // The next one, below the last.
        let (watch, lower) = (stack.watch(), slot - 8);
        stack.bars.set_record(1, Stkbar { saved_lr_ptr: lower, ..ours });
        stack.bars.set_state(0, 2);
        let out_of_order = Violation::RecordOrder { index: 1, slot: lower, before: slot };
        assert_eq!(watch.check_installed(lower, ours.saved_lr_val), Err(out_of_order));
    }
}

#[test]
fn a_removal_that_went_wrong_is_named() {
    for spacing in ON {
        let stack = Stack::with_barriers(spacing);
        let watch = stack.watch();
        assert_eq!(watch.check_removed(), Err(Violation::WrongState { due: (0, 0), left: (0, 3) }));
        stack.bars.set_state(0, 0);
        stack.restore(0);
        stack.restore(2);
        let standing = Violation::StillStanding { index: 1, slot: stack.slots[1] };
        assert_eq!(watch.check_removed(), Err(standing));
        stack.restore(1);
        assert_eq!(watch.check_removed(), Ok(()));
    }
}

/// A barrier that was hit, or lies in dead memory, may have left its stub behind: nobody reads it.
#[test]
fn stubs_that_mean_nothing_are_left_in_peace() {
    for spacing in ON {
        let stack = Stack::with_barriers(spacing);
        stack.bars.set_state(1, 3);
        // SAFETY: nothing runs on the stack.
        let watch = unsafe { Watch::begin(&stack.bars, live_sp(stack.slots[2])) };
        stack.restore(2);
        stack.bars.set_state(0, 0);
        assert_eq!(watch.check_removed(), Ok(()), "one was hit, one lies below sp");
    }
}

#[test]
fn a_skip_that_went_wrong_is_named() {
    for spacing in ON {
        let stack = Stack::with_barriers(spacing);
        let watch = stack.watch();
        let (slot, limit) = (stack.slots[1], live_sp(stack.slots[1]));
        for (left, wrong) in [((0, 3), true), ((1, 3), false), ((2, 3), true), ((1, 2), true)] {
            stack.bars.set_state(left.0, left.1);
            let found = watch.check_passed(limit);
            let due = (1, 3);
            assert_eq!(found, if wrong { Err(Violation::WrongState { due, left }) } else { Ok(()) });
        }
        stack.bars.set_state(0, 3);
        stack.bars.set_record(2, stack.bars.record(1));
        stack.bars.set_state(1, 3);
        let twice = Violation::RecordOrder { index: 2, slot, before: slot };
        assert_eq!(watch.check_passed(limit), Err(twice));
    }
}

#[test]
fn an_unwinding_that_went_wrong_is_named() {
    for spacing in ON {
        let stack = Stack::with_barriers(spacing);
        let (watch, dst) = (stack.watch(), live_sp(stack.slots[2]));
        stack.bars.set_state(2, 3);
        stack.restore(0);
        assert_eq!(watch.check_passed(dst), Ok(()));
        let standing = Violation::StillStanding { index: 1, slot: stack.slots[1] };
        assert_eq!(watch.none_stands(dst), Err(standing));
        stack.restore(1);
        assert_eq!(watch.none_stands(dst), Ok(()), "the last one may stand");
    }
}

#[test]
fn an_array_that_was_not_emptied_is_named() {
    for spacing in ON {
        let stack = Stack::with_barriers(spacing);
        let due = Violation::WrongState { due: (0, 0), left: (0, 3) };
        assert_eq!(stack.watch().left(0, 0), Err(due));
        stack.bars.set_state(4, 3);
        assert!(matches!(stack.watch_state(), Err(Violation::State { .. })));
    }
}

impl Stack {
    fn watch_state(&self) -> Result<(), Violation> {
        crate::checker::state(&self.bars).map(drop)
    }
}

#[test]
fn a_move_that_went_wrong_is_named() {
    for spacing in ON {
        let (old, new) = (Stack::with_barriers(spacing), Stack::empty(spacing));
        let shift = new.bars.base().wrapping_sub(old.bars.base());
        let watch = old.watch();
        assert_eq!(watch.check_moved(&new.bars), Err(Violation::WrongState { due: (0, 3), left: (0, 0) }));
        new.bars.set_state(0, 3);
        let [slot, _, last] = new.slots[..] else { panic!("three") };
        assert_eq!(
            watch.check_moved(&new.bars),
            Err(Violation::WrongRecord { index: 0, slot, saved: 0x1000 })
        );
        for index in 0..3 {
            let Stkbar { saved_lr_ptr, saved_lr_val } = old.bars.record(index);
            new.bars
                .set_record(index, Stkbar { saved_lr_ptr: saved_lr_ptr.wrapping_add(shift), saved_lr_val });
            new.put(new.slots[index], new.bars.stub(index).pc());
        }
        assert_eq!(watch.check_moved(&new.bars), Ok(()));
        new.put(last, 0x1002);
        let due = new.bars.stub(2).pc();
        let lost = Violation::WrongCopy { index: 2, slot: last, word: 0x1002, due };
        assert_eq!(watch.check_moved(&new.bars), Err(lost));
        new.put(last, due);
        old.bars.set_state(1, 3);
        assert_eq!(watch.check_moved(&new.bars), Err(Violation::WrongState { due: (0, 3), left: (1, 3) }));
    }
}

#[test]
fn a_return_address_that_was_changed_wrongly_is_named() {
    for spacing in ON {
        let stack = Stack::with_barriers(spacing);
        let (slot, watch) = (stack.slots[1], stack.watch());
        let check = || watch.check_redirected(1, slot, 0x7000);
        assert_eq!(check(), Err(Violation::WrongRecord { index: 1, slot, saved: 0x7000 }));
        stack.bars.set_record(1, Stkbar { saved_lr_ptr: slot, saved_lr_val: 0x7000 });
        assert_eq!(check(), Ok(()));
        stack.put(slot, 0x7000);
        assert_eq!(check(), Err(Violation::Dead { index: 1, slot }), "the barrier was overwritten");
    }
}

/// Set in the child process: which operation goes wrong, in which mode.
const ROLE: &str = "OPERATION_THAT_GOES_WRONG";

const MODES: [Spacing; 3] = [Spacing::Off, ON[0], ON[1]];

/// Lists the barriers, does what `role` says, and does it wrongly: stubs are left, or a record is. Without barriers none can be.
fn go_wrong(role: &str) {
    let (operation, mode) = role.split_once(' ').unwrap();
    let spacing = MODES[mode.parse::<usize>().unwrap()];
    let on = spacing != Spacing::Off;
    let stack = if on { Stack::with_barriers(spacing) } else { Stack::empty(spacing) };
    std::println!("BEFORE {}", stack.bars);
    let watch = stack.watch();
    match operation {
        "remove" => {
            stack.restore(0);
            stack.bars.set_state(0, 0);
            watch.removed();
        }
        _ => {
            stack.bars.set_state(0, usize::from(on));
            watch.emptied();
        }
    }
}

/// The records are retired by then.
#[test]
fn the_list_that_was_retired_wrongly_is_shown_whole() {
    if let Ok(role) = std::env::var(ROLE) {
        return go_wrong(&role);
    }
    for (mode, spacing) in MODES.iter().enumerate() {
        for operation in ["remove", "purge"] {
            let mut child = Command::new(std::env::current_exe().unwrap());
            let test = "aftermath::tests::the_list_that_was_retired_wrongly_is_shown_whole";
            child.args([test, "--exact", "--nocapture"]).env(ROLE, format!("{operation} {mode}"));
            let output = child.output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).to_string();
            let before = said.lines().find_map(|line| line.split_once("BEFORE ")).unwrap().1;
            let last = String::from_utf8_lossy(&output.stderr);
            if *spacing == Spacing::Off {
                assert!(output.status.success() && before == "[ @@@ ]", "{operation}: {said}{last}");
                continue;
            }
            assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{operation}: {said}{last}");
            assert_eq!(before.matches('*').count(), 3, "{operation}: {before}");
            assert!(last.contains(&format!("; barriers {before}\n")), "{operation}: {before}\n{last}");
        }
    }
}
