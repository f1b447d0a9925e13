//! A language of compiled code, written by hand: one procedure, `descend`, that recurses to a given depth, holds a cell of the heap in
//! each frame, and calls whatever the test wants at the bottom. Its stacks can move.
//!
//! ```text
//!          frame record, or what else the ABI wants
//!   +32    number of the cell
//!   +24    result so far
//!   +16    address of the task
//!   +8     levels yet to come
//!   WORDS  the cell                 ◀── the one root, at each call
//!          what the ABI wants        ◀── stack pointer
//! ```
//!
//! The procedure itself is assembly, with the same labels in the same order for each architecture that has
//! [tasks of compiled code](sched::COMPILED_TASK_ARCHITECTURES):
//!
//! | item | what |
//! |---|---|
//! | [`FRAME_BYTES`] | the size of a frame |
//! | `WORDS` | where in it the words above lie |
//! | `OUTERMOST_BYTES` | what lies above the outermost frame's stack pointer |
//! | `test_descend` … `test_end` | the code; each other label is where a call returns to |

use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::Spacing;
use gc_mark::heap::{AllocCache, HeapConfig, MarkSweep, ObjectModel};
use gc_mark::{FrameMap, FrameRoots};
use sched::{
    Builder, Call, Current, Language, Movable, NATIVE_CALL_BYTES, Next, Program, Runtime, StackMode, Visit,
};
use unwind_walk::FramePointers;

use crate::on_thread::{self, away};

cfg_select! {
    target_arch = "x86_64" => {
        mod x86_64;
        use x86_64 as arch;
    }
    target_arch = "aarch64" => {
        mod aarch64;
        use aarch64 as arch;
    }
    target_arch = "riscv64" => {
        mod riscv64;
        use riscv64 as arch;
    }
    target_arch = "s390x" => {
        mod s390x;
        use s390x as arch;
    }
}

pub use arch::FRAME_BYTES;
pub(crate) use arch::OUTERMOST_BYTES;

// The words of a frame, above `WORDS`.
const ROOT: usize = 0;
const LEFT: usize = 8;
const TASK: usize = 16;
const ANSWER: usize = 24;
const NUMBER: usize = 32;

/// Where a frame keeps the number of its level, above its stack pointer.
pub(crate) const LEVEL_AT: usize = arch::WORDS + LEFT;

/// A green thread of this language.
pub type Task = sched::Task<Compiled>;

/// Bytes below the limit: a frame with its record and return address, and a native call. A trampoline needs less, and
/// runs where both have been.
const SLACK: usize = FRAME_BYTES + NATIVE_CALL_BYTES;

/// What is done at the bottom of the recursion; what may switch to other tasks, by way of [`away`].
pub type Leaf = Box<dyn Fn(&Current<'_, Compiled>) + Send + Sync>;

/// A cell is a check word and a number that no other has. A value is a cell's address or 0.
#[derive(Debug)]
pub struct Numbered;

// SAFETY: values are 0 or come from `cell`; there are no references in cells.
unsafe impl ObjectModel for Numbered {
    fn reference(&self, value: usize) -> Option<usize> {
        (value != 0).then_some(value)
    }
    unsafe fn visit(&self, _: *const u8, _: usize, _: impl FnMut(usize)) {}
}

/// First word of every cell.
const CHECK: usize = 0x5eed_ce11;

/// The language.
pub struct Compiled {
    heap: MarkSweep<Numbered>,
    frames: Sites,
    cells: AtomicUsize,
    leaf: Leaf,
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled").field("heap", &self.heap).finish_non_exhaustive()
    }
}

unsafe extern "C" {
    fn test_descend();
    fn test_checked();
    fn test_allocated();
    fn test_returned();
    fn test_left();
    fn test_looked();
    fn test_end();
}

/// To be called by each native function.
///
/// # Safety
///
/// Compiled code passes the task that it runs on.
unsafe fn current<'t>(task: *const Task) -> Current<'t, Compiled> {
    // SAFETY: passed on.
    let current = unsafe { Current::from_raw(task) };
    on_thread::here(&current);
    current
}

extern "C" fn check(task: *const Task) {
    // SAFETY: called by the code above.
    let current = unsafe { current(task) };
    current.make_room(0).expect("the depth fits");
    away(&current, || current.safepoint());
}

extern "C" fn cell(task: *const Task) -> usize {
    // SAFETY: called by the code above.
    let current = unsafe { current(task) };
    let heap = current.language().heap();
    away(&current, || current.safepoint());
    if heap.wants_collection() {
        current.request_collection();
    }
    let words = current.with_worker(|cache| heap.alloc(cache, 16)).expect("the heap is large enough");
    let number = current.language().cells.fetch_add(1, Ordering::Relaxed);
    // SAFETY: fresh memory of that size.
    unsafe { words.cast::<[usize; 2]>().write([CHECK, number]) };
    words.as_ptr() as usize
}

