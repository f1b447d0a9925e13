//! What an asynchronous reader, a profiler's signal handler say, sees at each instruction: of install and
//! remove (I1), of a return through a barrier, of an exception that crosses one.
//!
//! The processor's trap flag raises SIGTRAP after every instruction; the handler looks. That is x86's; for machines without
//! such a flag see `stepped_instructions`.
#![cfg(any(target_arch = "x86_64", target_arch = "x86"))]

mod support;

use std::arch::asm;
use std::hint::black_box;
use std::panic::resume_unwind;
use std::sync::{Mutex, Once};

use barrier_arch::arch::SLOT_BYTES;
use barrier_arch::reference::Memory;
use barrier_arch::{Spacing, StkbarSlice, arch, patch};
use support::plain::PlainStack;
use support::{MODES, TestStack, install_here, return_slots};

/// One at a time: what the handler looks at is global.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
static mut WATCH: Option<Watch> = None;

/// What to look at, and what was seen.
struct Watch {
    bars: StkbarSlice,
    /// Return slots of live frames, and what they return to.
    truth: Vec<(usize, usize)>,
    /// Are all of these frames alive all the time? Else only what the trampoline is about to do is looked at.
    all_alive: bool,
    instructions: usize,
    in_trampoline: usize,
    wrong: usize,
}

impl Watch {
    fn look(&mut self, pc: usize, sp: usize) {
        self.instructions += 1;
        if self.all_alive {
            // SAFETY: live slots, and the stack does not run.
            let right =
                |&(slot, pc): &(usize, usize)| unsafe { patch::caller_pc(slot as *const usize) } == pc;
            self.wrong += usize::from(!self.truth.iter().all(right));
        }
        if arch::is_trampoline(pc) {
            self.in_trampoline += 1;
            // SAFETY: words of the stack that was interrupted.
            let read = |address: usize| Some(unsafe { *(address as *const usize) });
            let next = arch::interrupted_return(pc, sp, Some(&self.bars), read);
            let right = next.is_some_and(|(pc, sp)| self.truth.contains(&(sp - SLOT_BYTES, pc)));
            self.wrong += usize::from(!right);
        }
    }
}

#[cfg(target_arch = "x86_64")]
const PC: usize = libc::REG_RIP as usize;
#[cfg(target_arch = "x86_64")]
const SP: usize = libc::REG_RSP as usize;
#[cfg(target_arch = "x86")]
const PC: usize = libc::REG_EIP as usize;
#[cfg(target_arch = "x86")]
const SP: usize = libc::REG_ESP as usize;

extern "C" fn on_trap(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's context; the watch is only set while its thread is stepping.
    unsafe {
        let registers = &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let watch = &raw mut WATCH;
        if let Some(watch) = &mut *watch {
            watch.look(registers[PC] as usize, registers[SP] as usize);
        }
    }
}

fn install_handler() {
    static ONCE: Once = Once::new();
    // SAFETY: a handler that reads memory of ours and counts.
    ONCE.call_once(|| unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_trap as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGTRAP, &action, std::ptr::null_mut()), 0);
    });
}

