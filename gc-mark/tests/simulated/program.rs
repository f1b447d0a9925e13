//! A mutator that runs a history on a simulated stack, and a collector's coordinator beside it.
//!
//! The program keeps I4: stores to the heap and through pointers into frames that are vouched for shade; stores to its own frame, and
//! through pointers into frames that nobody vouches for, do not.

use std::sync::Arc;

use barrier_arch::Spacing;
use barrier_arch::arch::SLOT_BYTES;
use gc_mark::write_barrier::{StackWrite, Written, note_stack_write, shade};
use gc_mark::{
    Cycle, Grey, Heap, MarkWorker, Phases, Receipt, Scan, ScanReport, Scanner, Started, Verified, Verify,
};
use unwind_walk::{FramePointers, Unwind};

use super::heap::{FIELDS, ToyHeap};
pub use super::op::Op;
use super::shapes::Shapes;
use super::stack::SimStack;

/// Runs on this machine's frames, or by `U` on those of another.
pub struct Program<U = FramePointers> {
    pub unwind: U,
    pub shapes: Shapes,
    pub heap: ToyHeap,
    pub stack: SimStack,
    pub receipt: Receipt,
    pub phases: Phases,
    pub grey: Arc<Grey>,
    pub spacing: Spacing,
    /// Switched off to see what happens.
    pub write_barrier: bool,
    worker: MarkWorker,
    register: usize,
    /// Highest end of a frame that ran since the last scan.
    pub ran_to: usize,
}

impl Program {
    /// On a stack of 64 KiB.
    pub fn new(spacing: Spacing, shapes: Shapes) -> Program {
        Program::with_stack(16, spacing, shapes)
    }

    /// On a stack on which `depth` of the largest frames have room, in every mode: a barrier at every frame takes half of it.
    pub fn with_room(depth: usize, spacing: Spacing, shapes: Shapes) -> Program {
        let bytes = 2 * (depth + 1) * shapes.largest() + 4096;
        Program::with_stack(bytes.next_power_of_two().ilog2(), spacing, shapes)
    }

    /// On a stack of 2^`log2` bytes, in its outermost function: the first of `shapes`.
    pub fn with_stack(log2: u32, spacing: Spacing, shapes: Shapes) -> Program {
        Program::on(FramePointers, log2, spacing, shapes)
    }
}

impl<U: Unwind + Copy> Program<U> {
    /// On a stack whose frames `unwind` understands.
    pub fn on(unwind: U, log2: u32, spacing: Spacing, shapes: Shapes) -> Program<U> {
        let stack = SimStack::new(log2, spacing, &shapes, 0);
        let grey = Grey::new();
        Program {
            unwind,
            heap: ToyHeap::new(4096),
            stack,
            receipt: Receipt::new(),
            phases: Phases::new(),
            worker: MarkWorker::new(&grey),
            grey,
            shapes,
            spacing,
            write_barrier: true,
            register: 0,
            ran_to: 0,
        }
    }

    /// Before barriers are dealt with by the slots that their records say.
    pub fn settle(&self) {
        let (stack, registers) = (&self.stack, self.stack.registers(&self.shapes));
        // SAFETY: nothing runs on the stack.
        unsafe { gc_mark::settle(&self.unwind, &stack.bars, registers) }.unwrap();
    }

    pub fn run(&mut self, history: &[Op]) {
        history.iter().for_each(|&op| self.step(op));
    }

    pub fn step(&mut self, op: Op) {
        if let Op::Mark { quantum } = op {
            if self.phases.write_barrier_on() {
                let _ = self.worker.drain(&self.heap, quantum);
            }
            return;
        }
        self.note_run();
        self.mutate(op);
        self.ran_to = self.ran_to.max(self.stack.running().cfa);
    }