extern "C" fn leaf(task: *const Task) {
    // SAFETY: called by the code above.
    let current = unsafe { current(task) };
    (current.language().leaf)(&current);
}

/// Is the cell still the one that it was?
extern "C" fn look(task: *const Task, cell: usize, number: usize) {
    // SAFETY: called by the code above.
    let _ = unsafe { current(task) };
    // SAFETY: it was a cell; the heap's memory stays mapped.
    let words = unsafe { *(cell as *const [usize; 2]) };
    assert_eq!(words, [CHECK, number], "cell {cell:#x} was freed");
}

/// Where calls return to: each frame there has one root.
#[derive(Debug)]
pub struct Sites([usize; 5]);

impl Sites {
    fn new() -> Sites {
        let sites: [unsafe extern "C" fn(); 5] =
            [test_checked, test_allocated, test_returned, test_left, test_looked];
        Sites(sites.map(|site| site as *const () as usize))
    }

    /// Does a frame of the recursion wait for anything at `pc`?
    pub fn is_any(pc: usize) -> bool {
        Sites::new().0.contains(&pc)
    }

    /// Does the recursion wait for the next level at `pc`?
    pub fn is_level(pc: usize) -> bool {
        pc == test_returned as *const () as usize
    }
}

impl FrameMap for Sites {
    fn roots_at(&self, return_pc: usize) -> FrameRoots<'_> {
        if self.0.contains(&return_pc) {
            FrameRoots::Precise { slots: &[(arch::WORDS + ROOT) as u32], vouched: true }
        } else {
            FrameRoots::Conservative { vouched: false }
        }
    }

    fn describe(&self, pc: usize, out: &mut dyn std::fmt::Write) -> std::fmt::Result {
        let code = test_descend as *const () as usize..test_end as *const () as usize;
        if code.contains(&pc) { out.write_str("descend") } else { Ok(()) }
    }
}

impl Language for Compiled {
    type Heap = MarkSweep<Numbered>;
    type Frames = Sites;
    type Unwind = FramePointers;
    type Worker = AllocCache;
    type Task = AtomicUsize;

    fn heap(&self) -> &MarkSweep<Numbered> {
        &self.heap
    }
    fn frames(&self) -> &Sites {
        &self.frames
    }
    fn unwind(&self) -> FramePointers {
        FramePointers
    }
    fn new_worker(&self) -> AllocCache {
        self.heap.cache()
    }
    fn new_task(&self) -> AtomicUsize {
        AtomicUsize::new(0)
    }
    fn movable(&self) -> Option<Movable> {
        Some(Movable { slack: SLACK })
    }
    fn visit_roots(&self, _: &mut Visit<'_>) {}
    fn visit_task_roots(&self, _: &AtomicUsize, _: &mut Visit<'_>) {}
}

/// The two kinds of stacks on which every mechanism of tasks of compiled code is tested.
pub const STACKS: [StackMode; 2] = [StackMode::Reserve, StackMode::Copy { first: 4096 }];

impl Compiled {
    /// A runtime in the making that calls `leaf` at the bottom of each recursion; its stacks may be 1 MiB.
    pub fn builder(
        spacing: Spacing,
        stacks: StackMode,
        leaf: impl Fn(&Current<'_, Compiled>) + Send + Sync + 'static,
    ) -> Builder<Compiled> {
        let config = HeapConfig { limit_bytes: 256 << 20, ..HeapConfig::default() };
        let heap = MarkSweep::new(Numbered, config).expect("an arena");
        let language =
            Compiled { heap, frames: Sites::new(), cells: AtomicUsize::new(0), leaf: Box::new(leaf) };
        Runtime::builder(language).spacing(spacing).stack_mode(stacks).stack_bytes(1 << 20)
    }
}

/// Descends to each of these depths, one after the other; ends with the sum of what came back.
#[derive(Clone, Debug)]
pub struct Descents {
    depths: Vec<usize>,
    sum: usize,
}

impl Descents {
    /// To these depths.
    pub fn to(depths: impl IntoIterator<Item = usize>) -> Descents {
        Descents { depths: depths.into_iter().collect(), sum: 0 }
    }
}

impl Program<Compiled> for Descents {
    type Output = usize;

    fn next(&mut self, current: &Current<'_, Compiled>, returned: Option<usize>) -> Next<usize> {
        self.sum += returned.unwrap_or(0);
        if self.depths.is_empty() {
            on_thread::end();
            return Next::Done(self.sum);
        }
        Next::Call(descend(current, self.depths.remove(0)))
    }
}

/// For a program: the call that descends so many levels.
pub fn descend(current: &Current<'_, Compiled>, levels: usize) -> Call {
    current.task().language.store(levels, Ordering::Relaxed);
    on_thread::here(current);
    // SAFETY: the code above.
    unsafe { Call::new(test_descend as *const () as usize, [levels, 0]) }
}
