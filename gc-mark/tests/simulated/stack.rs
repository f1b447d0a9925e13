//! A stack of fake frames, linked as this machine's ABI links them, or another's.
//!
//! ```text
//!   cfa      ┌────────────────┐   sp of the caller
//!            │ return address │   slot             (on x86; see `reference::Machine`)
//!            │ caller's fp    │
//!            │ locals         │
//!   sp       └────────────────┘
//! ```

use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc};

use barrier_arch::arch::{self, SLOT_BYTES};
use barrier_arch::reference::{self, Machine, Memory};
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
    machine: Machine,
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
        let mut stack = SimStack { base, layout, machine: shapes.machine, bars, frames: vec![], saved: 0 };
        stack.enter(shapes, outermost);
        stack
    }

    /// The first function on a stack without frames.
    fn enter(&mut self, shapes: &Shapes, outermost: usize) {
        let (cfa, locals) = (self.bars.stack_hi(), shapes.get(outermost).locals);
        let reference::Frame { sp, fp, slot, locals } = self.machine.outermost(cfa, locals, &mut Words);
        self.frames = vec![Live { shape: outermost, sp, cfa, slot, fp, locals }];
    }

    /// The task ends where it is, and another one begins on its stack, whose memory is as the first one left it.
    pub fn restart(&mut self, shapes: &Shapes, outermost: usize) {
        // SAFETY: no frame is returned from any more.
        unsafe { patch::purge(&self.bars) };
        self.saved = 0;
        self.enter(shapes, outermost);
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

    /// Of a machine whose slots move each function keeps its return address in another place: the word above says how far below the CFA.
    pub fn call(&mut self, shapes: &Shapes, shape: usize) {
        let Live { shape: caller_shape, sp: cfa, slot, fp, locals, .. } = self.running();
        let caller = reference::Frame { sp: cfa, fp, slot, locals };
        let words = shapes.get(shape).locals;
        // All of the frame, also what its callees will have of it: a conservative scan looks there.
        let apart = shapes.apart(shape);
        (cfa - self.machine.frame_bytes(words) - apart * SLOT_BYTES..cfa)
            .step_by(SLOT_BYTES)
            .for_each(|address| Words.store(address, 0));
        let reference::Frame { sp, fp, slot, locals } =
            self.machine.call_apart(&caller, words, apart, shapes.pc(caller_shape), &mut Words);
        if apart > 0 {
            Words.store(slot + SLOT_BYTES, apart);
        }
        self.frames.push(Live { shape, sp, cfa, slot, fp, locals });
    }

    /// Calls in place of the running frame, which is gone: the return address, be it a stub, goes along.
    pub fn tail_call(&mut self, shapes: &Shapes, shape: usize) {
        let Live { slot, .. } = self.frames.pop().unwrap();
        let word = Words.load(slot);
        self.call(shapes, shape);
        assert!(
            shapes.apart(shape) > 0 || self.running().slot == slot,
            "frames of one caller keep it at one place"
        );
        let new = self.running().slot;
        Words.store(new, word);
        // What nobody has written to is what it was.
        if slot > new + SLOT_BYTES {
            Words.store(slot, word);
        }
    }

    /// Returns from the running frame, through a barrier if one is there. Returns whether it was.
    pub fn ret(&mut self, shapes: &Shapes) -> bool {
        let frame = self.frames.pop().unwrap();
        let word = Words.load(frame.slot);
        // `ret n`: some functions pop an argument or two.
        let popped = if self.machine.pops_more() { frame.shape % 3 * SLOT_BYTES } else { 0 };
        let hit = |stub| self.machine.hit(stub, frame.cfa + popped, &mut Words).unwrap();
        let barrier = Stub::at(word);
        let pc = barrier.map_or(word, hit);
        assert_eq!(pc, shapes.pc(self.running().shape), "returned to the wrong place: {}", self.bars);
        barrier.is_some()
    }

    /// An exception drops `frames` frames, one by one; it hits the barriers that it crosses.
    pub fn unwind(&mut self, frames: usize) {
        for _ in 0..frames {
            let frame = self.frames.pop().unwrap();
            if let Some(stub) = Stub::at(Words.load(frame.slot)) {
                self.machine.hit(stub, frame.cfa, &mut Words).unwrap();
            }
        }
    }

    /// Drops `frames` frames without returning from them, as a recovered panic does.
    pub fn recover(&mut self, frames: usize) {
        self.drop_silently(frames);
        // SAFETY: the frames below are never returned from.
        unsafe { patch::skip(&self.bars, self.patch_sp()) };
    }

    /// The same by code that knows nothing of barriers: C's `longjmp`.
    pub fn drop_silently(&mut self, frames: usize) {
        self.frames.truncate(self.frames.len() - frames);
    }

    /// The stack pointer for operations on barriers: they go by this machine's rules, by which less (or nothing) above the stack pointer belongs to
    /// frames that are gone.
    pub fn patch_sp(&self) -> usize {
        let here = SLOT_BYTES.wrapping_sub(arch::sp_after(0));
        self.sp().wrapping_add(self.machine.linkage_bytes()).wrapping_sub(here)
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