    fn mutate(&mut self, op: Op) {
        match op {
            Op::Call { shape } => self.call(shape),
            Op::Return { times } => (0..times).for_each(|_| self.ret()),
            Op::Recover { frames } => {
                self.settle();
                self.stack.recover(frames.min(self.stack.frames.len() - 1));
            }
            Op::New { local } if self.heap.has_room() => self.set_local(local, self.heap.allocate()),
            Op::Take { local } => self.register = self.stack.load(self.local(local)),
            Op::Put { local } => self.set_local(local, self.register),
            Op::Clear { local } => self.set_local(local, 0),
            Op::Load { field } if self.register != 0 => self.register = self.heap.load(self.register, field),
            Op::Store { local, field } => self.set_field(local, field, self.register),
            Op::Cut { local, field } => self.set_field(local, field, 0),
            Op::Grow { local, field } => self.grow(local, field),
            Op::Move { to, local, field } => {
                let value = self.take_out(local, field);
                self.set_local(to, value);
            }
            Op::Pull { local, field } => self.register = self.take_out(local, field),
            Op::StoreUp { depth, local } => self.store_up(depth, local),
            Op::Runtime { depth, local, bulk } => self.runtime_write(depth, local, bulk),
            Op::Load { .. } | Op::New { .. } | Op::Mark { .. } => {}
        }
    }

    /// The running frame makes way for one of another function, which returns where it would have returned: through its barrier, if there is one.
    pub fn tail_call(&mut self, shape: usize) {
        if self.stack.frames.len() > 1 && self.stack.has_room(self.shapes.largest()) {
            self.note_run();
            self.stack.tail_call(&self.shapes, shape % self.shapes.len());
            self.set_local(0, self.register);
        }
    }

    /// Nothing is known of the stack, and nothing in the register: another task has begun on it.
    pub fn begin_anew(&mut self, shape: usize) {
        self.stack.restart(&self.shapes, shape % self.shapes.len());
        (self.receipt, self.register) = (Receipt::new(), 0);
    }

    /// The task is about to run.
    pub fn note_run(&mut self) {
        if let Some(cycle) = self.phases.cycle() {
            let _ = self.receipt.note_run(cycle);
        }
        self.stack.saved = 0;
    }

    fn call(&mut self, shape: usize) {
        if self.stack.has_room(self.shapes.largest()) {
            self.stack.call(&self.shapes, shape % self.shapes.len());
            self.set_local(0, self.register);
        }
    }

    fn ret(&mut self) {
        if self.stack.frames.len() > 1 {
            self.stack.ret(&self.shapes);
            // Every frame returned into has run, be it for a moment.
            self.ran_to = self.ran_to.max(self.stack.running().cfa);
        }
    }

    /// Address of a local of the running frame.
    fn local(&self, local: usize) -> usize {
        self.local_of(self.stack.frames.len() - 1, local)
    }

    pub fn local_of(&self, depth: usize, local: usize) -> usize {
        let shape = self.stack.frames[depth].shape;
        self.stack.slot(depth, local % self.shapes.get(shape).locals)
    }

    fn set_local(&mut self, local: usize, value: usize) {
        self.stack.store(self.local(local), value);
    }

    fn shade(&self, value: usize) {
        if self.write_barrier && self.phases.write_barrier_on() {
            shade(&self.heap, &self.grey, value);
        }
    }

    fn set_field(&self, local: usize, field: usize, value: usize) {
        let object = self.stack.load(self.local(local));
        if object != 0 {
            self.shade(value);
            self.heap.store(object, field, value);
        }
    }

    fn grow(&mut self, local: usize, field: usize) {
        let object = self.stack.load(self.local(local));
        if object != 0 && self.heap.has_room() {
            let (new, old) = (self.heap.allocate(), self.heap.load(object, field));
            // The new object is black, so the store that initialises it needs the barrier, too.
            self.shade(old);
            self.heap.store(new, 0, old);
            self.set_field(local, field, new);
        }
    }

