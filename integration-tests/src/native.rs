//! A language whose code is Rust: cells on a marked heap, frames scanned conservatively, nothing vouched for unless a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use gc_mark::heap::{AllocCache, HeapConfig, HeapError, MarkSweep, ObjectModel};
use gc_mark::{FrameMap, FrameRoots, Phases};
use sched::{Builder, Current, Language, Runtime, StartError, Visit};

use crate::by::{By, Stepper};

/// A cell is a word that counts its fields, the fields, and a check word. A value is a cell's address or 0.
#[derive(Debug, Default)]
pub struct Cells {
    /// While it is set, marking waits before each cell.
    brake: Arc<AtomicBool>,
}

// SAFETY: values are 0 or come from `Cell::new`, which stores count and fields before anybody sees the cell.
unsafe impl ObjectModel for Cells {
    fn reference(&self, value: usize) -> Option<usize> {
        (value != 0).then_some(value)
    }

    unsafe fn visit(&self, object: *const u8, _bytes: usize, mut visit: impl FnMut(usize)) {
        while self.brake.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        let words = object.cast::<AtomicUsize>();
        // SAFETY: the first word of a cell counts its fields, which follow.
        unsafe {
            let count = (*words).load(Ordering::Acquire);
            (1..=count).for_each(|i| visit((*words.add(i)).load(Ordering::Acquire)));
        }
    }
}

/// The language.
#[derive(Debug)]
pub struct Native {
    heap: MarkSweep<Cells>,
    frames: NativeFrames,
    by: By,
    globals: Vec<AtomicUsize>,
    phases: Arc<Phases>,
    brake: Arc<AtomicBool>,
}

impl Native {
    /// A runtime in the making, with a heap of at most `limit_bytes` and 64 globals.
    pub fn builder(limit_bytes: usize) -> Builder<Native> {
        Native::builder_with(limit_bytes, NativeFrames { vouched: false }, By::FramePointers)
    }

    /// The same, with a say about its frames.
    pub fn builder_with(limit_bytes: usize, frames: NativeFrames, by: By) -> Builder<Native> {
        let brake = Arc::new(AtomicBool::new(false));
        let cells = Cells { brake: Arc::clone(&brake) };
        let heap = MarkSweep::new(cells, HeapConfig { limit_bytes, ..HeapConfig::default() });
        let globals = (0..64).map(|_| AtomicUsize::new(0)).collect();
        let phases = Arc::new(Phases::new());
        let heap = heap.expect("an arena");
        let native = Native { heap, frames, by, globals, brake, phases: Arc::clone(&phases) };
        Runtime::builder(native).phases(phases)
    }

    /// Starts a runtime, as [`Builder::start`]. It is here so that scheduler and collector are compiled for this language once: what a crate has
    /// instantiated, those that depend on it use, and each file of tests is a crate.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn start(builder: Builder<Native>) -> Result<Runtime<Native>, StartError> {
        builder.start()
    }

    /// Sets or releases a brake on marking, for tests in which the program must come first.
    pub fn brake_marking(&self, on: bool) {
        self.brake.store(on, Ordering::Release);
    }

    /// Where the collector stands.
    pub fn phases(&self) -> &Phases {
        &self.phases
    }

    /// The heap.
    pub fn heap(&self) -> &MarkSweep<Cells> {
        &self.heap
    }
}

/// Frames of native code: scanned word by word.
#[derive(Clone, Copy, Debug)]
pub struct NativeFrames {
    /// Does all code write into its callers' frames with the write barrier only, or not at all?
    pub vouched: bool,
}

impl FrameMap for NativeFrames {
    fn roots_at(&self, _return_pc: usize) -> FrameRoots<'_> {
        FrameRoots::Conservative { vouched: self.vouched }
    }

    fn may_drop_frames(&self) -> bool {
        true
    }
}

impl Language for Native {
    type Heap = MarkSweep<Cells>;
    type Frames = NativeFrames;
    type Unwind = Stepper;
    type Worker = AllocCache;
    type Task = ();

