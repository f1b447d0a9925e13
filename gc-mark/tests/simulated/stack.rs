//! A stack of fake frames, with frame records as frame pointers make them.
//!
//! ```text
//!   fp + 16  ┌────────────────┐
//!            │ return address │
//!   fp       │ caller's fp    │
//!            │ locals         │
//!   sp       └────────────────┘
//! ```

use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc};

use barrier_arch::reference::{self, Memory};
use barrier_arch::{SizeClass, Spacing, StkbarSlice, Stub, patch};
use gc_mark::Stopped;
use unwind_walk::Registers;

use super::shapes::Shapes;

/// What the simulation knows of a frame, by other means than walking.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    pub shape: usize,
    pub sp: usize,
    pub cfa: usize,
}

pub struct SimStack {
    base: NonNull<u8>,
    layout: Layout,
    pub bars: StkbarSlice,
    /// Outermost first.
    pub frames: Vec<Live>,
    fp: usize,
    /// Words below sp that are live: saved registers.
    pub saved: usize,
}

/// The words of the process: stack and barrier array alike.
struct Words;

impl Memory for Words {
    fn load(&self, address: usize) -> usize {
        // SAFETY: the simulation asks for words of its stack only.
        unsafe { (address as *const usize).read_volatile() }
    }
    fn store(&mut self, address: usize, word: usize) {
        // SAFETY: as above.
        unsafe { (address as *mut usize).write_volatile(word) }
    }
}

impl SimStack {
    /// A stack of 2^`log2` bytes on which `outermost` runs.
    pub fn new(log2: u32, spacing: Spacing, shapes: &Shapes, outermost: usize) -> SimStack {
        let class = SizeClass::of(1 << log2).unwrap();
        let layout = Layout::from_size_align(class.bytes(), class.bytes()).unwrap();
        // SAFETY: the layout is not empty.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
        // SAFETY: aligned to its size, ours, freed when the stack is dropped.
        let bars = unsafe { StkbarSlice::steal(base, class, spacing) };
        let cfa = bars.stack_hi();
        let sp = cfa - 8 * shapes.get(outermost).locals;
        SimStack { base, layout, bars, frames: vec![Live { shape: outermost, sp, cfa }], fp: 0, saved: 0 }
    }

    pub fn running(&self) -> Live {
        *self.frames.last().unwrap()
    }

    pub fn sp(&self) -> usize {
        self.running().sp
    }

    /// Is there room for one more frame of `bytes`, and some words of saved registers?
    pub fn has_room(&self, bytes: usize) -> bool {
        self.sp() - self.bars.base() > bytes + 256
    }

    pub fn call(&mut self, shapes: &Shapes, shape: usize) {
        let cfa = self.sp();
        let fp = cfa - 16;
        Words.store(cfa - 8, shapes.pc(self.running().shape));
        Words.store(fp, self.fp);
        let sp = fp - 8 * shapes.get(shape).locals;
        (sp..fp).step_by(8).for_each(|slot| Words.store(slot, 0));
        self.frames.push(Live { shape, sp, cfa });
        self.fp = fp;
    }

    /// Returns from the running frame, through a barrier if one is there. Returns whether it was.
    pub fn ret(&mut self, shapes: &Shapes) -> bool {
        let frame = self.frames.pop().unwrap();
        assert_eq!(frame.cfa, self.fp + 16);
        let word = Words.load(self.fp + 8);
        self.fp = Words.load(self.fp);
        let barrier = Stub::at(word);
        let pc = barrier.map_or(word, |stub| reference::hit(stub, frame.cfa, &mut Words).unwrap());
        assert_eq!(pc, shapes.pc(self.running().shape), "returned to the wrong place");
        barrier.is_some()
    }

    /// Drops `frames` frames without returning from them, as a recovered panic does.
    pub fn recover(&mut self, frames: usize) {
        for _ in 0..frames {
            self.frames.pop();
            self.fp = Words.load(self.fp);
        }
        // SAFETY: the frames below are never returned from.
        unsafe { patch::skip(&self.bars, self.sp()) };
    }

    /// Address of local `index` of frame `depth` (0 is the outermost).
    pub fn slot(&self, depth: usize, index: usize) -> usize {
        self.frames[depth].sp + 8 * index
    }

    pub fn load(&self, slot: usize) -> usize {
        Words.load(slot)
    }

    pub fn store(&mut self, slot: usize, value: usize) {
        Words.store(slot, value);
    }

    /// The running frame's saved registers.
    pub fn save_registers(&mut self, values: &[usize]) {
        self.saved = values.len();
        let sp = self.sp();
        values.iter().enumerate().for_each(|(i, &value)| Words.store(sp - 8 * (i + 1), value));
    }

    pub fn registers(&self, shapes: &Shapes) -> Registers {
        Registers { pc: shapes.pc(self.running().shape), sp: self.sp(), fp: self.fp }
    }

    pub fn stopped(&self, shapes: &Shapes) -> Stopped<'_> {
        let (sp, outermost_sp) = (self.sp(), self.frames[0].sp);
        // SAFETY: nothing runs on the stack but the simulation, which borrows it as long as the witness lives.
        unsafe { Stopped::new(self.registers(shapes), &self.bars, outermost_sp, sp - 8 * self.saved) }
            .unwrap()
    }
}

impl Drop for SimStack {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}
