//! One stack's life against a simple model: calls, returns, scans, jumps over frames, moves.
//!
//! The model knows of each live frame its slot, where it returns to, and whether a barrier stands over
//! that. After every step the real thing must agree: words in live slots, `caller_pc`, position, order of
//! the records; and not a word of memory outside of the array and the live slots may have been written to.

use barrier_arch::arch::{self, SLOT_BYTES};
use barrier_arch::reference::{self, Memory, live_sp};
use barrier_arch::{Spacing, Stub, is_barrier, patch};

use super::plain::PlainStack;

/// One step of a history.
#[derive(Clone, Debug)]
pub enum Step {
    /// A call whose frame has this many words.
    Call(usize),
    /// Returns, this many.
    Return(usize),
    /// Removes what is left of the last scan's barriers, and installs anew.
    Scan,
    /// Removes only.
    Remove,
    /// Leaves frames without a return, as a recover does.
    Recover(usize),
    /// The same by code that knows nothing of barriers.
    ForeignLongjmp(usize),
    /// Dead memory is used for something else.
    Scribble,
    /// Writes into the frame so far up from the youngest.
    Unwind(usize),
    /// Changes where the frame so far up returns to.
    SetCaller(usize),
    /// Moves to a stack of `2^k` bytes.
    Move(u32),
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    slot: usize,
    pc: usize,
    barrier: bool,
}

/// A stack and its model.
pub struct History {
    stack: PlainStack,
    spacing: Spacing,
    /// Outermost first.
    frames: Vec<Frame>,
    next_pc: usize,
    /// Nothing has left frames unnoticed since the last scan: the position is then exact.
    exact: bool,
}

impl History {
    fn new(spacing: Spacing) -> History {
        let stack = PlainStack::new(1 << 15, spacing);
        History { stack, spacing, frames: Vec::new(), next_pc: 0x1000, exact: true }
    }

    /// The lowest slot, or where there is none yet.
    fn lowest(&self) -> usize {
        self.frames.last().map_or(self.stack.bars.stack_hi(), |frame| frame.slot)
    }

    fn sp(&self) -> usize {
        live_sp(self.lowest())
    }

    fn fresh_pc(&mut self) -> usize {
        self.next_pc += 0x10;
        self.next_pc
    }

    /// The frame `up` above the youngest, as an index.
    fn up(&self, up: usize) -> Option<usize> {
        self.frames.len().checked_sub(up + 1)
    }

    fn call(&mut self, words: usize) {
        let slot = self.lowest() - SLOT_BYTES * words;
        if live_sp(slot) < self.stack.bars.base() + 64 {
            return;
        }
        let pc = self.fresh_pc();
        self.stack.store(slot, pc);
        self.frames.push(Frame { slot, pc, barrier: false });
    }

    fn ret(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        let word = self.stack.load(frame.slot);
        let went_to = match Stub::at(word) {
            Some(stub) => reference::hit(stub, arch::sp_after(frame.slot), &mut self.stack).unwrap(),
            None => word,
        };
        assert_eq!(went_to, frame.pc, "returned to a wrong address: {}", self.stack.bars);
    }

    fn remove(&mut self) {
        let standing = self.frames.iter().filter(|frame| frame.barrier).count();
        let left = self.stack.bars.len() - self.stack.bars.position();
        // SAFETY: nothing runs on the stack.
        let removed = unsafe { patch::remove(&self.stack.bars, self.sp()) };
        assert_eq!(removed.restored + removed.dead, left);
        // More only where a stub was left behind in memory that a younger frame now owns and has not
        // written yet.
        assert!(removed.restored == standing || (removed.restored > standing && !self.exact), "{removed:?}");
        self.frames.iter_mut().for_each(|frame| frame.barrier = false);
        self.exact = true;
    }

    fn scan(&mut self) {
        self.remove();
        let mut thresholds = self.spacing.thresholds(self.sp());
        for frame in self.frames.iter_mut().rev() {
            if thresholds.wants(arch::sp_after(frame.slot)) {
                // SAFETY: nothing runs on the stack.
                unsafe { patch::install(&self.stack.bars, frame.slot) }.unwrap();
                thresholds.placed();
                frame.barrier = true;
            }
        }
    }

    fn leave(&mut self, count: usize, noticed: bool) {
        self.frames.truncate(self.frames.len().saturating_sub(count));
        if noticed {
            // SAFETY: nothing runs on the stack.
            unsafe { patch::skip(&self.stack.bars, self.sp()) };
        } else {
            self.exact = false;
        }
    }

    fn scribble(&mut self) {
        for address in (self.stack.bars.base()..self.sp()).step_by(size_of::<usize>()) {
            self.stack.store(address, 0x5c21_0000 + address % 4096);
        }
    }

    fn unwind(&mut self, up: usize) {
        let Some(index) = self.up(up) else { return };
        let dst = live_sp(self.frames[index].slot);
        // SAFETY: nothing runs on the stack.
        unsafe { patch::unwind(&self.stack.bars, self.sp(), dst) };
        self.frames.iter_mut().skip(index + 1).for_each(|frame| frame.barrier = false);
    }

    fn set_caller(&mut self, up: usize) {
        let Some(index) = self.up(up) else { return };
        let pc = self.fresh_pc();
        self.frames[index].pc = pc;
        // SAFETY: a live slot in the model.
        unsafe { patch::set_caller_pc(self.frames[index].slot as *mut usize, pc) };
    }

