//! A stack of fake frames, linked as this machine's ABI links them.
//!
//! ```text
//!   cfa      ┌────────────────┐   sp of the caller
//!            │ return address │   slot             (on x86; see `reference::call`)
//!            │ caller's fp    │
//!            │ locals         │
//!   sp       └────────────────┘
//! ```

use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc};

use barrier_arch::arch::SLOT_BYTES;
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
    /// The stack pointer after the return from it.
    pub cfa: usize,
    /// Where its return address is kept.
    pub slot: usize,
    fp: usize,
    locals: usize,
}

pub struct SimStack {
    base: NonNull<u8>,
    layout: Layout,
    pub bars: StkbarSlice,
    /// Outermost first.
    pub frames: Vec<Live>,
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
        let stack_hi = bars.stack_hi();
        let end = reference::outermost(stack_hi, shapes.get(outermost).locals, &mut Words);
        let reference::Frame { sp, fp, slot, locals } = end;
        let frames = vec![Live { shape: outermost, sp, cfa: stack_hi, slot, fp, locals }];
        SimStack { base, layout, bars, frames, saved: 0 }
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
        let Live { shape: caller_shape, sp: cfa, slot, fp, locals, .. } = self.running();
        let caller = reference::Frame { sp: cfa, fp, slot, locals };
        let words = shapes.get(shape).locals;
        let reference::Frame { sp, fp, slot, locals } =
            reference::call(&caller, words, shapes.pc(caller_shape), &mut Words);
        (0..words).for_each(|i| Words.store(locals + SLOT_BYTES * i, 0));
        self.frames.push(Live { shape, sp, cfa, slot, fp, locals });
    }

    /// Returns from the running frame, through a barrier if one is there. Returns whether it was.
    pub fn ret(&mut self, shapes: &Shapes) -> bool {
        let frame = self.frames.pop().unwrap();
        let word = Words.load(frame.slot);
        let barrier = Stub::at(word);
        let pc = barrier.map_or(word, |stub| reference::hit(stub, frame.cfa, &mut Words).unwrap());
        assert_eq!(pc, shapes.pc(self.running().shape), "returned to the wrong place");
        barrier.is_some()
    }

    /// Drops `frames` frames without returning from them, as a recovered panic does.
    pub fn recover(&mut self, frames: usize) {
        self.frames.truncate(self.frames.len() - frames);
        // SAFETY: the frames below are never returned from.
        unsafe { patch::skip(&self.bars, self.sp()) };
    }

    /// Address of local `index` of frame `depth` (0 is the outermost).
    pub fn slot(&self, depth: usize, index: usize) -> usize {
        self.frames[depth].locals + SLOT_BYTES * index
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
        values.iter().enumerate().for_each(|(i, &value)| Words.store(sp - SLOT_BYTES * (i + 1), value));
    }

    pub fn registers(&self, shapes: &Shapes) -> Registers {
        Registers { pc: shapes.pc(self.running().shape), sp: self.sp(), fp: self.running().fp }
    }

    pub fn stopped(&self, shapes: &Shapes) -> Stopped<'_> {
        let (sp, outermost_sp) = (self.sp(), self.frames[0].sp);
        // SAFETY: nothing runs on the stack but the simulation, which borrows it as long as the witness lives.
        unsafe {
            Stopped::new(self.registers(shapes), &self.bars, outermost_sp, sp - SLOT_BYTES * self.saved)
        }
        .unwrap()
    }
}

impl Drop for SimStack {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}