    /// The field's value, which is null from now on.
    fn take_out(&mut self, local: usize, field: usize) -> usize {
        let object = self.stack.load(self.local(local));
        let value = if object == 0 { 0 } else { self.heap.load(object, field) };
        self.set_field(local, field, 0);
        value
    }

    fn store_up(&mut self, depth: usize, local: usize) {
        let depth = depth % self.stack.frames.len();
        if self.shapes.get(self.stack.frames[depth].shape).vouched {
            self.shade(self.register);
        }
        self.stack.store(self.local_of(depth, local), core::mem::take(&mut self.register));
    }

    fn runtime_write(&mut self, depth: usize, local: usize, bulk: bool) {
        let slot = self.local_of(depth % self.stack.frames.len(), local);
        let written = [self.register];
        let written = if bulk { Written::Unknown } else { Written::Values(&written) };
        if note_stack_write(&self.phases, &self.heap, &self.grey, written) == StackWrite::Unwind {
            let cycle = self.phases.cycle().unwrap();
            let stack = self.stack.stopped(&self.shapes);
            let _ = stack.unwind_barriers(&self.unwind, slot + SLOT_BYTES - 1, &self.receipt, cycle).unwrap();
        }
        self.stack.store(slot, core::mem::take(&mut self.register));
    }

    /// Stops the program: what it has in its register is saved.
    pub fn stop(&mut self) {
        self.stack.save_registers(&[self.register]);
    }

    pub fn start(&mut self) -> Cycle {
        let Started::Begun(cycle) = self.phases.start() else { panic!("a cycle runs already") };
        self.heap.begin_marking();
        cycle
    }

    pub fn first_scan(&mut self) -> Scan {
        self.stop();
        self.ran_to = self.stack.sp();
        let stack = self.stack.stopped(&self.shapes);
        // SAFETY: the simulated frames are laid out as frame pointers say, and no return slot is used for anything else.
        let mut scanner = unsafe { Scanner::new(&self.heap, &self.phases, &self.shapes, self.unwind) };
        let worker = &mut self.worker;
        scanner.first_scan(&stack, &self.receipt, self.spacing, |object| worker.push(object)).unwrap()
    }

    /// Mark termination: everything up to the end of the marking. `None` as scan leaves the stack out.
    pub fn terminate(&mut self) -> ScanReport {
        self.phases.scanned().unwrap();
        self.phases.terminate().unwrap();
        self.stop();
        let stack = self.stack.stopped(&self.shapes);
        // SAFETY: as above.
        let mut scanner = unsafe { Scanner::new(&self.heap, &self.phases, &self.shapes, self.unwind) };
        let worker = &mut self.worker;
        let scan = scanner.re_scan(&stack, &self.receipt, |object| worker.push(object)).unwrap();
        worker.drain_until_empty(&self.heap);
        scan.report()
    }

    pub fn verify(&self) -> Verified {
        let mut verify = Verify::new(&self.heap, &self.shapes, self.unwind);
        verify.stack(0, &self.stack.stopped(&self.shapes)).unwrap();
        verify.finish()
    }

    pub fn finish(&mut self) {
        self.heap.end_marking();
        self.phases.finish().unwrap();
        self.heap.sweep();
    }

    /// Everything reachable from locals and register, found without frame map, walk and verifier.
    pub fn reachable(&self) -> Vec<usize> {
        let depths = 0..self.stack.frames.len();
        let locals = |depth: usize| {
            (0..self.shapes.get(self.stack.frames[depth].shape).locals).map(move |i| (depth, i))
        };
        let mut grey: Vec<_> =
            depths.flat_map(locals).map(|(depth, i)| self.stack.load(self.stack.slot(depth, i))).collect();
        grey.push(self.register);
        let mut seen = std::collections::BTreeSet::new();
        while let Some(value) = grey.pop() {
            if value != 0 && seen.insert(value) {
                grey.extend((0..FIELDS).map(|field| self.heap.load(value, field)));
            }
        }
        seen.into_iter().collect()
    }
}
