//! All that can become of a stack in its life, and a model that is asked after each step.
//!
//! ```text
//!   events ──▶ Program: real lists, installs, walks, scans, marks, moves   ──┐
//!         └──▶ model: live frames, which of them have a barrier, what lives ─┴─▶ must agree
//! ```
//!
//! The model re-scans everything: what it reaches from all locals of all frames must be marked when a cycle ends. Of barriers it knows only what each
//! event does to them; where they are due it says by their definition, not by the thresholds that installation goes by. Where events come from is
//! not its business: `generate.rs`, `decode.rs`.

use core::ops::ControlFlow;

use barrier_arch::arch::SLOT_BYTES;
use barrier_arch::description::Architecture;
use barrier_arch::{Spacing, is_barrier, patch};
use gc_mark::{Heap, Object, Scan};
use unwind_walk::{End, Frame, FrameRecords, LiveStack, Unwind, Walk};

use super::apart::Apart;
use super::program::{Op, Program};
use super::shapes::Shapes;

/// One event. Numbers are taken modulo what there is to choose from.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// The program does something to its stack or its heap: `Op::Recover` is a longjmp by code that knows of barriers.
    Mutate(Op),
    /// The running frame calls in its own place.
    TailCall { shape: usize },
    /// A longjmp by code that knows nothing of barriers.
    Longjmp { frames: usize },
    /// An exception drops so many frames, one by one.
    Panic { frames: usize },
    /// The next step of a cycle: its begin, the first scan, mark termination and sweep; or mark termination without a first scan.
    Collect { scan: bool },
    /// To a stack of 2^`log2` bytes.
    Move { log2: u32 },
    /// A profiler walks the stack, and leaves out the youngest frames.
    Profile { skip: usize },
    /// Restores the return addresses below a frame, and marks those barriers hit.
    UnwindBarriers { depth: usize },
    /// Restores all return addresses.
    RemoveBarriers,
    /// The task ends; another one begins on its stack.
    EndTask { shape: usize },
}

/// One stack and its model.
pub struct Life {
    program: Program<Apart>,
    /// Of each frame, outermost first: does a barrier stand over its return address?
    barriers: Vec<bool>,
    scanned: bool,
    /// Frames have been left and nobody was told: barriers of frames that are gone may still count as not hit.
    unnoticed: bool,
    pub cycles: usize,
}

impl Life {
    /// On a stack of 64 KiB, by the rules of `arch`.
    pub fn new(arch: &'static Architecture, spacing: Spacing) -> Life {
        let shapes = Shapes::apart_on(arch, &Shapes::all_kinds());
        let program = Program::on(Apart(FrameRecords(arch)), 16, spacing, shapes);
        Life { program, barriers: vec![false], scanned: false, unnoticed: false, cycles: 0 }
    }

    /// Lives through `events`, and then returns through whatever barriers are left.
    pub fn through(mut self, events: &[Event]) -> Life {
        for &event in events {
            self.live(event);
            self.check();
        }
        self.program.step(Op::Return { times: usize::from(u16::MAX) });
        self.follow_frames();
        self.check();
        self
    }

    fn live(&mut self, event: Event) {
        match event {
            Event::Mutate(op) => self.mutate(op),
            Event::TailCall { shape } => self.program.tail_call(shape),
            Event::Longjmp { frames } => self.longjmp(frames),
            Event::Panic { frames } => {
                self.program.note_run();
                self.program.stack.unwind(self.at_most(frames));
                self.follow_frames();
            }
            Event::Collect { scan } => self.collect(scan),
            Event::Move { log2 } => self.relocate(log2),
            Event::Profile { skip } => self.profile(skip),
            Event::UnwindBarriers { depth } => self.unwind_barriers(depth),
            Event::RemoveBarriers => self.remove_barriers(),
            Event::EndTask { shape } => self.end_task(shape),
        }
    }

    /// Not the outermost frame.
    fn at_most(&self, frames: usize) -> usize {
        frames.min(self.program.stack.frames.len() - 1)
    }

    fn mutate(&mut self, op: Op) {
        let marking = self.program.phases.write_barrier_on();
        self.program.step(op);
        if let (Op::Runtime { depth, bulk: true, .. }, true) = (op, marking) {
            self.lose_below(depth % self.program.stack.frames.len());
        }
        self.follow_frames();
    }

