//! Marks again from scratch and names what the marking lost.
//!
//! With the world stopped, marking complete and nothing swept: walks every stack whole, whatever barriers
//! and receipts say, follows every reference with a visited set of its own, and compares with the heap's marks. An object that is reachable
//! and not marked would have been freed in use: a write barrier was left out, a frame was vouched for that should not have been, a
//! stack was taken for clean.
//!
//! It allocates and takes as long as a full stop-the-world marking: a tool for tests and for the hunt.

use core::fmt;
use core::ops::ControlFlow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::FixedState;
use unwind_walk::{Unwind, Walk};

use crate::error::ScanError;
use crate::frame_map::FrameMap;
use crate::heap::{Heap, Object};
use crate::roots::{self, Root};
use crate::stack::Stopped;

/// How an object is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reached {
    /// From a frame of a stack.
    Frame {
        /// The stack, by the number it was given to [`Verify::stack`].
        stack: usize,
        /// Index of the frame; 0 is the youngest.
        frame: usize,
        /// Where the frame goes on.
        pc: usize,
        /// Address of the word that refers to the object.
        slot: usize,
    },
    /// From the saved registers of a stack.
    SavedRegister {
        /// The stack, by its number.
        stack: usize,
        /// Address of the word.
        slot: usize,
    },
    /// From a root that lies on no stack.
    Global {
        /// The name it was given to [`Verify::root`].
        name: &'static str,
    },
    /// From another object.
    Object(Object),
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Reached::Frame { stack, frame, pc, slot } => {
                write!(f, "slot {slot:#x} of frame #{frame} (pc {pc:#x}) of stack {stack}")
            }
            Reached::SavedRegister { stack, slot } => {
                write!(f, "the register saved at {slot:#x} of stack {stack}")
            }
            Reached::Global { name } => write!(f, "global root {name}"),
            Reached::Object(parent) => write!(f, "object {:#x}", parent.0),
        }
    }
}

/// A reachable object that is not marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The object.
    pub object: Object,
    /// The way to it: what refers to it, what refers to that, and so on; the last is a root.
    pub path: Vec<Reached>,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object {:#x}", self.object.0)?;
        self.path.iter().try_for_each(|reached| write!(f, " <- {reached}"))
    }
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it says whether objects were lost"]
pub struct Verified {
    /// How many objects are reachable.
    pub reachable: usize,
    /// Those that are not marked. First the ones that something marked, or a root, refers to: there the marking went
    /// wrong; the others are their offspring.
    pub lost: Vec<Lost>,
}

impl Verified {
    /// Was nothing lost?
    pub fn is_sound(&self) -> bool {
        self.lost.is_empty()
    }
}

/// At most this many lost objects are displayed.
const SHOWN: usize = 10;

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verified { reachable, lost } = self;
        if lost.is_empty() {
            return write!(f, "verify: all of {reachable} reachable objects are marked");
        }
        write!(f, "verify: {} of {reachable} reachable objects are not marked", lost.len())?;
        lost.iter().take(SHOWN).try_for_each(|one| write!(f, "\n  lost {one}"))?;
        match lost.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// One verification. Give it every root, then [`Verify::finish`].
#[derive(Debug)]
pub struct Verify<'g, H, M, U> {
    map: &'g M,
    unwind: U,
    seen: Seen<'g, H>,
}

impl<'g, H: Heap, M: FrameMap, U: Unwind> Verify<'g, H, M, U> {
    /// Nothing seen yet.
    pub fn new(heap: &'g H, map: &'g M, unwind: U) -> Self {
        Verify { map, unwind, seen: Seen { heap, first: HashMap::default(), grey: Vec::new() } }
    }

    /// A root on no stack: a value as a field of an object holds it.
    pub fn root(&mut self, name: &'static str, value: usize) {
        self.seen.reach(self.seen.heap.object_of(value), Reached::Global { name });
    }

    /// A word on no stack of which nothing is known, as of a conservative frame.
    pub fn word(&mut self, name: &'static str, word: usize) {
        self.seen.reach(self.seen.heap.object_at(word), Reached::Global { name });
    }

