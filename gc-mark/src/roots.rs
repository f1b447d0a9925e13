//! The words of a stack that are roots, one frame at a time: what a scan and the verifier have in common.

use barrier_arch::{StkbarSlice, sanitizer};
use unwind_walk::{Frame, LiveStack, ReadWord};

use crate::frame_map::FrameRoots;
use crate::heap::{Heap, Object};

const WORD: usize = size_of::<usize>();

/// One word of a stack that refers, or may refer, to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    /// Where it is kept.
    pub(crate) slot: usize,
    pub(crate) word: usize,
    /// The frame map says that it is a value; otherwise nothing is known of it.
    pub(crate) is_value: bool,
}

impl Root {
    pub(crate) fn object<H: Heap>(&self, heap: &H) -> Option<Object> {
        if self.is_value { heap.object_of(self.word) } else { heap.object_at(self.word) }
    }
}

/// A slot of a precise frame that is no word of the stack: the frame map is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadSlot(pub(crate) usize);

/// One past the last byte of `frame`: the outermost one ends where the stack does.
pub(crate) fn end_of(frame: &Frame, bars: &StkbarSlice) -> usize {
    frame.caller.map_or_else(|| bars.stack_hi(), |caller| caller.cfa)
}

/// Shows the roots of the frame that reaches from `sp` to `end`.
#[inline]
pub(crate) fn of_frame(
    memory: &LiveStack,
    sp: usize,
    end: usize,
    roots: FrameRoots<'_>,
    visit: impl FnMut(Root),
) -> Result<(), BadSlot> {
    match roots {
        FrameRoots::Conservative { .. } => {
            in_words(memory, sp, end, visit);
            Ok(())
        }
        FrameRoots::Precise { slots, .. } => {
            in_slots(memory, slots.iter().map(|offset| sp.wrapping_add(*offset as usize)), visit)
        }
        FrameRoots::PreciseBelowCfa { slots, .. } => {
            in_slots(memory, slots.iter().map(|offset| end.wrapping_sub(*offset as usize)), visit)
        }
    }
}

/// Shows the values that are kept at these addresses.
#[inline]
fn in_slots(
    memory: &LiveStack,
    mut slots: impl Iterator<Item = usize>,
    mut visit: impl FnMut(Root),
) -> Result<(), BadSlot> {
    slots.try_for_each(|slot| {
        let word = memory.read_word(slot).ok_or(BadSlot(slot))?;
        visit(Root { slot, word, is_value: true });
        Ok(())
    })
}

/// Shows each word of `lo..end`, which lies within the live part.
pub(crate) fn in_words(memory: &LiveStack, lo: usize, end: usize, mut visit: impl FnMut(Root)) {
    let for_valgrind = sanitizer::runs_under_valgrind();
    for slot in (lo..end).step_by(WORD) {
        if let Some(word) = memory.read_word(slot) {
            let word = if for_valgrind { sanitizer::defined(word) } else { word };
            visit(Root { slot, word, is_value: false });
        }
    }
}