/// From here to [`stop`], every instruction of this thread is looked at.
#[inline(always)]
fn start(bars: &StkbarSlice, truth: Vec<(usize, usize)>, all_alive: bool) {
    install_handler();
    // SAFETY: one thread at a time holds the lock; the alias goes before the stack does.
    unsafe {
        WATCH =
            Some(Watch { bars: bars.alias(), truth, all_alive, instructions: 0, in_trampoline: 0, wrong: 0 });
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: sets the trap flag.
    unsafe {
        asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq")
    };
    #[cfg(target_arch = "x86")]
    // SAFETY: sets the trap flag.
    unsafe {
        asm!("pushfd", "or dword ptr [esp], 0x100", "popfd")
    };
}

#[inline(always)]
fn stop() -> Watch {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: clears the trap flag.
    unsafe {
        asm!("pushfq", "and qword ptr [rsp], ~0x100", "popfq")
    };
    #[cfg(target_arch = "x86")]
    // SAFETY: clears the trap flag.
    unsafe {
        asm!("pushfd", "and dword ptr [esp], ~0x100", "popfd")
    };
    // SAFETY: nobody steps any more.
    unsafe { (&raw mut WATCH).replace(None) }.expect("started")
}

#[test]
fn a_stub_in_a_slot_always_has_its_record() {
    let _alone = ONE_AT_A_TIME.lock();
    for spacing in MODES {
        let mut stack = PlainStack::new(1 << 14, spacing);
        let first = stack.bars.base() + 1024;
        let truth: Vec<(usize, usize)> = (0..4).map(|i| (first + 64 * i, 0x1000 + i)).collect();
        truth.iter().for_each(|&(slot, pc)| stack.store(slot, pc));
        let slots: Vec<usize> = truth.iter().map(|&(slot, _)| slot).collect();
        let mut installed = 0;
        start(&stack.bars, truth, true);
        // SAFETY: nothing runs on the stack.
        let removed = unsafe {
            slots
                .iter()
                .for_each(|&slot| installed += usize::from(patch::install(&stack.bars, slot).is_ok()));
            patch::unwind(&stack.bars, first - 8, slots[1]);
            patch::remove(&stack.bars, first - 8)
        };
        let seen = stop();
        let (expected, at_least) = if spacing == Spacing::Off { ((0, 0, 0), 30) } else { ((4, 3, 1), 100) };
        assert_eq!((installed, removed.restored, removed.hit), expected);
        assert!(seen.instructions > at_least, "{}", seen.instructions);
        assert_eq!(seen.wrong, 0, "of {} instructions", seen.instructions);
    }
}

/// Return slots and true return addresses of the frames on this stack, before there are barriers.
#[inline(never)]
fn truth(bars: &StkbarSlice) -> Vec<(usize, usize)> {
    // SAFETY: live slots of this very stack.
    return_slots(bars).into_iter().map(|slot| (slot, unsafe { *(slot as *const usize) })).collect()
}

/// Few: an unwinder takes a hundred thousand instructions for them, each of them a signal.
const DEPTH: u64 = 4;

#[inline(never)]
fn nest(depth: u64, bars: &StkbarSlice, spacing: Spacing, throw: bool) -> u64 {
    let words = black_box([depth; 200]);
    if depth > 0 {
        return nest(black_box(depth - 1), bars, spacing, throw) + words[9] - depth + 1;
    }
    let truth = truth(bars);
    let installed = install_here(bars, spacing);
    assert!(if spacing == Spacing::Off { installed == 0 } else { installed >= 2 });
    start(bars, truth, false);
    if throw {
        resume_unwind(Box::new(()));
    }
    black_box(words[3])
}

/// What was seen of a stack on which so many barriers were hit, if at least `instructions` of the trampoline belong to each. Without barriers nobody
/// may come by it, on the way back or up, though every instruction is looked at.
fn check(spacing: Spacing, seen: &Watch, hit: usize, instructions: usize) {
    assert!(seen.instructions > 20, "{}", seen.instructions);
    if spacing == Spacing::Off {
        assert_eq!((hit, seen.in_trampoline), (0, 0), "of {} instructions", seen.instructions);
    } else {
        assert!(hit >= 2 && seen.in_trampoline >= instructions * hit, "{hit} {}", seen.in_trampoline);
    }
    assert_eq!(seen.wrong, 0, "of {} instructions", seen.in_trampoline);
}

#[test]
fn a_return_is_foreseen_at_each_instruction_of_the_trampoline() {
    let _alone = ONE_AT_A_TIME.lock();
    for spacing in MODES {
        let stack = TestStack::new(1 << 18, spacing);
        let (seen, hit) = stack.run(|bars| {
            assert_eq!(nest(DEPTH, bars, spacing, false), DEPTH);
            (stop(), bars.position())
        });
        check(spacing, &seen, hit, 15);
    }
}

#[cfg(feature = "unwind")]
#[test]
fn an_exceptions_way_is_foreseen_in_the_landing_pad() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let _alone = ONE_AT_A_TIME.lock();
    for spacing in MODES {
        let stack = TestStack::new(1 << 18, spacing);
        let (seen, hit) = stack.run(|bars| {
            let caught = catch_unwind(AssertUnwindSafe(|| nest(DEPTH, bars, spacing, true)));
            let seen = stop();
            assert!(caught.is_err());
            (seen, bars.position())
        });
        check(spacing, &seen, hit, 3);
    }
}