    /// All roots of a stack. `number` is what it is called in the verdict.
    ///
    /// # Errors
    ///
    /// [`ScanError`] if it cannot be walked to its outermost frame.
    pub fn stack<'s>(&mut self, number: usize, stack: &Stopped<'s>) -> Result<(), ScanError<'s>> {
        let (memory, bars, seen) = (stack.memory(), stack.bars(), &mut self.seen);
        roots::in_words(&memory, stack.saved_from(), stack.registers().sp, |root| {
            seen.root(root, Reached::SavedRegister { stack: number, slot: root.slot });
        });
        let mut bad_slot = None;
        let walk = Walk::new(&self.unwind, &memory).barriers(bars);
        let walk = walk.dropped_frames(self.map.may_drop_frames());
        let walked = walk.strict(stack.outermost_sp(), stack.registers(), |frame| {
            let (index, pc, end) = (frame.index, frame.pc, roots::end_of(frame, bars));
            let visited = roots::of_frame(&memory, frame.sp, end, self.map.roots_at(pc), |root| {
                seen.root(root, Reached::Frame { stack: number, frame: index, pc, slot: root.slot });
            });
            bad_slot = visited.err().map(|bad| ScanError::bad_slot(frame, bad.0, bars));
            if bad_slot.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match bad_slot {
            Some(error) => Err(error),
            None => walked.map(drop).map_err(|error| ScanError::walk(&error, bars)),
        }
    }

    /// Follows all references and compares.
    pub fn finish(mut self) -> Verified {
        self.seen.follow();
        let mut lost: Vec<_> = self.seen.lost().collect();
        lost.sort_by_key(|one| (self.seen.is_offspring(one), one.object));
        Verified { reachable: self.seen.first.len(), lost }
    }
}

/// The visited set.
#[derive(Debug)]
struct Seen<'g, H> {
    heap: &'g H,
    /// Every object seen, with the first way to it.
    first: HashMap<Object, Reached, FixedState>,
    /// Those whose children were not yet visited.
    grey: Vec<Object>,
}

impl<H: Heap> Seen<'_, H> {
    fn reach(&mut self, object: Option<Object>, reached: Reached) {
        if let Some(object) = object
            && let Entry::Vacant(entry) = self.first.entry(object)
        {
            entry.insert(reached);
            self.grey.push(object);
        }
    }

    fn root(&mut self, root: Root, reached: Reached) {
        self.reach(root.object(self.heap), reached);
    }

    fn follow(&mut self) {
        let heap = self.heap;
        while let Some(parent) = self.grey.pop() {
            heap.visit_children(parent, |value| self.reach(heap.object_of(value), Reached::Object(parent)));
        }
    }

    fn lost(&self) -> impl Iterator<Item = Lost> {
        let unmarked = self.first.keys().filter(|&&object| !self.heap.is_marked(object));
        unmarked.map(|&object| Lost { object, path: self.path_to(object) })
    }

    /// Is its parent lost, too?
    fn is_offspring(&self, lost: &Lost) -> bool {
        matches!(lost.path.first(), Some(&Reached::Object(parent)) if !self.heap.is_marked(parent))
    }

    /// What was seen first leads back to a root: each parent was seen before its child.
    fn path_to(&self, object: Object) -> Vec<Reached> {
        let parent = |reached: &Reached| match reached {
            Reached::Object(parent) => self.first.get(parent).copied(),
            _ => None,
        };
        core::iter::successors(self.first.get(&object).copied(), parent).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame_map::Conservatively;
    use crate::test_heap::TestHeap;
    use unwind_walk::FramePointers;

    #[test]
    fn a_lost_object_is_named_with_the_way_to_it() {
        let heap = TestHeap::new(8);
        let leaf = heap.allocate(&[]);
        let middle = heap.allocate(&[leaf.0]);
        let top = heap.allocate(&[middle.0, 77]);
        let _garbage = heap.allocate(&[leaf.0]);
        let verdict = || {
            let mut verify = Verify::new(&heap, &Conservatively, FramePointers);
            verify.root("top", top.0);
            verify.root("nil", 0);
            verify.finish()
        };
        heap.mark(top);
        let broken = verdict();
        let global = Reached::Global { name: "top" };
        let (first, second) = (&broken.lost[0], &broken.lost[1]);
        assert_eq!((first.object, &first.path[..]), (middle, &[Reached::Object(top), global][..]));
        assert_eq!((second.object, second.path.len(), broken.lost.len()), (leaf, 3, 2));
        let text = broken.to_string();
        assert!(
            text.starts_with("verify: 2 of 3 reachable objects are not marked\n  lost object 0x"),
            "{text}"
        );
        assert!(text.lines().nth(1).is_some_and(|line| line.ends_with("<- global root top")), "{text}");

        heap.mark(middle);
        heap.mark(leaf);
        let sound = verdict();
        assert!(sound.is_sound());
        assert_eq!(sound.to_string(), "verify: all of 3 reachable objects are marked");
    }

    #[test]
    fn only_so_many_are_displayed() {
        let heap = TestHeap::new(20);
        let children: Vec<_> = (0..15).map(|_| heap.allocate(&[]).0).collect();
        let top = heap.allocate(&children);
        let mut verify = Verify::new(&heap, &Conservatively, FramePointers);
        verify.root("top", top.0);
        let text = verify.finish().to_string();
        assert_eq!(text.lines().count(), 2 + SHOWN);
        assert!(text.ends_with("and 6 more"), "{text}");
    }
}
