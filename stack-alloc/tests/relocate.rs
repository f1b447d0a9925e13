//! Stacks that move, with barriers installed, some of them hit.
//!
//! The stacks are synthetic: a chain of frames in plain words, return addresses that nobody will jump to, and
//! the plain-Rust reference of the trampoline to return through them.

mod common;

use barrier_arch::arch::{SLOT_BYTES, sp_after};
use barrier_arch::reference::{self, Memory, live_sp};
use barrier_arch::{SizeClass, Spacing, StkbarSlice, Stub, is_barrier, patch};
use common::{SPACINGS, peek, poke};
use proptest::prelude::*;
use stack_alloc::{Config, RelocateError, Stack, StackPool, relocate};

const WORD: usize = size_of::<usize>();

/// The live memory, for the reference trampoline.
struct Live;

impl Memory for Live {
    fn load(&self, address: usize) -> usize {
        peek(address)
    }

    fn store(&mut self, address: usize, word: usize) {
        poke(address, word);
    }
}

/// A frame, by distances below `stack_hi`, which do not change when the stack moves.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Of the return slot; the saved frame pointer is one word below.
    slot: usize,
    /// The return address in it, 0 in the outermost frame.
    pc: usize,
}

/// One stack with frames on it, youngest first.
struct Synthetic {
    pool: StackPool,
    stack: Stack,
    bars: StkbarSlice,
    frames: Vec<Frame>,
    /// Distances of the words that hold addresses in the stack.
    pointers: Vec<usize>,
    sp: usize,
}

fn alloc(log2: u32, spacing: Spacing) -> (StackPool, Stack, StkbarSlice) {
    let pool = StackPool::new(Config { spacing, poison: true, ..Config::default() });
    let (stack, bars) = pool.alloc(1 << log2).unwrap();
    (pool, stack, bars)
}

impl Synthetic {
    /// Frames of so many local words, the outermost first, as many as fit.
    fn new(log2: u32, spacing: Spacing, locals: &[usize]) -> Synthetic {
        let (pool, stack, bars) = alloc(log2, spacing);
        let sp = bars.stack_hi();
        let mut this = Synthetic { pool, stack, bars, frames: Vec::new(), pointers: Vec::new(), sp };
        for (i, &words) in locals.iter().enumerate() {
            // What the callee has of the caller's frame, the slot, the frame pointer, and what may be lost by aligning.
            let link = live_sp(0).wrapping_neg() + 3 * SLOT_BYTES;
            if this.sp - this.stack.limit() >= link + words * WORD {
                this.push(i, words);
            }
        }
        this.frames.reverse();
        this
    }

    fn push(&mut self, i: usize, words: usize) {
        let pc = if i == 0 { 0 } else { 0x40_0000 + 16 * i };
        let caller_fp = self.frames.last().map_or(0, |f| self.bars.stack_hi() - f.slot - WORD);
        let slot = self.push_slot(pc);
        self.frames.push(Frame { slot, pc });
        self.push_pointer(caller_fp);
        while self.sp > live_sp(self.bars.stack_hi() - slot) {
            self.push_word(0);
        }
        for local in 0..words {
            match local % 4 {
                // Into this frame; the bounds of the used part; an integer that looks like an address.
                0 => self.push_pointer(self.bars.stack_hi() - slot),
                1 => self.push_pointer(self.bars.stack_hi()),
                2 => self.push_pointer(self.stack.base() - 8),
                _ => drop(self.push_word(self.bars.stack_hi() - slot)),
            };
        }
    }

    /// A return slot, which may be wider than a word.
    fn push_slot(&mut self, pc: usize) -> usize {
        let at = (self.sp - SLOT_BYTES) / SLOT_BYTES * SLOT_BYTES;
        while self.sp > at + WORD {
            self.push_word(0);
        }
        self.push_word(pc)
    }

    fn push_word(&mut self, word: usize) -> usize {
        self.sp -= WORD;
        poke(self.sp, word);
        self.bars.stack_hi() - self.sp
    }

    fn push_pointer(&mut self, word: usize) {
        let distance = self.push_word(word);
        self.pointers.push(distance);
    }

