//! Where the walk reads its words: live stack, core dump, another process, an array in a test.
//!
//! The seam itself, and the view of words that were copied. Live memory is [`LiveStack`](crate::LiveStack); the view
//! that hides barriers is [`Unbarred`](crate::Unbarred).

/// Bytes of one word of a stack.
pub(crate) const WORD: usize = size_of::<usize>();

/// Reads one word of a stack.
///
/// Implemented for every `Fn(usize) -> Option<usize>`, so that a test's stack is an array and a closure.
///
/// Must not allocate, lock or panic (I6): a walk may run in a signal handler. Any address may be asked for, also
/// ones that no stack could have.
pub trait ReadWord {
    /// The word at `address`, or `None` if it cannot be read (unmapped, out of bounds, misaligned).
    fn read_word(&self, address: usize) -> Option<usize>;
}

impl<F: Fn(usize) -> Option<usize>> ReadWord for F {
    #[inline]
    fn read_word(&self, address: usize) -> Option<usize> {
        self(address)
    }
}

/// A copy of a stack: words that once lay at an address, from a core dump, a sample or a test.
///
/// ```
/// use unwind_walk::{ReadWord, StackCopy};
/// let copy = StackCopy::new(0x7000, &[10, 20, 30]);
/// assert_eq!(copy.read_word(0x7000 + size_of::<usize>()), Some(20));
/// assert_eq!(copy.read_word(0x7001), None); // misaligned
/// assert_eq!(copy.read_word(0x7000 + 3 * size_of::<usize>()), None); // past the end
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StackCopy<'a> {
    base: usize,
    words: &'a [usize],
}

impl<'a> StackCopy<'a> {
    /// The view in which `words[0]` lies at the address `base`, the next one a word higher, and so on.
    pub const fn new(base: usize, words: &'a [usize]) -> StackCopy<'a> {
        StackCopy { base, words }
    }
}

impl ReadWord for StackCopy<'_> {
    #[inline]
    fn read_word(&self, address: usize) -> Option<usize> {
        let offset = address.checked_sub(self.base)?;
        if offset % WORD != 0 {
            return None;
        }
        self.words.get(offset / WORD).copied()
    }
}