    /// Frames that are gone have no barriers, new ones do not, either.
    fn follow_frames(&mut self) {
        self.barriers.resize(self.program.stack.frames.len(), false);
    }

    /// The barriers of frames younger than that at `depth` are taken away.
    fn lose_below(&mut self, depth: usize) {
        self.barriers.iter_mut().skip(depth + 1).for_each(|barrier| *barrier = false);
    }

    fn longjmp(&mut self, frames: usize) {
        self.program.shapes.drops_frames = true;
        self.program.note_run();
        self.program.stack.drop_silently(self.at_most(frames));
        self.unnoticed = true;
        self.follow_frames();
    }

    fn collect(&mut self, scan: bool) {
        if self.program.phases.cycle().is_none() {
            self.program.start();
            self.scanned = false;
        } else if scan && !self.scanned {
            self.first_scan();
        } else {
            self.terminate();
        }
    }

    fn first_scan(&mut self) {
        let scan = self.program.first_scan();
        assert!(matches!(scan, Scan::Done(_)), "{scan:?}");
        (self.scanned, self.unnoticed) = (true, false);
        self.barriers = self.due();
        assert_eq!(scan.report().installed, self.barriers.iter().filter(|&&barrier| barrier).count());
    }

    /// Where barriers are due after a first scan: of the frames that permit one, but the youngest and the outermost, at exponential distances
    /// the first that ends more than 1024 bytes above the stack pointer, the next above it that ends at more than 2048, …
    fn due(&self) -> Vec<bool> {
        let (stack, shapes) = (&self.program.stack, &self.program.shapes);
        let youngest = stack.frames.len() - 1;
        let may =
            |depth: usize| depth > 0 && depth < youngest && shapes.get(stack.frames[depth].shape).permits;
        let mut due = vec![false; stack.frames.len()];
        let mut distance = match self.program.spacing {
            Spacing::Off => return due,
            Spacing::EveryFrame => 0,
            Spacing::Exponential { first } => first,
        };
        for depth in (0..youngest).rev().filter(|&depth| may(depth)) {
            due[depth] = stack.frames[depth].cfa > stack.sp() + distance;
            distance <<= usize::from(due[depth]);
        }
        due
    }

    fn terminate(&mut self) {
        let program = &mut self.program;
        let report = program.terminate();
        if program.spacing == Spacing::Off && report.stacks == 1 {
            assert_eq!(report.frames, program.stack.frames.len());
        }
        let reachable = program.reachable();
        for &value in &reachable {
            assert!(program.heap.is_marked(Object(value)), "{value:#x} is lost\n{}", program.verify());
        }
        let verified = program.verify();
        assert!(verified.is_sound(), "{verified}");
        // Frames that nobody knows precisely may hold, beside their locals, words that mean nothing any more.
        let exact = program.shapes.machine.locals_at() == 0;
        assert!(verified.reachable >= reachable.len() && (!exact || verified.reachable == reachable.len()));
        program.finish();
        self.cycles += 1;
    }

    fn relocate(&mut self, log2: u32) {
        if self.program.fits(log2) {
            self.program.relocate(log2);
        }
    }

    fn unwind_barriers(&mut self, depth: usize) {
        let program = &mut self.program;
        let depth = depth % program.stack.frames.len();
        let dst = program.local_of(depth, 0) + SLOT_BYTES - 1;
        program.stop();
        match program.phases.cycle() {
            Some(cycle) => {
                let stack = program.stack.stopped(&program.shapes);
                let _ = stack.unwind_barriers(&program.unwind, dst, &program.receipt, cycle).unwrap();
            }
            None => {
                program.settle();
                // SAFETY: nothing runs on the stack.
                unsafe { patch::unwind(&program.stack.bars, program.stack.patch_sp(), dst) };
            }
        }
        self.lose_below(depth);
    }

    fn remove_barriers(&mut self) {
        self.program.stop();
        let program = &self.program;
        let removed = program.stack.stopped(&program.shapes).remove_barriers(&program.unwind).unwrap();
        let standing = self.barriers.iter().filter(|&&barrier| barrier).count();
        // More only where a stub was left in memory that is now a younger frame's.
        assert!(removed.restored == standing || removed.restored > standing && self.unnoticed, "{removed:?}");
        self.lose_below(0);
        self.unnoticed = false;
    }