    fn move_to(&mut self, log2: u32) {
        let mut new = PlainStack::new(1 << log2, self.spacing);
        let (old, sp) = (&self.stack, self.sp());
        if new.bars.stack_hi() - new.bars.base() < old.bars.stack_hi() - sp + 64 {
            return;
        }
        let delta = new.bars.stack_hi().wrapping_sub(old.bars.stack_hi());
        (sp..old.bars.stack_hi())
            .step_by(size_of::<usize>())
            .for_each(|a| new.store(a.wrapping_add(delta), old.load(a)));
        // SAFETY: nothing runs on either stack; the live part was copied.
        if unsafe { patch::carry_over(&old.bars, &new.bars, sp) } {
            self.frames.iter_mut().for_each(|frame| frame.slot = frame.slot.wrapping_add(delta));
            self.stack = new;
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Call(words) => self.call(words),
            Step::Return(count) => (0..count).for_each(|_| self.ret()),
            Step::Scan => self.scan(),
            Step::Remove => self.remove(),
            Step::Recover(count) => self.leave(count, true),
            Step::ForeignLongjmp(count) => self.leave(count, false),
            Step::Scribble => self.scribble(),
            Step::Unwind(up) => self.unwind(up),
            Step::SetCaller(up) => self.set_caller(up),
            Step::Move(log2) => self.move_to(log2),
        }
    }

    fn check(&self) {
        let bars = &self.stack.bars;
        for frame in &self.frames {
            assert_eq!(is_barrier(self.stack.load(frame.slot)), frame.barrier, "{frame:x?} {bars}");
            // SAFETY: a live slot in the model.
            let pc = unsafe { patch::caller_pc(frame.slot as *const usize) };
            assert_eq!(pc, frame.pc, "{frame:x?} {bars}");
        }
        let (position, len) = bars.state();
        assert!(position <= len && len <= bars.capacity());
        assert!(bars.iter().is_sorted_by(|a, b| a.saved_lr_ptr < b.saved_lr_ptr), "{bars}");
        let standing: Vec<usize> = self.frames.iter().rev().filter(|f| f.barrier).map(|f| f.slot).collect();
        let expected: Vec<usize> = bars.iter().skip(position).map(|record| record.saved_lr_ptr).collect();
        // Records of frames that were left unnoticed may lie below; those alive are the last ones, in order.
        assert!(expected.ends_with(&standing), "{standing:x?} {bars}");
        assert!(!self.exact || expected == standing, "the position is exact: {standing:x?} {bars}");
    }

    /// A step that only patches must leave everything else as it was.
    fn check_untouched(&self, before: &[usize], was_exact: bool) {
        let base = self.stack.bars.base();
        let slots: Vec<usize> = self.frames.iter().map(|frame| frame.slot).collect();
        let live_or_array =
            // A slot is wider than a word on x32.
            |address: usize| address >= self.stack.bars.stack_hi() || slots.contains(&(address / SLOT_BYTES * SLOT_BYTES));
        let sp = self.sp();
        for (i, (&old, new)) in before.iter().zip(self.stack.snapshot()).enumerate() {
            let address = base + size_of::<usize>() * i;
            let stale_stub = is_barrier(old) && address >= sp && !was_exact;
            assert!(old == new || live_or_array(address) || stale_stub, "{address:#x} was written to");
        }
    }
}

/// Takes the steps, and returns through whatever stands in the end.
pub fn follow(spacing: Spacing, steps: &[Step]) -> History {
    let mut history = History::new(spacing);
    for step in steps {
        let patches = matches!(
            step,
            Step::Scan | Step::Remove | Step::Recover(_) | Step::ForeignLongjmp(_) | Step::Unwind(_)
        );
        let before = if patches { history.stack.snapshot() } else { Vec::new() };
        let was_exact = history.exact;
        history.take(step);
        history.check();
        if patches {
            history.check_untouched(&before, was_exact);
        }
    }
    // Whatever stands is returned through in the end.
    while !history.frames.is_empty() {
        history.ret();
    }
    let (position, len) = history.stack.bars.state();
    assert!(position == len || !history.exact, "every barrier was come by: {}", history.stack.bars);
    history
}

/// [`follow`], from a fuzzer's bytes; then the list is damaged, which readers must survive.
pub fn follow_bytes(spacing: Spacing, bytes: &[u8]) {
    let steps: Vec<Step> = bytes.chunks_exact(2).map(|two| Step::decode(two[0], two[1])).collect();
    let mut history = follow(spacing, &steps);
    let word = |at: usize| bytes.get(at).map_or(0, |&byte| usize::from(byte));
    history.stack.break_state(word(0) << 8 | word(1), word(2) << 8 | word(3));
    let bars = &history.stack.bars;
    let shown = bars.to_string();
    assert!(shown.len() < 200 + 64 * bars.capacity(), "no more than the array: {shown}");
    let slot = bars.base() + word(4) * 64;
    assert!(bars.find(slot).is_none_or(|(index, _)| index < bars.capacity()));
}

impl Step {
    /// What a fuzzer's bytes stand for: any two are a step.
    pub fn decode(kind: u8, much: u8) -> Step {
        let much = usize::from(much);
        match kind % 16 {
            0..5 => Step::Call(2 + much % 58),
            5..7 => Step::Return(1 + much % 5),
            7..9 => Step::Scan,
            9 => Step::Remove,
            10 => Step::Recover(1 + much % 11),
            11 => Step::ForeignLongjmp(1 + much % 11),
            12 => Step::Scribble,
            13 => Step::Unwind(much % 8),
            14 => Step::SetCaller(much % 8),
            _ => Step::Move(14 + much as u32 % 4),
        }
    }
}
