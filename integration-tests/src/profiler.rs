//! A sampling profiler: a signal handler that walks the interrupted task's stack, without a lock and without an allocation.
//!
//! ```text
//!   SIGPROF ─▶ handler ─▶ which stack is sp on?     StackRegistry: one atomic word per stack, base | log2 of its size
//!                         where are its barriers?   at a fixed place below its top
//!                         Walk::diagnose            from the interrupted registers, as far as the outermost frame
//! ```
//!
//! No sample is dropped. A stack's barriers are only changed by whoever has the stack; it is interrupted here, so that is this very
//! thread, and every state between two of its instructions is one that a walk understands.
//!
//! Code without frame pointers (the C library, its unwinder; here two dozen instructions that switch stacks) leaves the walk no record to
//! start from. The first pair of words from the stack pointer upwards that *is* a frame record, one from which a walk gets to the outermost
//! frame, takes its place: the sample lacks the youngest frames and is called [`Outcome::Resumed`].

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::{SizeClass, StkbarSlice, arch};
use sched::{MoveStacks, StackSource, TaskStack};
use unwind_walk::{End, Frame, FramePointers, LiveStack, ReadWord, Registers, Walk, Walked};

const WORD: usize = size_of::<usize>();

/// Below the stack pointer, what the interrupted code may still use; the trampoline does.
const RED_ZONE: usize = 128;

/// How far below the top of the stack proper the outermost frame's stack pointer lies.
const OUTERMOST_BELOW: usize = 16;

/// The stacks that tasks run on, to be searched by a signal handler.
#[derive(Debug)]
pub struct StackRegistry<const N: usize>([AtomicUsize; N]);

impl<const N: usize> StackRegistry<N> {
    /// No stacks.
    pub const fn new() -> StackRegistry<N> {
        StackRegistry([const { AtomicUsize::new(0) }; N])
    }

