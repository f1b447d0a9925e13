//! A walk over anything: a real list of barriers, a stack damaged as bytes say, registers from anywhere, by every architecture's rules.
//!
//! Whatever it is: the walk ends, leads up, reads no more than there is, does not panic; and a strict one that is content has reached the end.

use core::cell::Cell;
use core::ops::ControlFlow;

use barrier_arch::description;
use barrier_arch::{SizeClass, arch};
use unwind_walk::{FrameRecords, ReadWord, Registers, StackCopy, Walk};

use super::{SPACINGS, SimStack, WORD, diagnose};

/// Bytes that are taken one after the other; zeros when there are no more.
pub(crate) struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> usize {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        first.into()
    }

    fn short(&mut self) -> usize {
        self.byte() << 8 | self.byte()
    }

    /// A word of one of the kinds that a walk may take for something.
    fn word(&mut self, stack: &SimStack, words: &[usize]) -> usize {
        let bytes = words.len() * WORD;
        match self.byte() % 10 {
            0 => 0,
            1 | 2 => stack.lo() + self.short() % words.len() * WORD,
            3 => stack.lo() + self.short() % bytes,
            4 | 5 => words[self.short() % words.len()],
            6 => arch::stub_table() + self.short() * 16,
            7 => arch::stub_table() + self.short(),
            8 => usize::MAX - self.byte(),
            _ => (self.short() << (usize::BITS - 16)) | self.short(),
        }
    }
}

/// Walks what `bytes` stand for.
///
/// # Panics
///
/// If something of the above does not hold.
pub(crate) fn walk(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let spacing = SPACINGS[bytes.byte() % 3];
    // Mostly by this machine's, by which the frames are laid out.
    let host = description::host().unwrap();
    let arch = description::ALL.get(bytes.byte() % 32).copied().unwrap_or(host);
    let locals: Vec<usize> = (0..bytes.byte() % 24).map(|_| bytes.byte() % 40).collect();
    let mut stack = SimStack::new(SizeClass::of(1 << 13).unwrap(), spacing, &locals);
    stack.install(&[true, bytes.byte() % 2 == 0]);
    let returns = (bytes.byte() % 4).min(stack.frames.len() - 1);
    (0..returns).for_each(|_| stack.pop());
    let mut words = stack.copy();
    for _ in 0..bytes.byte() % 32 {
        let at = bytes.short() % words.len();
        words[at] = bytes.word(&stack, &words);
    }
    let registers = match bytes.byte() % 3 {
        0 => stack.registers(),
        _ => {
            let [pc, sp, fp] = [0; 3].map(|_| bytes.word(&stack, &words));
            Registers { pc, sp, fp }
        }
    };
    let end = words.len() - bytes.short() % words.len() / 4;
    check(&stack, &words[..end], &FrameRecords(arch), registers, bytes.byte());
}

fn check(stack: &SimStack, words: &[usize], unwind: &FrameRecords, registers: Registers, limits: usize) {
    let reads = Cell::new(0_usize);
    let copy = StackCopy::new(stack.lo(), words);
    let memory = |address: usize| {
        reads.set(reads.get() + 1);
        copy.read_word(address)
    };
    let walk = Walk::new(unwind, &memory).barriers(&stack.bars);
    let (frames, _) = diagnose(&walk, registers);
    assert!(!frames.is_empty() && frames.len() <= words.len() + 1);
    assert!(frames.windows(2).all(|pair| pair[0].sp < pair[1].sp), "a walk leads up");
    assert!(reads.get() <= 4 * words.len() + stack.bars.len() + 16, "{} reads", reads.get());
    let (skip, max) = (limits % 5, limits / 5);
    let (some, _) = diagnose(&walk.skip(skip).max(max), registers);
    let expected: Vec<_> = frames.iter().skip(skip).take(max).copied().collect();
    assert_eq!(some, expected, "all frames but those");
    let mut last = None;
    let strict = walk.strict(stack.outermost_sp, registers, |frame| {
        last = Some(*frame);
        ControlFlow::Continue(())
    });
    match strict {
        Ok(_) => assert!(last.is_some_and(|last| last.sp == stack.outermost_sp && last.caller.is_none())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