    /// A scan, as the collector does it.
    fn install(&self, spacing: Spacing) {
        let mut thresholds = spacing.thresholds(self.sp);
        for frame in &self.frames {
            let slot = self.bars.stack_hi() - frame.slot;
            if thresholds.wants(sp_after(slot)) {
                // SAFETY: the return slot of a frame of a stack that nothing runs on.
                match unsafe { patch::install(&self.bars, slot) } {
                    Ok(()) => thresholds.placed(),
                    Err(refused) => assert_eq!(frame.pc, 0, "{refused}"),
                }
            }
        }
    }

    /// Returns from the `n` youngest frames, but never from the outermost.
    fn return_from(&mut self, n: usize) {
        for frame in self.frames.drain(..n.min(self.frames.len() - 1)) {
            let slot = self.bars.stack_hi() - frame.slot;
            assert_eq!(returned(slot), frame.pc);
            self.sp = sp_after(slot);
        }
    }

    fn words(&self) -> Vec<usize> {
        words(&self.stack)
    }

    fn live_pointers(&self) -> impl Iterator<Item = usize> + '_ {
        let used = self.bars.stack_hi() - self.sp;
        self.pointers.iter().copied().filter(move |&distance| distance <= used)
    }

    fn free(self) {
        // SAFETY: nothing runs on it.
        unsafe { self.pool.free(self.stack, self.bars) };
    }
}

/// Where a return through `slot` goes.
fn returned(slot: usize) -> usize {
    let pc = peek(slot);
    match Stub::at(pc) {
        Some(stub) => reference::hit(stub, sp_after(slot), &mut Live).expect("a barrier has a record"),
        None => pc,
    }
}

fn words(stack: &Stack) -> Vec<usize> {
    stack.usable().step_by(WORD).map(peek).collect()
}

/// Moves `old`, and checks every word of the copy and every record.
fn check(old: &Synthetic, new: &Stack, new_bars: &StkbarSlice) -> Result<usize, RelocateError> {
    let (old_words, new_words) = (old.words(), words(new));
    let (old_hi, new_hi) = (old.bars.stack_hi(), new_bars.stack_hi());
    let pointers: Vec<usize> = old.live_pointers().collect();
    // SAFETY: nothing runs on either; the slots named are words of the copy.
    let result = unsafe {
        relocate((&old.stack, &old.bars), (new, new_bars), old.sp, |shift| {
            // Twice: a word that was shifted is no address of the old stack any more.
            pointers.iter().chain(&pointers).for_each(|&distance| shift((new_hi - distance) as *mut usize));
        })
    };
    assert_eq!(old.words(), old_words, "the old stack was written to");
    if let Err(error) = result {
        assert_eq!(words(new), new_words, "{error}, but the new stack was written to");
        return Err(error);
    }
    assert_eq!(new_bars.state(), old.bars.state());
    for (old_record, new_record) in old.bars.iter().zip(new_bars.iter()) {
        assert_eq!(old_hi - old_record.saved_lr_ptr, new_hi - new_record.saved_lr_ptr);
        assert_eq!(old_record.saved_lr_val, new_record.saved_lr_val);
    }
    for distance in (WORD..=old_hi - old.sp).step_by(WORD) {
        assert_eq!(peek(new_hi - distance), expected(old, new_bars, distance, &pointers), "{distance} below");
    }
    result
}

/// What the word `distance` below the new `stack_hi` must be.
fn expected(old: &Synthetic, new_bars: &StkbarSlice, distance: usize, pointers: &[usize]) -> usize {
    let (old_hi, new_hi) = (old.bars.stack_hi(), new_bars.stack_hi());
    let word = peek(old_hi - distance);
    let is_slot = old.frames.iter().any(|frame| frame.slot == distance);
    if is_slot && is_barrier(word) {
        let (index, _) = old.bars.find(old_hi - distance).expect("a barrier has a record");
        assert_eq!(new_bars.stub(index).class(), new_bars.class());
        return new_bars.stub(index).pc();
    }
    if pointers.contains(&distance) && (old.sp..=old_hi).contains(&word) {
        word.wrapping_add(new_hi.wrapping_sub(old_hi))
    } else {
        word
    }
}

