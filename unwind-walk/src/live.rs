//! Live memory of a stopped stack, behind a witness that it may be read.

use barrier_arch::sanitizer::read_word;
use barrier_arch::{SizeClass, Spacing, StkbarSlice};

use crate::memory::{ReadWord, WORD};

/// The live memory of one stack.
///
/// Making one is the promise that the memory is there; all that follows is safe. Reads outside of the bounds or
/// misaligned give `None`, so a corrupt frame pointer ends a walk instead of the process.
///
/// ```
/// use unwind_walk::{LiveStack, ReadWord};
/// let words = [7_usize, 8, 9];
/// let bounds = words.as_ptr_range();
/// // SAFETY: `words` outlives the view.
/// let live = unsafe { LiveStack::new(bounds.start as usize, bounds.end as usize) };
/// assert_eq!(live.read_word(bounds.start as usize), Some(7));
/// assert_eq!(live.read_word(bounds.start as usize + 1), None);
/// assert_eq!(live.read_word(bounds.end as usize), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LiveStack {
    lo: usize,
    words: usize,
}

impl LiveStack {
    /// The words of `lo..hi`. Bounds that are no multiple of a word are rounded inwards.
    ///
    /// To find barriers by their keys ([`Walk::find_barriers`](crate::Walk::find_barriers)) the bounds must
    /// include the top of the stack, where the barrier array is.
    ///
    /// # Safety
    ///
    /// As long as the value or a copy of it is used, `lo..hi` is readable memory that nobody else writes to: the
    /// stack is stopped, or the caller runs on it (in a signal handler, too). If a barrier array lies in it,
    /// then it is not removed from there meanwhile.
    pub const unsafe fn new(lo: usize, hi: usize) -> LiveStack {
        let lo = lo.saturating_add(WORD - 1) & !(WORD - 1);
        LiveStack { lo, words: hi.saturating_sub(lo) / WORD }
    }

    /// Lowest readable address, a multiple of a word.
    pub const fn lo(&self) -> usize {
        self.lo
    }

    /// One past the highest readable byte.
    pub const fn hi(&self) -> usize {
        self.lo + self.words * WORD
    }

    /// The barrier array of the stack of `class` around `slot`, if all of it lies within the bounds.
    ///
    /// For use while the promise of [`LiveStack::new`] holds: whoever keeps the handle keeps a borrow of `self`.
    pub(crate) fn barriers(&self, slot: usize, class: SizeClass) -> Option<StkbarSlice> {
        let top = class.top_of(slot);
        let header = StkbarSlice::stolen_bytes(class, Spacing::Off);
        if top > self.hi() || top.checked_sub(header)? < self.lo {
            return None;
        }
        // SAFETY: the header's words lie in the bounds, which are readable.
        let bars = unsafe { StkbarSlice::around(slot, class) }?;
        let room = class.bytes() - header;
        let stolen = bars.capacity().checked_mul(size_of::<barrier_arch::Stkbar>())?;
        let whole = stolen <= room && top - header - stolen >= self.lo && bars.len() <= bars.capacity();
        whole.then_some(bars)
    }
}

impl ReadWord for LiveStack {
    #[inline(always)]
    fn read_word(&self, address: usize) -> Option<usize> {
        // One comparison for bounds and alignment: the low bits of a misaligned offset become its highest.
        let index = address.wrapping_sub(self.lo).rotate_right(WORD.trailing_zeros());
        if index >= self.words {
            return None;
        }
        // SAFETY: an aligned word within the bounds, readable by the promise of `new`.
        Some(unsafe { read_word(address) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_aligned_words_within_bounds_are_read() {
        let words: [usize; 8] = core::array::from_fn(|i| i + 100);
        let start = words.as_ptr() as usize;
        const END: usize = 8 * WORD;
        for (from, to) in [(0, END), (3, END - 3), (WORD, 7 * WORD), (2 * WORD, 2 * WORD), (3 * WORD, WORD)] {
            // SAFETY: within `words`.
            let live = unsafe { LiveStack::new(start + from, start + to) };
            for offset in 0..END {
                let inside = offset % WORD == 0 && offset >= from && offset + WORD <= to;
                let expected = inside.then(|| words[offset / WORD]);
                assert_eq!(live.read_word(start + offset), expected, "{from}..{to} at {offset}");
            }
            for far in [0, 1, usize::MAX, usize::MAX - 7, start - 8, start + END] {
                assert_eq!(live.read_word(far), None);
            }
        }
    }
}