    /// From now on the stack of `bars` is found.
    ///
    /// # Panics
    ///
    /// If there are `N` already.
    pub fn add(&self, bars: &StkbarSlice) {
        let word = bars.base() | bars.class().log2() as usize;
        let free = |entry: &&AtomicUsize| {
            entry.compare_exchange(0, word, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        self.0.iter().find(free).expect("the registry has room for all stacks");
    }

    /// From now on it is not found. To be called before its memory goes.
    pub fn remove(&self, bars: &StkbarSlice) {
        let word = bars.base() | bars.class().log2() as usize;
        let is_it = |entry: &&AtomicUsize| {
            entry.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        self.0.iter().find(is_it).expect("it was added");
    }

    /// Number and barriers of the stack that `sp` lies on.
    ///
    /// # Safety
    ///
    /// The caller runs on the stack that `sp` lies on (in a signal handler, too), so that it is not removed meanwhile.
    pub unsafe fn find(&self, sp: usize) -> Option<(usize, StkbarSlice)> {
        let class_around = |word: usize| {
            let class = SizeClass::of(1 << (word % SizeClass::MIN.bytes())).ok()?;
            (class.top_of(sp) - class.bytes() == word - word % SizeClass::MIN.bytes()).then_some(class)
        };
        let entries = self.0.iter().map(|entry| entry.load(Ordering::Acquire)).enumerate();
        let (number, class) =
            entries.filter(|&(_, word)| word != 0).find_map(|(i, word)| Some((i, class_around(word)?)))?;
        // SAFETY: a stack of that class around `sp`, alive by the caller's promise.
        unsafe { StkbarSlice::around(sp, class) }.map(|bars| (number, bars))
    }
}

impl<const N: usize> Default for StackRegistry<N> {
    fn default() -> Self {
        StackRegistry::new()
    }
}

/// A source of stacks that keeps a registry of those it gave out.
#[derive(Debug)]
pub struct Registered<S, const N: usize>(pub S, pub &'static StackRegistry<N>);

// SAFETY: the inner source's stacks.
unsafe impl<S: StackSource, const N: usize> StackSource for Registered<S, N> {
    fn alloc(&self, bytes: usize) -> Result<TaskStack, Box<dyn std::error::Error + Send + Sync>> {
        self.0.alloc(bytes).inspect(|stack| self.1.add(&stack.bars))
    }

    unsafe fn free(&self, stack: TaskStack) {
        self.1.remove(&stack.bars);
        // SAFETY: passed on.
        unsafe { self.0.free(stack) }
    }

    fn mover(&self) -> Option<&dyn MoveStacks> {
        self.0.mover()
    }
}

/// Which code keeps frame records.
#[derive(Debug)]
pub struct Text {
    own: Range<usize>,
    naked: [Range<usize>; 2],
    others: Vec<Range<usize>>,
}

unsafe extern "C" {
    static __executable_start: u8;
    static etext: u8;
}

impl Text {
    /// The code of this executable keeps them, but for the instructions that switch stacks or drop frames. The shared objects that are loaded
    /// now, the C library and its unwinder among them, do not.
    pub fn of_this_program() -> Text {
        let from = |function: *const (), bytes: usize| function.addr()..function.addr() + bytes;
        let naked = [from(arch::switch as *const (), 27), from(arch::recover as *const (), 14)];
        let own = (&raw const __executable_start).addr()..(&raw const etext).addr();
        let mut others: Vec<Range<usize>> = Vec::new();
        // SAFETY: the callback gets this very vector back.
        unsafe { libc::dl_iterate_phdr(Some(add_code), (&raw mut others).cast()) };
        others.retain(|code| !code.contains(&(own.end - 1)));
        Text { own, naked, others }
    }

    /// Is `pc` in code that keeps frame records?
    pub fn keeps_records(&self, pc: usize) -> bool {
        self.own.contains(&pc) && !self.naked.iter().any(|range| range.contains(&pc))
    }

    /// Is `pc` in somebody else's code?
    fn is_others(&self, pc: usize) -> bool {
        self.others.iter().any(|code| code.contains(&pc))
    }
}

/// Adds the code segments of one object to a `Vec<Range<usize>>`.
unsafe extern "C" fn add_code(
    object: *mut libc::dl_phdr_info,
    _: usize,
    others: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the dynamic linker's description of an object, and the vector of `of_this_program`.
    let (object, others) = unsafe { (&*object, &mut *others.cast::<Vec<Range<usize>>>()) };
    // SAFETY: its program headers.
    let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()) };
    let code =
        headers.iter().filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0);
    others.extend(code.map(|header| {
        let start = object.dlpi_addr as usize + header.p_vaddr as usize;
        start..start + header.p_memsz as usize
    }));
    0
}

/// How a sample came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// From the interrupted registers to the outermost frame.
    Whole,
    /// From a frame further up to the outermost frame: younger ones keep no records.
    Resumed,
    /// The outermost frame was not reached: this should not be.
    Lost(Walked),
}

/// One way up a stack: where it began, and what it ended with.
struct Attempt {
    walked: Walked,
    last_sp: usize,
    keeps_records: bool,
}

/// A sample in the making.
struct Sample<'a> {
    walk: Walk<'a, 'a, FramePointers, LiveStack>,
    live: &'a LiveStack,
    bars: &'a StkbarSlice,
    text: &'a Text,
    outermost_sp: usize,
}

