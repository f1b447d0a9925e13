//! Dijkstra's write barrier: while marking, a reference that is stored makes its object grey.
//!
//! # Which stores
//!
//! A stack that was scanned may run on, so the collector must learn of every reference that moves to where it will not look again:
//!
//! 1. *a store through a pointer*, into the heap or into any stack, by compiled code: tests the flag
//!    ([`Phases::write_barrier_flag`]) and calls [`shade`]. Also the stores that initialise a new object: it is born black;
//! 2. *a local variable of the running frame*: no barrier. The frame is re-scanned, because barriers tell that it ran;
//! 3. *a write by the runtime itself* into a stack slot, of the running stack or of one that is parked (a message to a task that waits for
//!    one, a bulk copy, a result written into a caller's frame): [`note_stack_write`].
//!
//! The flag may be tested without ordering: a mutator sees the change at its handshake ([`crate::phase`], rule 2).

use crate::grey::Grey;
use crate::heap::Heap;
use crate::phase::Phases;

/// Makes the object that `value` refers to grey; to be called for every stored reference while the flag is up. Returns whether this call did.
///
/// Harmless at any other time, if slow. `value` is a value as a field of an object holds it: immediates are let
/// through.
#[doc(alias = "gcmarkwb_m")]
pub fn shade<H: Heap>(heap: &H, grey: &Grey, value: usize) -> bool {
    let Some(object) = heap.object_of(value) else { return false };
    let marked = heap.mark(object);
    if marked {
        grey.push(object);
    }
    marked
}

/// As [`shade`], for a word of which nothing is known: a register, or a word of a frame that has no map.
pub fn shade_word<H: Heap>(heap: &H, grey: &Grey, word: usize) -> bool {
    let Some(object) = heap.object_at(word) else { return false };
    let marked = heap.mark(object);
    if marked {
        grey.push(object);
    }
    marked
}

/// What the runtime wrote into a stack slot, or is about to.
#[derive(Clone, Copy, Debug)]
pub enum Written<'a> {
    /// These values.
    Values(&'a [usize]),
    /// Bytes whose references are not known: a bulk copy.
    Unknown,
}

/// What is to be done about a write into a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "`Unwind` asks for something to be done before the stack runs on"]
pub enum StackWrite {
    /// Nothing: no cycle runs.
    NotMarking,
    /// Nothing: the values were shaded; so many objects became grey.
    Shaded(usize),
    /// The re-scan must be made to cover what is written.
    ///
    /// For a stack that is stopped: [`crate::Stopped::unwind_barriers`], which makes it dirty as well. For the
    /// caller's own stack, which is dirty because it runs: [`barrier_arch::patch::unwind`]. Cheap if there is no
    /// barrier in the way.
    Unwind,
}

/// The runtime writes into a stack, past the compiled code's write barrier.
///
/// ```
/// # use gc_mark::{Heap, Grey, Phases, write_barrier::{note_stack_write, StackWrite, Written}};
/// fn deliver<H: Heap>(phases: &Phases, heap: &H, grey: &Grey, slot: &mut usize, message: usize) {
///     *slot = message; // the receiver is parked, and clean as far as the collector knows
///     let noted = note_stack_write(phases, heap, grey, Written::Values(&[message]));
///     assert_ne!(noted, StackWrite::Unwind); // asked for only when the values are unknown
/// }
/// ```
#[doc(alias = "bulkBarrierPreWrite")]
pub fn note_stack_write<H: Heap>(phases: &Phases, heap: &H, grey: &Grey, written: Written<'_>) -> StackWrite {
    match written {
        _ if !phases.write_barrier_on() => StackWrite::NotMarking,
        Written::Unknown => StackWrite::Unwind,
        Written::Values(values) => {
            StackWrite::Shaded(values.iter().filter(|&&value| shade(heap, grey, value)).count())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::Object;
    use crate::phase::Started;
    use crate::test_heap::TestHeap;

    #[test]
    fn a_stored_reference_becomes_grey_once() {
        let (heap, grey) = (TestHeap::new(4), Grey::new());
        let Object(value) = heap.allocate(&[]);
        assert!(shade(&heap, &grey, value));
        assert!(!grey.is_empty());
        assert!(!shade(&heap, &grey, value), "it is grey already");
        assert!(!shade(&heap, &grey, value + 1), "no reference");
    }

    #[test]
    fn the_runtimes_writes_shade_what_is_known() {
        let (phases, heap, grey) = (Phases::new(), TestHeap::new(4), Grey::new());
        let value = heap.allocate(&[]).0;
        let note = |written: Written<'_>| note_stack_write(&phases, &heap, &grey, written);
        assert_eq!(note(Written::Values(&[value])), StackWrite::NotMarking);
        assert_eq!(note(Written::Unknown), StackWrite::NotMarking);
        assert!(matches!(phases.start(), Started::Begun(_)));
        assert_eq!(note(Written::Values(&[value, value, 3])), StackWrite::Shaded(1));
        assert_eq!(note(Written::Unknown), StackWrite::Unwind);
    }
}
