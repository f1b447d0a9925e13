//! Where the walk reads its words: live stack, core dump, another process, an array in a test.

/// Reads one word of a stack.
///
/// Implemented for every `Fn(usize) -> Option<usize>`, so that a test's stack is an array and a closure.
pub trait ReadWord {
    /// The word at `address`, or `None` if it cannot be read (unmapped, out of bounds, misaligned).
    fn read_word(&self, address: usize) -> Option<usize>;
}

impl<F: Fn(usize) -> Option<usize>> ReadWord for F {
    fn read_word(&self, address: usize) -> Option<usize> {
        self(address)
    }
}