    fn end_task(&mut self, shape: usize) {
        self.program.begin_anew(shape);
        (self.barriers, self.unnoticed, self.scanned) = (vec![false], false, false);
        assert!(self.program.stack.bars.is_empty());
    }

    fn profile(&self, skip: usize) {
        let program = &self.program;
        let registers = program.stack.registers(&program.shapes);
        // SAFETY: the stack's memory, array and all; nothing runs on it.
        let live = unsafe { LiveStack::new(program.stack.sp(), program.stack.bars.top()) };
        let given: Walk<'_, '_, _, LiveStack> =
            Walk::new(&program.unwind, &live).barriers(&program.stack.bars);
        for walk in [given, Walk::new(&program.unwind, &live).find_barriers()] {
            let mut frames = vec![];
            let walked = walk.skip(skip).diagnose(registers, |frame| {
                frames.push(*frame);
                ControlFlow::Continue(())
            });
            assert_eq!(walked.end, End::Outermost);
            self.compare(&frames, skip.min(program.stack.frames.len()));
        }
    }

    /// Does a walk of the kind that collectors make show every frame, and barriers where the model has them?
    fn check(&self) {
        let (program, bars) = (&self.program, &self.program.stack.bars);
        let stack = program.stack.stopped(&program.shapes);
        let memory = stack.memory();
        let walk =
            Walk::new(&program.unwind, &memory).barriers(bars).dropped_frames(program.shapes.drops_frames);
        let mut frames = vec![];
        let walked = walk.strict(stack.outermost_sp(), stack.registers(), |frame| {
            frames.push(*frame);
            ControlFlow::Continue(())
        });
        assert_eq!(walked.expect("a whole stack").end, End::Outermost);
        self.compare(&frames, 0);
        self.check_list();
    }

    /// Are these all frames, but so many of the youngest?
    fn compare(&self, frames: &[Frame], skipped: usize) {
        let stack = &self.program.stack;
        let model = stack.frames.iter().zip(&self.barriers).enumerate().rev().skip(skipped);
        assert_eq!(frames.len(), stack.frames.len() - skipped);
        for (frame, (depth, (live, &barrier))) in frames.iter().zip(model) {
            assert_eq!((frame.pc, frame.sp), (self.program.shapes.pc(live.shape), live.sp), "{frame}");
            let caller = frame.caller.map(|caller| (caller.return_slot, caller.return_pc, caller.cfa));
            let due = (depth > 0).then(|| {
                let pc = self.program.shapes.pc(stack.frames[depth - 1].shape);
                (live.slot, pc, live.cfa)
            });
            assert_eq!(caller, due, "{frame}");
            assert_eq!(frame.barrier().is_some(), barrier, "{frame}, {}", stack.bars);
        }
    }

    /// Is the list in order, and does it end with exactly the barriers that stand?
    fn check_list(&self) {
        let (stack, bars) = (&self.program.stack, &self.program.stack.bars);
        let (position, len) = bars.state();
        assert!(position <= len && len <= bars.capacity(), "{bars}");
        assert!(bars.iter().is_sorted_by(|a, b| a.saved_lr_ptr < b.saved_lr_ptr), "{bars}");
        let standing = stack.frames.iter().zip(&self.barriers).rev().filter(|&(_, &barrier)| barrier);
        let standing: Vec<usize> = standing.map(|(frame, _)| frame.slot).collect();
        assert!(standing.iter().all(|&slot| is_barrier(stack.load(slot))), "{bars}");
        let not_hit: Vec<usize> = bars.iter().skip(position).map(|record| record.saved_lr_ptr).collect();
        // Of frames that were left unnoticed there may be more, lower down. The lowest that stands may have moved.
        let moved = usize::from(self.program.unwind.slots_move()).min(standing.len());
        let at = not_hit.len().checked_sub(standing.len()).expect("each that stands has a record");
        assert!(not_hit[at + moved..] == standing[moved..], "{standing:x?} {bars}");
        assert!(self.unnoticed || at == 0, "the position is exact: {standing:x?} {bars}");
    }
}
