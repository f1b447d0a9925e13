//! A function that changes where it will return to (Go: `setNextBarrierPC` in select), looked at after each instruction: a walker sees
//! the old address or the new one, never anything else, and once the new one never the old one again.
//!
//! By the trap flag of x86-64; the function is the same everywhere.
#![cfg(target_arch = "x86_64")]

mod support;

use std::arch::asm;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use barrier_arch::reference::Memory;
use barrier_arch::{Spacing, is_barrier, patch};
use support::MODES;
use support::plain::PlainStack;

const OLD: usize = 0x1000;
const NEW: usize = 0x2000;

static SLOT: AtomicUsize = AtomicUsize::new(0);
static SEEN_OLD: AtomicUsize = AtomicUsize::new(0);
static SEEN_NEW: AtomicUsize = AtomicUsize::new(0);
static WRONG: AtomicUsize = AtomicUsize::new(0);

extern "C" fn look(_: libc::c_int) {
    // SAFETY: the slot that the test set, in memory that it keeps.
    match unsafe { patch::caller_pc(SLOT.load(Relaxed) as *const usize) } {
        OLD if SEEN_NEW.load(Relaxed) == 0 => SEEN_OLD.fetch_add(1, Relaxed),
        NEW => SEEN_NEW.fetch_add(1, Relaxed),
        _ => WRONG.fetch_add(1, Relaxed),
    };
}

#[test]
fn a_walker_sees_the_old_address_or_the_new_one() {
    // SAFETY: the handler reads a word and counts.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = look as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGTRAP, &action, std::ptr::null_mut()), 0);
    }
    for spacing in MODES {
        let mut stack = PlainStack::new(1 << 14, spacing);
        let slot = stack.bars.base() + 1024;
        stack.store(slot, OLD);
        let barrier = spacing != Spacing::Off;
        assert_eq!(stack.install_over(slot, OLD).is_ok(), barrier);
        SLOT.store(slot, Relaxed);
        [&SEEN_OLD, &SEEN_NEW, &WRONG].iter().for_each(|count| count.store(0, Relaxed));
        // SAFETY: a word of the plain stack. The trap flag is on for the call alone.
        unsafe {
            asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq");
            patch::set_caller_pc(slot as *mut usize, NEW);
            asm!("pushfq", "and qword ptr [rsp], ~0x100", "popfq");
        }
        let [old, new, wrong] = [&SEEN_OLD, &SEEN_NEW, &WRONG].map(|count| count.load(Relaxed));
        assert!(old > 5 && new > 0 && wrong == 0, "{spacing:?}: old {old}, new {new}, wrong {wrong}");
        assert_eq!(is_barrier(stack.load(slot)), barrier, "the barrier stands");
    }
}