/// Walks the stack of `bars` from the interrupted registers `at`, and shows the frames to `visit`, youngest first.
///
/// May run in a signal handler: allocates nothing, locks nothing, writes nothing.
///
/// # Safety
///
/// The stack was interrupted at `at`, and its code does not go on before this returns.
pub unsafe fn sample(
    bars: &StkbarSlice,
    at: Registers,
    text: &Text,
    mut visit: impl FnMut(&Frame),
) -> Outcome {
    let lo = at.sp.saturating_sub(RED_ZONE).max(bars.base());
    // SAFETY: the part of the stack that is in use, at rest by the caller's promise.
    let live = unsafe { LiveStack::new(lo, bars.top()) };
    let walk = Walk::new(&FramePointers, &live).barriers(bars);
    let sample = Sample { walk, live: &live, bars, text, outermost_sp: bars.stack_hi() - OUTERMOST_BELOW };
    let (walk, start, outcome) = match sample.begin(at) {
        Ok(()) => (walk, at, Outcome::Whole),
        Err(walked) => match sample.first_record(at.sp).filter(|_| walked.is_none()) {
            Some(start) => (walk.skip(1), start, Outcome::Resumed),
            None => (walk, at, Outcome::Lost(walked.unwrap_or(Walked { frames: 0, end: End::Stopped }))),
        },
    };
    walk.diagnose(start, |frame| {
        visit(frame);
        ControlFlow::Continue(())
    });
    outcome
}

impl Sample<'_> {
    /// Does the walk from `at` get to the outermost frame? If not, says how it ended, or `None` if that is the fault of code that keeps no
    /// frame records.
    fn begin(&self, at: Registers) -> Result<(), Option<Walked>> {
        let Attempt { walked, last_sp, keeps_records } = self.attempt(at);
        // Until the first function on a stack has made its frame record there is none.
        let at_the_start = walked.frames == 1 && self.outermost_sp.wrapping_sub(last_sp) <= 2 * WORD;
        let forgiven = !keeps_records || self.called_by_others(at.sp) || self.between_stacks(at);
        match walked.end {
            End::Outermost if last_sp == self.outermost_sp || at_the_start => Ok(()),
            _ if forgiven => Err(None),
            _ => Err(Some(walked)),
        }
    }

    /// Is the interrupted function, its record not yet made or already gone, a callback of code that keeps none? Its return address is then at
    /// `sp`, or a word above.
    fn called_by_others(&self, sp: usize) -> bool {
        let is_others = |address| self.live.read_word(address).is_some_and(|word| self.text.is_others(word));
        is_others(sp) || is_others(sp + WORD)
    }

    /// Has the code that comes back from another stack not restored the frame pointer yet?
    fn between_stacks(&self, at: Registers) -> bool {
        at.fp != 0 && !(at.sp..self.bars.stack_hi()).contains(&at.fp)
    }

    fn attempt(&self, start: Registers) -> Attempt {
        let (mut last_sp, mut keeps_records) = (start.sp, true);
        let walked = self.walk.diagnose(start, |frame| {
            last_sp = frame.sp;
            keeps_records &= self.text.keeps_records(frame.pc);
            ControlFlow::Continue(())
        });
        Attempt { walked, last_sp, keeps_records }
    }

    /// The lowest frame record from `sp` on from which a walk gets to the outermost frame. The frame that it belongs to is not known.
    fn first_record(&self, sp: usize) -> Option<Registers> {
        let addresses = (sp.next_multiple_of(WORD)..self.outermost_sp).step_by(WORD);
        addresses.map(|fp| Registers { pc: 0, sp: fp, fp }).filter(|at| self.may_be_record(at.fp)).find(
            |&at| {
                let Attempt { walked, last_sp, .. } = self.attempt(at);
                walked.end == End::Outermost && last_sp == self.outermost_sp
            },
        )
    }

    /// Do the two words at `fp` look like a frame record: a frame pointer above, a return address or a barrier?
    fn may_be_record(&self, fp: usize) -> bool {
        let word = |address| self.live.read_word(address).unwrap_or(usize::MAX);
        let (caller_fp, slot) = (word(fp), fp + WORD);
        let pc = word(slot);
        let leads_up = caller_fp == 0 || (slot..self.outermost_sp).contains(&caller_fp);
        leads_up && (self.text.own.contains(&pc) || self.bars.find(slot).is_some())
    }
}