    fn heap(&self) -> &MarkSweep<Cells> {
        &self.heap
    }
    fn frames(&self) -> &NativeFrames {
        &self.frames
    }
    fn unwind(&self) -> Stepper {
        self.by.stepper()
    }
    fn new_worker(&self) -> AllocCache {
        self.heap.cache()
    }
    fn new_task(&self) {}
    fn visit_roots(&self, visit: &mut Visit<'_>) {
        self.globals.iter().for_each(|global| visit(global.load(Ordering::Acquire)));
    }
    fn visit_task_roots(&self, (): &(), _: &mut Visit<'_>) {}
}

/// A cell of the heap: its address, which the stack keeps alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell(usize);

/// Last word of every cell: whether it is still one.
const CHECK: usize = 0x5eed_ce11_0000_0000_u64 as usize;

impl Cell {
    /// A cell with these fields. A safepoint.
    ///
    /// # Panics
    ///
    /// If the heap is full after a collection, too.
    pub fn new(current: &Current<'_, Native>, fields: &[Option<Cell>]) -> Cell {
        Cell::try_new(current, fields).expect("the heap is large enough")
    }

    /// A cell, if there is room for it after a collection at the latest. A safepoint.
    ///
    /// # Errors
    ///
    /// [`HeapError`] says what the limit is.
    pub fn try_new(current: &Current<'_, Native>, fields: &[Option<Cell>]) -> Result<Cell, HeapError> {
        let heap = current.language().heap();
        current.safepoint();
        if heap.wants_collection() {
            current.request_collection();
        }
        let bytes = (fields.len() + 2) * size_of::<usize>();
        let alloc = || current.with_worker(|cache| heap.alloc(cache, bytes));
        let words = alloc().or_else(|_| {
            current.collect();
            alloc()
        })?;
        let words = words.cast::<usize>().as_ptr();
        if current.is_marking() {
            fields.iter().flatten().for_each(|cell| current.shade(cell.0));
        }
        // SAFETY: fresh memory of that many words.
        unsafe {
            words.write(fields.len());
            fields.iter().enumerate().for_each(|(i, f)| words.add(1 + i).write(f.map_or(0, |cell| cell.0)));
            words.add(1 + fields.len()).write(CHECK | fields.len());
        }
        Ok(Cell(words as usize))
    }

    /// Its address.
    pub fn address(self) -> usize {
        self.0
    }

    /// The cell at an address.
    ///
    /// # Safety
    ///
    /// It is alive.
    pub unsafe fn at(address: usize) -> Cell {
        Cell(address)
    }

    /// Field `index`.
    ///
    /// # Panics
    ///
    /// If the cell was freed, or has no such field.
    pub fn get(self, index: usize) -> Option<Cell> {
        self.check();
        let value = self.word(1 + index).load(Ordering::Acquire);
        (value != 0).then_some(Cell(value))
    }

    /// Stores into field `index`, with the write barrier.
    pub fn set(self, current: &Current<'_, Native>, index: usize, value: Option<Cell>) {
        self.set_without_barrier(index, value);
        if current.is_marking() {
            current.shade(value.map_or(0, |cell| cell.0));
        }
    }

    /// Stores into field `index` as broken code would.
    pub fn set_without_barrier(self, index: usize, value: Option<Cell>) {
        self.check();
        self.word(1 + index).store(value.map_or(0, |cell| cell.0), Ordering::Release);
    }

    /// How many fields it has.
    ///
    /// # Panics
    ///
    /// If the cell was freed.
    pub fn check(self) -> usize {
        let count = self.word(0).load(Ordering::Acquire);
        assert!(count < 1 << 20, "cell {:#x} was freed: {count} fields", self.0);
        assert_eq!(
            self.word(1 + count).load(Ordering::Acquire),
            CHECK | count,
            "cell {:#x} was freed",
            self.0
        );
        count
    }

    fn word<'a>(self, index: usize) -> &'a AtomicUsize {
        // SAFETY: a live cell; `check` notices others.
        unsafe { &*(self.0 as *const AtomicUsize).add(index) }
    }
}

/// Global `index`.
pub fn global(current: &Current<'_, Native>, index: usize) -> Option<Cell> {
    let value = current.language().globals[index].load(Ordering::Acquire);
    (value != 0).then_some(Cell(value))
}

/// Stores into global `index`, with the write barrier.
pub fn set_global(current: &Current<'_, Native>, index: usize, value: Option<Cell>) {
    let word = value.map_or(0, |cell| cell.0);
    current.language().globals[index].store(word, Ordering::Release);
    if current.is_marking() {
        current.shade(word);
    }
}
