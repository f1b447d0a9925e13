//! What a pointer points at: the seam to somebody else's heap, and a heap for those who bring none.
//!
//! [`Heap`] is what the marker needs. [`MarkSweep`] is the reference implementation: size-classed, non-moving, marked
//! and swept while mutators run, for any language that can describe its objects ([`ObjectModel`]). It uses no other
//! part of this crate.
//!
//! ```
//! use gc_mark::heap::{Heap, HeapConfig, MarkSweep, Object, ObjectModel};
//! use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
//!
//! /// Values are addresses, objects are pairs of two of them.
//! struct Pairs;
//!
//! // SAFETY: this program's values are null or come from `alloc`, and both words are stored at once.
//! unsafe impl ObjectModel for Pairs {
//!     fn reference(&self, value: usize) -> Option<usize> {
//!         (value != 0).then_some(value)
//!     }
//!     unsafe fn visit(&self, object: *const u8, _bytes: usize, mut visit: impl FnMut(usize)) {
//!         // SAFETY: a pair is two words.
//!         let pair = unsafe { &*object.cast::<[AtomicUsize; 2]>() };
//!         pair.iter().for_each(|word| visit(word.load(Relaxed)));
//!     }
//! }
//!
//! let heap = MarkSweep::new(Pairs, HeapConfig { limit_bytes: 16 << 20, ..HeapConfig::default() })?;
//! let mut cache = heap.cache();
//! let mut cons = |car: usize, cdr: usize| {
//!     let pair = heap.alloc(&mut cache, 16)?.cast::<[usize; 2]>();
//!     // SAFETY: 16 fresh bytes, aligned to 16.
//!     unsafe { pair.write([car, cdr]) };
//!     Ok::<usize, gc_mark::heap::HeapError>(pair.addr().get())
//! };
//! let garbage = cons(0, 0)?;
//! let child = cons(0, 0)?;
//! let root = cons(child, 0)?;
//!
//! // A collection. In a real runtime marking and sweeping overlap with the mutators.
//! heap.begin_marking(); // world stopped
//! let mut grey = Vec::from_iter(heap.object_of(root));
//! while let Some(object) = grey.pop() {
//!     if heap.mark(object) {
//!         heap.visit_children(object, |value| grey.extend(heap.object_of(value)));
//!     }
//! }
//! heap.end_marking(); // world stopped
//! heap.sweep();
//!
//! assert_eq!(heap.object_at(root + 8), Some(Object(root)));
//! assert_eq!(heap.object_at(garbage), None);
//! assert_eq!(heap.live_bytes(), 32);
//! # Ok::<(), gc_mark::heap::HeapError>(())
//! ```
//!
//! # How the reference heap is laid out
//!
//! ```text
//!   arena      one reservation of the limit's size, cut into blocks of 64 KiB
//!              ┌────────────┬────────────┬─────────────────────────┬────────────┬─ ─
//!              │ slots of   │ slots of   │ a large object          │ free       │
//!              │ 32 bytes   │ 144 bytes  │ (head         and tail) │            │
//!              └────────────┴────────────┴─────────────────────────┴────────────┴─ ─
//!   shapes     4 bytes per block: free, small (class), head (blocks), tail (distance to the head)
//!   marks      1 bit per 16 bytes, set at the first granule of a marked object
//!   allocated  1 bit per 16 bytes, set at the first granule of an allocated object
//! ```
//!
//! Marking a precise reference reads one word of `marks`, and nothing else: what is marked already, the bulk of a
//! full re-scan of a deep stack, costs a subtraction, a shift and a load. A conservative word goes through `shapes`
//! (slot by multiplication with a reciprocal) to `allocated`: a free slot is no object.
//!
//! # Rules
//!
//! * `begin_marking` and `end_marking` change a word or two. Lists and caches notice the new epoch when they are next
//!   used.
//! * All `marks` are clear when marking begins: sweeping clears them, block by block, and must be done by then.
//! * An object born while marking has its mark before its `allocated` bit, and that before anybody can refer to it.
//! * `allocated` bits of a block are set by the one cache that owns it, and cleared by whoever sweeps it, which nobody
//!   does while a cache owns it.
//! * No lock in what the marker calls, nor on the allocation fast path. Lock order: a list of blocks, then the pool.

mod accounts;
mod alloc;
mod arena;
mod bit_set;
mod block;
mod block_pool;
mod cache;
mod config;
mod error;
mod free_map;
mod granule_map;
mod large;
mod mark_sweep;
mod model;
mod phase;
mod slot_class;
mod stats;
mod sweep;
mod sweep_list;
mod table;

pub use cache::AllocCache;
pub use config::HeapConfig;
pub use error::HeapError;
pub use mark_sweep::MarkSweep;
pub use model::ObjectModel;
pub use stats::HeapStats;

/// An object of a heap: the address of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Object(pub usize);

/// A heap that can be marked concurrently with the mutators.
///
/// # Safety
///
/// What the marker relies on: `visit_children` shows every reference in an object; a marked object is not freed by the
/// next `sweep`; objects allocated between `begin_marking` and `end_marking` are born marked (black).
pub unsafe trait Heap: Send + Sync + 'static {
    /// The object that a *value* refers to: a word from a precise root or an object's field. `None` for
    /// immediates and for references out of this heap.
    fn object_of(&self, value: usize) -> Option<Object>;

    /// The allocated object that contains the address `word`, if any: for a word of a conservative frame, of
    /// which nothing is known. Interior pointers count.
    fn object_at(&self, word: usize) -> Option<Object>;

    /// Marks `object`; `true` if this call turned it from white. Any thread, any time while marking.
    fn mark(&self, object: Object) -> bool;

    /// Is it marked?
    fn is_marked(&self, object: Object) -> bool;

    /// Calls `visit` with each value in `object`. The mutators may be storing into it meanwhile.
    fn visit_children(&self, object: Object, visit: impl FnMut(usize));

    /// World stopped, every mark clear: from here on allocation is black. Constant time.
    fn begin_marking(&self);

    /// World stopped, marking complete: from here on allocation is white and what is unmarked may be swept.
    /// Constant time.
    fn end_marking(&self);

    /// Frees what is unmarked and clears the marks, while the mutators run. Returns when all is swept.
    fn sweep(&self);
}
