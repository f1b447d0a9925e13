//! A stack of any class to run closures on, and the frames of whoever asks.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test binary uses its part")]

pub mod history;
pub mod plain;
pub mod target;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use barrier_arch::arch::{self, Context, own_frame};
use barrier_arch::description::{self, FrameRecord};
use barrier_arch::{SizeClass, Spacing, StkbarSlice, patch};

/// The three modes in which every mechanism is tested.
pub const MODES: [Spacing; 3] = [Spacing::Off, Spacing::Exponential { first: 1024 }, Spacing::EveryFrame];

/// Address space of twice the class's size, of which the aligned stack inside is used.
pub struct TestStack {
    map: *mut libc::c_void,
    len: usize,
    pub bars: StkbarSlice,
}

/// Fresh memory in which `bytes` bytes lie that are aligned to their number; where the address space is too small to look for them in twice
/// as much, exactly those.
fn reserve(bytes: usize) -> (*mut libc::c_void, usize) {
    let map = |hint: usize, len: usize, fixed: libc::c_int| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | fixed;
        // SAFETY: a fresh private mapping, over no other.
        unsafe { libc::mmap(hint as *mut _, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) }
    };
    let found = map(0, 2 * bytes, 0);
    if found != libc::MAP_FAILED {
        return (found, 2 * bytes);
    }
    let places = (1..).map_while(|i| bytes.checked_mul(i)).take(16);
    let mut maps = places.map(|at| (map(at, bytes, libc::MAP_FIXED_NOREPLACE), bytes));
    maps.find(|&(found, _)| found != libc::MAP_FAILED).expect("there is room for a stack")
}

impl TestStack {
    pub fn new(bytes: usize, spacing: Spacing) -> TestStack {
        let class = SizeClass::of(bytes).unwrap();
        let (map, len) = reserve(bytes);
        let base = NonNull::new((map as usize).next_multiple_of(bytes) as *mut u8).unwrap();
        // SAFETY: `base` is aligned and `bytes` long within the mapping, which lives as long as `self`.
        let bars = unsafe { StkbarSlice::steal(base, class, spacing) };
        TestStack { map, len, bars }
    }

    /// Runs `f` on this stack and returns its result; a panic inside comes out here.
    pub fn run<R, F: FnOnce(&StkbarSlice) -> R>(&self, f: F) -> R {
        let mut job = Job { f: Some(f), bars: &self.bars, result: None, back: Context::default() };
        let argument = (&raw mut job) as usize;
        // SAFETY: nobody uses the stack; `job` outlives the run.
        let prepared = unsafe { arch::prepare(self.bars.stack_hi(), enter::<F, R>, argument) };
        // SAFETY: as above; the stack switches back to `back` when it is done.
        unsafe {
            arch::set_parent(prepared.outermost_sp, &raw const job.back);
            arch::switch(&raw mut job.back, &prepared.context);
        }
        match job.result.unwrap() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for TestStack {
    fn drop(&mut self) {
        // SAFETY: our own mapping; nothing runs on it any more.
        unsafe { libc::munmap(self.map, self.len) };
    }
}

struct Job<'a, F, R> {
    f: Option<F>,
    bars: &'a StkbarSlice,
    result: Option<Result<R, Box<dyn Any + Send>>>,
    back: Context,
}

extern "C" fn enter<F: FnOnce(&StkbarSlice) -> R, R>(argument: usize) -> ! {
    // SAFETY: `run` passes its job, which it keeps alive until the switch back.
    let job = unsafe { &mut *(argument as *mut Job<'_, F, R>) };
    let f = job.f.take().unwrap();
    let bars = job.bars;
    job.result = Some(catch_unwind(AssertUnwindSafe(|| f(bars))));
    // SAFETY: a task that ends leaves an empty array (I12); nobody comes back here.
    unsafe {
        patch::purge(bars);
        arch::switch(&mut Context::default(), &job.back);
    }
    unreachable!("nobody resumes a finished stack")
}

/// Return slots of the frames on this stack, youngest first, up to the outermost: by the chain that this machine's ABI has.
#[inline(never)]
pub fn return_slots(bars: &StkbarSlice) -> Vec<usize> {
    let mut frame = own_frame();
    let mut slots = Vec::new();
    while let Some((slot, caller)) = step(frame) {
        assert!((bars.base()..bars.stack_hi()).contains(&slot), "frame chain left the stack: {slot:#x}");
        slots.push(slot);
        frame = caller;
    }
    slots
}

/// Return slot of the frame with this stack and frame pointer, and the caller's; `None` for the outermost.
pub fn step((sp, fp): (usize, usize)) -> Option<(usize, (usize, usize))> {
    // SAFETY: words of a chain that starts at a live frame.
    let word = |address: usize| unsafe { (address as *const usize).read() };
    let slot_bytes = arch::SLOT_BYTES;
    let host = description::host().expect("a host with barriers is described");
    match host.frame_record {
        FrameRecord::AtFramePointer(bytes) => {
            // With a link register the chain ends at a record of zeros.
            let outermost = fp == 0 || word(fp + slot_bytes) == 0;
            (!outermost).then(|| (fp + slot_bytes, (fp + bytes, word(fp))))
        }
        FrameRecord::BelowFramePointer(bytes) => (fp != 0).then(|| (fp - slot_bytes, (fp, word(fp - bytes)))),
        FrameRecord::AtStackPointer { return_address } => {
            let caller = word(sp);
            (caller != 0).then(|| (caller + return_address, (caller, 0)))
        }
    }
}

/// Installs barriers as a collector would: from the caller of the caller on, where the spacing wants them.
///
/// Returns how many.
#[inline(never)]
pub fn install_here(bars: &StkbarSlice, spacing: Spacing) -> usize {
    let slots = return_slots(bars);
    let mut thresholds = spacing.thresholds(slots[0]);
    let mut installed = 0;
    // Not in our own frames, nor in the outermost.
    for &slot in &slots[2..slots.len() - 1] {
        // SAFETY: this thread is on the stack itself and the slots are those of live frames.
        if thresholds.wants(arch::sp_after(slot)) && unsafe { patch::install(bars, slot) }.is_ok() {
            thresholds.placed();
            installed += 1;
        }
    }
    installed
}

/// Where a function's code starts: by the older ABI of PowerPC its address is that of a descriptor.
pub fn code_of(function: *const ()) -> usize {
    // SAFETY: the first word of a descriptor.
    if cfg!(target_abi = "elfv1") { unsafe { *function.cast() } } else { function as usize }
}