/// Returns through all frames of the moved stack: by its frame pointers, its stubs and its records.
fn return_from_all(frames: &[Frame], new_bars: &StkbarSlice) {
    let hi = new_bars.stack_hi();
    let mut fp = frames.first().map_or(0, |frame| hi - frame.slot - WORD);
    for frame in frames {
        assert_eq!(fp, hi - frame.slot - WORD, "the frame pointers were moved");
        fp = peek(fp);
        assert_eq!(returned(hi - frame.slot), frame.pc);
    }
    assert_eq!(fp, 0);
    assert_eq!(new_bars.position(), new_bars.len(), "every barrier was hit");
}

fn spacing() -> impl Strategy<Value = Spacing> {
    prop::sample::select(&SPACINGS[..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_moved_stack_returns_like_the_old_one(
        (old_log2, new_log2) in (11u32..18, 11u32..18),
        (spacing, new_spacing) in (spacing(), prop::option::weighted(0.2, spacing())),
        locals in prop::collection::vec(0usize..40, 1..200),
        returns in 0usize..100,
    ) {
        let mut old = Synthetic::new(old_log2, spacing, &locals);
        if old.frames.is_empty() {
            return Ok(());
        }
        old.install(spacing);
        old.return_from(returns);
        let (new_pool, new, new_bars) = alloc(new_log2, new_spacing.unwrap_or(spacing));
        let (used, room) = (old.bars.stack_hi() - old.sp, new_bars.stack_hi() - new.limit());
        let (records, capacity) = (old.bars.len(), new_bars.capacity());
        match check(&old, &new, &new_bars) {
            Ok(sp) => {
                prop_assert!(used <= room && records <= capacity);
                prop_assert_eq!(new_bars.stack_hi() - sp, used);
                return_from_all(&old.frames, &new_bars);
            }
            Err(RelocateError::DoesNotFit { used: u, room: r }) => {
                prop_assert!(used > room);
                prop_assert_eq!((u, r), (used, room));
            }
            Err(error) => {
                prop_assert!(used <= room && records > capacity);
                prop_assert_eq!(error, RelocateError::TooManyBarriers { records, capacity });
            }
        }
        old.free();
        // SAFETY: nothing runs on it.
        unsafe { new_pool.free(new, new_bars) };
    }
}

/// So that the property is known not to hold for want of barriers.
#[test]
fn growing_and_shrinking_with_barriers_in_all_modes() {
    for (spacing, at_least) in SPACINGS.into_iter().zip([0, 3, 90]) {
        let mut stack = Synthetic::new(17, spacing, &[16; 100]);
        stack.install(spacing);
        assert!(stack.bars.len() >= at_least, "{spacing:?}: {}", stack.bars);
        stack.return_from(2);
        for log2 in [SizeClass::of(1 << 20).unwrap().log2(), 16] {
            let (pool, new, new_bars) = alloc(log2, spacing);
            stack.sp = check(&stack, &new, &new_bars).unwrap();
            let old = (stack.stack, stack.bars, stack.pool);
            (stack.stack, stack.bars, stack.pool) = (new, new_bars, pool);
            // SAFETY: nothing runs on it.
            unsafe { old.2.free(old.0, old.1) };
        }
        return_from_all(&stack.frames, &stack.bars);
        stack.free();
    }
}

#[test]
fn stack_pointers_of_other_stacks_are_refused() {
    let (_, old, old_bars) = alloc(14, Spacing::default());
    let (_, new, new_bars) = alloc(15, Spacing::default());
    let hi = old_bars.stack_hi();
    for sp in [
        0,
        old.base(),
        old.limit() - WORD,
        hi + WORD,
        old.top(),
        hi - WORD / 2,
        new_bars.stack_hi(),
        usize::MAX,
    ] {
        // SAFETY: it is refused before anything is touched.
        let error = unsafe { relocate((&old, &old_bars), (&new, &new_bars), sp, |_| unreachable!()) };
        assert_eq!(error, Err(RelocateError::BadStackPointer { sp, limit: old.limit(), stack_hi: hi }));
    }
    // An empty stack moves, too.
    // SAFETY: nothing runs on either.
    let sp = unsafe { relocate((&old, &old_bars), (&new, &new_bars), hi, |_| {}) };
    assert_eq!(sp, Ok(new_bars.stack_hi()));
}
