//! The language of the tests: objects that can tell whether they are still what they were made as.
//!
//! ```text
//!   word  0                1     2            3              …   2+2n …
//!         words<<32 | n    id    reference 0  its id         …   filler, made from the id
//! ```
//!
//! A reference is stored with the identity of what it should lead to, so that one to a slot that was freed and reused
//! is noticed even if the slot holds a proper object again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use gc_mark::heap::{AllocCache, Heap, HeapConfig, HeapError, MarkSweep, Object, ObjectModel};

pub(crate) type CellHeap = MarkSweep<Cells>;

/// Values are addresses of objects, null, or odd.
pub(crate) struct Cells;

/// A reference and the identity of the object behind it; `NULL` for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ref {
    pub(crate) address: usize,
    pub(crate) id: usize,
}

pub(crate) const NULL: Ref = Ref { address: 0, id: 0 };

pub(crate) const WORD: usize = size_of::<usize>();
/// Bits of an object's first word that say how many fields it has; the others say how many words.
const FIELD_BITS: u32 = if usize::BITS == 64 { 32 } else { 8 };

// SAFETY: `Ref`s are made by `make` alone, or null; every word is stored by it.
unsafe impl ObjectModel for Cells {
    fn reference(&self, value: usize) -> Option<usize> {
        (value != 0 && value.is_multiple_of(2)).then_some(value)
    }

    unsafe fn visit(&self, object: *const u8, bytes: usize, mut visit: impl FnMut(usize)) {
        let cell = Ref { address: object.expose_provenance(), id: 0 };
        assert!(cell.words() * WORD <= bytes);
        (0..cell.fields()).for_each(|i| visit(cell.word(2 + 2 * i).load(Relaxed)));
    }
}

impl Ref {
    fn word(self, i: usize) -> &'static AtomicUsize {
        let words = std::ptr::with_exposed_provenance::<AtomicUsize>(self.address);
        // SAFETY: the tests reach only into objects of heaps that outlive the call; memory of a freed object stays
        // mapped.
        unsafe { &*words.add(i) }
    }

    fn words(self) -> usize {
        self.word(0).load(Relaxed) >> FIELD_BITS
    }

    pub(crate) fn fields(self) -> usize {
        self.word(0).load(Relaxed) % (1 << FIELD_BITS)
    }

    pub(crate) fn field(self, i: usize) -> Ref {
        Ref { address: self.word(2 + 2 * i).load(Relaxed), id: self.word(3 + 2 * i).load(Relaxed) }
    }

    /// Stores without a write barrier.
    pub(crate) fn set_field(self, i: usize, target: Ref) {
        self.word(2 + 2 * i).store(target.address, Relaxed);
        self.word(3 + 2 * i).store(target.id, Relaxed);
    }

    pub(crate) fn children(self) -> impl Iterator<Item = Ref> {
        (0..self.fields()).map(move |i| self.field(i)).filter(|&child| child != NULL)
    }

    /// Is the object what it was made as?
    pub(crate) fn check(self) {
        assert_eq!(self.word(1).load(Relaxed), self.id, "{:#x} is another object", self.address);
        for i in 2 + 2 * self.fields()..self.words() {
            assert_eq!(self.word(i).load(Relaxed), filler(self.id, i), "word {i} of {:#x}", self.address);
        }
    }
}

/// Odd, so that it is no reference.
fn filler(id: usize, i: usize) -> usize {
    id.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize).wrapping_add(i) | 1
}

pub(crate) fn heap_of(limit_bytes: usize) -> CellHeap {
    MarkSweep::new(Cells, HeapConfig { limit_bytes, ..HeapConfig::default() }).unwrap()
}

/// Allocates and initialises an object of `bytes` bytes, more if its fields need more.
pub(crate) fn make(
    heap: &CellHeap,
    cache: &mut AllocCache,
    id: usize,
    fields: &[Ref],
    bytes: usize,
) -> Result<Ref, HeapError> {
    let words = (bytes / WORD).max(2 + 2 * fields.len());
    let address = heap.alloc(cache, words * WORD)?.as_ptr().expose_provenance();
    assert_eq!(address % 16, 0);
    let cell = Ref { address, id };
    assert!(fields.len() < 1 << FIELD_BITS && words < 1 << (usize::BITS - FIELD_BITS));
    cell.word(0).store(words << FIELD_BITS | fields.len(), Relaxed);
    cell.word(1).store(id, Relaxed);
    fields.iter().enumerate().for_each(|(i, &target)| cell.set_field(i, target));
    (2 + 2 * fields.len()..words).for_each(|i| cell.word(i).store(filler(id, i), Relaxed));
    Ok(cell)
}

/// The objects to visit still.
#[derive(Default)]
pub(crate) struct Grey(Vec<Object>);

impl Grey {
    pub(crate) fn shade(&mut self, heap: &CellHeap, value: usize) {
        self.0.extend(heap.object_of(value).filter(|&object| heap.mark(object)));
    }

    /// Takes over what `other` holds; `false` if that is nothing.
    pub(crate) fn append(&mut self, other: &mut Grey) -> bool {
        self.0.append(&mut other.0);
        !self.0.is_empty()
    }

    /// Visits up to `most` objects; `false` when none was left.
    pub(crate) fn drain(&mut self, heap: &CellHeap, most: usize) -> bool {
        for _ in 0..most {
            let Some(object) = self.0.pop() else { return false };
            heap.visit_children(object, |value| self.shade(heap, value));
        }
        true
    }
}

/// Marks all that `roots` lead to, between `begin_marking` and `end_marking`.
pub(crate) fn mark_from(heap: &CellHeap, roots: &[Ref]) {
    let mut grey = Grey::default();
    roots.iter().for_each(|root| grey.shade(heap, root.address));
    while grey.drain(heap, 1000) {}
}

/// A whole collection with the mutators at rest.
pub(crate) fn collect(heap: &CellHeap, roots: &[Ref]) {
    heap.begin_marking();
    mark_from(heap, roots);
    heap.end_marking();
    heap.sweep();
}

/// What can be reached from `roots`, found without the heap's help; each object is checked.
pub(crate) fn reachable(roots: &[Ref]) -> HashSet<Ref> {
    let mut seen = HashSet::new();
    let mut stack: Vec<Ref> = roots.iter().copied().filter(|&root| root != NULL).collect();
    while let Some(cell) = stack.pop() {
        if seen.insert(cell) {
            cell.check();
            stack.extend(cell.children());
        }
    }
    seen
}

/// All allocated objects, by address.
pub(crate) fn allocated(heap: &CellHeap) -> HashSet<usize> {
    let mut all = HashSet::new();
    heap.for_each_object(|object, bytes| {
        assert_eq!(heap.object_bytes(object), Some(bytes));
        assert!(all.insert(object.0), "{object:?} twice");
    });
    all
}

/// The addresses of `cells`.
pub(crate) fn addresses<'a>(cells: impl IntoIterator<Item = &'a Ref>) -> HashSet<usize> {
    cells.into_iter().map(|cell| cell.address).collect()
}
