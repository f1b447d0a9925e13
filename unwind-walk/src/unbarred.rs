//! A view of a stack as if it held no barriers, for unwinders that cannot be changed.

use barrier_arch::{StkbarSlice, Stub};

use crate::memory::ReadWord;

/// Shows the original return address wherever the slot of a barrier is read, and everything else as it is.
///
/// An unwinder that reads the stack through this view (framehop's closure, an offline unwinder's memory
/// accessor) sees the stack that would be there without barriers.
///
/// Only a word that *is* a stub, in a slot for which a record exists, is replaced. The same word anywhere else means
/// nothing and is shown unchanged, as is a barrier that is missing in the list, or has moved by a tail call and was not settled
/// ([`barrier_arch::patch::settle`]): that takes a walk.
///
/// ```
/// use unwind_walk::{LiveStack, ReadWord, Unbarred};
/// # fn framehop_like(mut read: impl FnMut(u64) -> Result<u64, ()>) { let _ = read(0); }
/// # fn example(live: LiveStack, bars: &barrier_arch::StkbarSlice) {
/// let memory = Unbarred::new(&live, bars);
/// framehop_like(|address| memory.read_word(address as usize).map(|w| w as u64).ok_or(()));
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Unbarred<'a, M> {
    memory: &'a M,
    bars: &'a StkbarSlice,
}

impl<'a, M: ReadWord> Unbarred<'a, M> {
    /// `memory`, without the barriers of `bars`.
    pub const fn new(memory: &'a M, bars: &'a StkbarSlice) -> Unbarred<'a, M> {
        Unbarred { memory, bars }
    }
}

impl<M: ReadWord> ReadWord for Unbarred<'_, M> {
    #[inline]
    fn read_word(&self, address: usize) -> Option<usize> {
        let word = self.memory.read_word(address)?;
        let original = Stub::at(word).and_then(|stub| self.bars.resolve(stub, address));
        Some(original.map_or(word, |(_, record)| record.return_pc()))
    }
}
