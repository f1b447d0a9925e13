//! Readers on other threads beside the one that patches, in every interleaving and with every reordering that the memory model allows: loom on
//! the code itself. Runs with `--cfg loom` only, see `ci/models.sh`.
//!
//! What must hold is I1 as somebody else sees it: whatever a slot seems to hold, [`patch::caller_pc`] says the frame's return address.
#![cfg(loom)]

#[path = "support/plain.rs"]
mod plain;

use std::sync::Arc;

use barrier_arch::reference::Memory;
use barrier_arch::{Spacing, explore, patch, watch};
use loom::thread;

use plain::PlainStack;

/// A stopped stack with three frames: their return slots, and where they return to.
struct Frames {
    stack: PlainStack,
    slots: [usize; 3],
}

const PCS: [usize; 3] = [0x1000, 0x2000, 0x3000];

// SAFETY: a model runs one thread at a time, and what they share of the stack are watched words.
unsafe impl Sync for Frames {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Frames {}

impl Frames {
    fn new(spacing: Spacing) -> Arc<Frames> {
        let mut stack = PlainStack::new(4096, spacing);
        let base = stack.bars.base();
        let slots = [base + 64, base + 256, base + 512];
        slots.iter().zip(PCS).for_each(|(&slot, pc)| stack.store(slot, pc));
        // The slots, and the header with the first records.
        for watched in
            slots.map(|slot| slot..slot + 8).into_iter().chain([stack.bars.top() - 80..stack.bars.top()])
        {
            // SAFETY: memory of the stack.
            unsafe { watch(watched) };
        }
        Arc::new(Frames { stack, slots })
    }

    fn install(&self, frame: usize) {
        // SAFETY: nothing runs on the stack.
        unsafe { patch::install(&self.stack.bars, self.slots[frame]) }.unwrap();
    }

    fn remove(&self) {
        // SAFETY: as above.
        unsafe { patch::remove(&self.stack.bars, self.stack.bars.base()) };
    }

    fn read(&self, frame: usize) -> usize {
        // SAFETY: as above.
        unsafe { patch::caller_pc(self.slots[frame] as *const usize) }
    }
}

/// `prepare`s a stack, then `change`s it while another thread reads `frames`.
fn reader_beside(name: &str, prepare: fn(&Frames), change: fn(&Frames), frames: &'static [usize]) {
    for (mode, spacing) in [("exponential", Spacing::default()), ("every-frame", Spacing::EveryFrame)] {
        explore(&format!("patch/{name}/{mode}"), move || {
            let stack = Frames::new(spacing);
            prepare(&stack);
            let reader = Arc::clone(&stack);
            let reader = thread::spawn(move || {
                for &frame in frames {
                    assert_eq!(reader.read(frame), PCS[frame], "frame {frame}");
                }
            });
            change(&stack);
            reader.join().unwrap();
        });
    }
}

#[test]
fn a_reader_beside_installs_finds_every_return_address() {
    let install = |stack: &Frames| (0..2).for_each(|frame| stack.install(frame));
    reader_beside("install", |_| {}, install, &[0, 1]);
}

#[test]
fn a_reader_beside_a_removal_finds_every_return_address() {
    let prepare = |stack: &Frames| (0..2).for_each(|frame| stack.install(frame));
    reader_beside("remove", prepare, Frames::remove, &[0, 1]);
}

/// Record 0 was the first frame's and becomes the second's. A reader that looks at the slot once takes the second's return address for the first's.
#[test]
fn a_reader_does_not_mix_one_list_with_the_next() {
    let change = |stack: &Frames| {
        stack.remove();
        stack.install(1);
    };
    reader_beside("next-list", |stack| stack.install(0), change, &[0]);
}

#[test]
fn a_reader_beside_an_unwind_finds_every_return_address() {
    let prepare = |stack: &Frames| (0..2).for_each(|frame| stack.install(frame));
    let change = |stack: &Frames| {
        // SAFETY: nothing runs on the stack.
        unsafe { patch::unwind(&stack.stack.bars, stack.stack.bars.base(), stack.slots[1]) };
    };
    reader_beside("unwind", prepare, change, &[0, 1]);
}

/// Two readers, each of whom must find what it finds alone.
#[test]
fn readers_do_not_disturb_each_other() {
    explore("patch/two-readers", || {
        let stack = Frames::new(Spacing::default());
        stack.install(0);
        let readers = [0, 1].map(|frame| {
            let stack = Arc::clone(&stack);
            thread::spawn(move || assert_eq!(stack.read(frame), PCS[frame]))
        });
        stack.install(1);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}
