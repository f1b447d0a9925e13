//! What a signal handler sees at each instruction of the trampoline, where the processor (or its emulator) has no trap flag: see
//! `every_instruction` for x86-64.
//!
//! At each, the way on is foreseen, and the unwinder finds the frames that are there.
// Who has `TRAP` and its neighbours in `support/target`.
#![cfg(any(
    target_arch = "arm",
    target_arch = "loongarch64",
    target_arch = "powerpc64",
    target_arch = "riscv64",
    target_arch = "s390x"
))]

#[path = "support/stepper.rs"]
mod stepper;
mod support;

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::Mutex;

use barrier_arch::{Spacing, StkbarSlice, arch};
use stepper::Stepping;
use support::target;
use support::{MODES, TestStack, install_here, return_slots};

/// The unwinder gets past a signal handler. Not under QEMU's LoongArch: its vDSO says that the signal frame is found by the thread
/// pointer (`.cfi_def_cfa 2`), and every unwinder that believes it crashes, trampoline or not.
const UNWINDS_SIGNALS: bool = !cfg!(target_arch = "loongarch64");
/// Frames of [`nest`].
const DEPTH: u64 = 12;

/// One at a time: what the handler looks at is global.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
static mut WATCH: Option<Watch> = None;

/// What to look at, and what was seen.
struct Watch {
    bars: StkbarSlice,
    /// Return slots of live frames, and what they return to, from the youngest on.
    truth: Vec<(usize, usize)>,
    /// Instructions that were looked at, each once.
    seen: HashSet<usize>,
    steps: usize,
    wrong: Vec<String>,
}

fn look(pc: usize, sp: usize) {
    // SAFETY: set while its thread steps, which is stopped here.
    let Some(watch) = (unsafe { (*(&raw mut WATCH)).as_mut() }) else { return };
    watch.steps += 1;
    watch.seen.insert(pc - arch::stub_table());
    // SAFETY: words of the stack that was interrupted.
    let read = |address: usize| Some(unsafe { *(address as *const usize) });
    let next = arch::interrupted_return(pc, sp, Some(&watch.bars), read);
    let at = watch.truth.iter().position(|&(slot, pc)| next == Some((pc, arch::sp_after(slot))));
    let Some(at) = at else {
        return watch.wrong.push(format!("at {:#x}: {next:x?} is no return", pc - arch::stub_table()));
    };
    if !UNWINDS_SIGNALS {
        return;
    }
    // The true return addresses in their order, whatever else there is between: barriers, the handler's own frames.
    let mut found = backtrace().into_iter();
    let missing = watch.truth[at..].iter().find(|&&(_, pc)| !found.any(|ip| ip == pc));
    if let Some((_, pc)) = missing {
        watch.wrong.push(format!("at {:#x}: the unwinder misses {pc:#x}", watch.steps));
    }
}

/// Where the callers of this function go on, as the unwinder says.
fn backtrace() -> Vec<usize> {
    use std::ffi::{c_int, c_void};
    unsafe extern "C" {
        fn _Unwind_Backtrace(f: extern "C" fn(*mut c_void, *mut c_void) -> c_int, data: *mut c_void)
        -> c_int;
        #[cfg(not(target_arch = "arm"))]
        fn _Unwind_GetIP(context: *mut c_void) -> usize;
        #[cfg(target_arch = "arm")]
        fn _Unwind_VRS_Get(
            context: *mut c_void,
            class: c_int,
            register: u32,
            representation: c_int,
            value: *mut usize,
        ) -> c_int;
    }
    extern "C" fn note(context: *mut c_void, found: *mut c_void) -> c_int {
        #[cfg(not(target_arch = "arm"))]
        // SAFETY: the unwinder's context.
        let pc = unsafe { _Unwind_GetIP(context) };
        #[cfg(target_arch = "arm")]
        let pc = {
            let mut pc = 0;
            // SAFETY: as above; a core register is a word.
            assert_eq!(unsafe { _Unwind_VRS_Get(context, 0, 15, 0, &raw mut pc) }, 0);
            pc
        };
        // SAFETY: the vector below.
        unsafe { (*found.cast::<Vec<usize>>()).push(pc) };
        0
    }
    let mut found = Vec::with_capacity(256);
    // SAFETY: the callback gets the vector.
    unsafe { _Unwind_Backtrace(note, (&raw mut found).cast()) };
    found
}

/// Return slots and true return addresses of the frames on this stack, before there are barriers.
#[inline(never)]
fn truth(bars: &StkbarSlice) -> Vec<(usize, usize)> {
    // SAFETY: live slots of this very stack.
    return_slots(bars).into_iter().map(|slot| (slot, unsafe { *(slot as *const usize) })).collect()
}

#[inline(never)]
fn nest(depth: u64, bars: &StkbarSlice, spacing: Spacing, throw: bool) -> u64 {
    let words = black_box([depth; 60]);
    if depth > 0 {
        return nest(black_box(depth - 1), bars, spacing, throw) + words[9] - depth + 1;
    }
    let truth = truth(bars);
    let installed = install_here(bars, spacing);
    assert!(if spacing == Spacing::Off { installed == 0 } else { installed >= 2 });
    // SAFETY: one thread at a time holds the lock; the alias goes before the stack does.
    unsafe {
        WATCH = Some(Watch { bars: bars.alias(), truth, seen: HashSet::new(), steps: 0, wrong: Vec::new() });
    }
    if throw {
        std::panic::resume_unwind(Box::new(()));
    }
    black_box(words[3])
}

fn stop() -> Watch {
    // SAFETY: nobody steps any more.
    unsafe { (&raw mut WATCH).replace(None) }.expect("started")
}

/// Without barriers nobody comes to the trampoline.
fn untouched(seen: &Watch, hit: usize) -> bool {
    hit == 0 && seen.steps == 0
}

#[test]
fn a_return_is_foreseen_at_each_instruction_of_the_trampoline() {
    let _alone = ONE_AT_A_TIME.lock();
    for spacing in MODES {
        let stack = TestStack::new(1 << 18, spacing);
        let stepping = Stepping::start(look);
        let (seen, hit) = stack.run(|bars| {
            assert_eq!(nest(DEPTH, bars, spacing, false), DEPTH);
            (stop(), bars.position())
        });
        drop(stepping);
        assert_eq!(seen.wrong, Vec::<String>::new(), "of {} steps", seen.steps);
        let some = hit >= 2 && seen.seen.len() >= 14 && seen.steps >= 14 * hit;
        assert!(if spacing == Spacing::Off { untouched(&seen, hit) } else { some }, "{hit}, {}", seen.steps);
    }
}

#[cfg(feature = "unwind")]
#[test]
fn an_exceptions_way_is_foreseen_in_the_landing_pad() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let _alone = ONE_AT_A_TIME.lock();
    for spacing in MODES {
        let stack = TestStack::new(1 << 18, spacing);
        let stepping = Stepping::start(look);
        let (seen, hit) = stack.run(|bars| {
            let caught = catch_unwind(AssertUnwindSafe(|| nest(DEPTH, bars, spacing, true)));
            let seen = stop();
            assert!(caught.is_err());
            (seen, bars.position())
        });
        drop(stepping);
        assert_eq!(seen.wrong, Vec::<String>::new(), "of {} steps", seen.steps);
        // By Arm's ABI no instruction is executed on the way.
        let least = if cfg!(target_arch = "arm") { 0 } else { 2 };
        let some = hit >= 2 && seen.steps >= least * hit;
        assert!(if spacing == Spacing::Off { untouched(&seen, hit) } else { some }, "{hit}, {}", seen.steps);
    }
}
