//! The heap itself: its parts, and what the marker asks of it.

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use parking_lot::Mutex;

use super::accounts::Accounts;
use super::arena::Arena;
use super::block::{BLOCK_BYTES, Block, BlockTable, Shape};
use super::block_pool::BlockPool;
use super::config::HeapConfig;
use super::error::HeapError;
use super::granule_map::GranuleMap;
use super::model::ObjectModel;
use super::phase::PhaseWord;
use super::slot_class::SlotClass;
use super::sweep_list::SweepList;
use super::{Heap, Object};

/// A non-moving mark-sweep heap, marked and swept while the mutators run.
///
/// See the [module](super) for an example and for how it works.
#[doc(alias = "mheap")]
pub struct MarkSweep<M> {
    pub(super) model: M,
    pub(super) arena: Arena,
    /// First granules of marked objects. Clear when no cycle is under way.
    pub(super) marks: GranuleMap,
    /// First granules of allocated objects.
    pub(super) allocated: GranuleMap,
    pub(super) shapes: BlockTable,
    pub(super) pool: BlockPool,
    pub(super) classes: [Mutex<SweepList>; SlotClass::COUNT],
    pub(super) large: Mutex<SweepList>,
    pub(super) phase: PhaseWord,
    pub(super) accounts: Accounts,
}

impl<M: ObjectModel> MarkSweep<M> {
    /// Makes an empty heap of objects as `model` describes them. Reserves address space; uses next to no memory yet.
    ///
    /// # Errors
    ///
    /// [`HeapError::BadLimit`] if the limit is zero or out of range, [`HeapError::Map`] if the host refuses the
    /// address space.
    ///
    /// # Panics
    ///
    /// If the process has made 2²⁴ heaps before.
    pub fn new(model: M, config: HeapConfig) -> Result<MarkSweep<M>, HeapError> {
        let arena = Arena::reserve(config.limit_bytes)?;
        let blocks = arena.blocks();
        let phase = PhaseWord::new();
        let accounts =
            Accounts::new(HeapConfig { limit_bytes: arena.bytes(), ..config }, phase.load().epoch());
        Ok(MarkSweep {
            model,
            marks: GranuleMap::new(blocks)?,
            allocated: GranuleMap::new(blocks)?,
            shapes: BlockTable::new(blocks)?,
            pool: BlockPool::new(blocks),
            classes: [const { Mutex::new(SweepList::new()) }; SlotClass::COUNT],
            large: Mutex::new(SweepList::new()),
            arena,
            phase,
            accounts,
        })
    }

    /// The language's view of objects that this heap was made with.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Size of the slot of `object`, in bytes: at least what was requested for it. `None` if no allocated object
    /// starts there.
    #[inline]
    pub fn object_bytes(&self, object: Object) -> Option<usize> {
        let offset = self.arena.offset_of(object.0);
        if !self.allocated.get(offset) {
            return None;
        }
        match self.shapes.shape(Block::containing(offset)) {
            Shape::Small(class) => Some(class.bytes()),
            Shape::LargeHead { blocks } => Some(blocks as usize * BLOCK_BYTES),
            Shape::Free | Shape::LargeTail { .. } => None,
        }
    }

    /// Makes the slot at `offset` an object; black while marking.
    #[inline]
    pub(super) fn publish(&self, offset: usize, black: bool) -> NonNull<u8> {
        if black {
            self.marks.set(offset);
            // Whoever finds the object, by its bit below or by a reference stored later, finds it marked, and does
            // not visit words that are not initialised yet.
            fence(Ordering::Release);
        }
        self.allocated.set_owned(offset);
        self.arena.pointer(offset)
    }

    /// Where the object would start that the byte at `offset` belongs to.
    #[inline]
    fn start_of(&self, offset: usize) -> Option<usize> {
        let block = Block::containing(offset);
        match self.shapes.shape(block) {
            Shape::Free => None,
            Shape::Small(class) => Some(block.start() + class.slot_start(offset - block.start())),
            Shape::LargeHead { .. } => Some(block.start()),
            Shape::LargeTail { distance } => Some(Block(block.0 - distance).start()),
        }
    }
}

// SAFETY: `visit_children` shows what the model shows, and that shows everything. A block is swept once per epoch, and
// what is marked keeps its `allocated` bit (sweep.rs, large.rs). `publish` marks what is allocated while marking.
unsafe impl<M: ObjectModel> Heap for MarkSweep<M> {
    #[inline]
    fn object_of(&self, value: usize) -> Option<Object> {
        self.model.reference(value).filter(|&address| self.arena.contains(address)).map(Object)
    }

    #[inline]
    #[doc(alias = "findObject")]
    fn object_at(&self, word: usize) -> Option<Object> {
        if !self.arena.contains(word) {
            return None;
        }
        let start = self.start_of(self.arena.offset_of(word))?;
        self.allocated.get(start).then(|| Object(self.arena.address_of(start)))
    }

    #[inline]
    fn mark(&self, object: Object) -> bool {
        self.marks.set(self.arena.offset_of(object.0))
    }

    #[inline]
    fn is_marked(&self, object: Object) -> bool {
        self.marks.get(self.arena.offset_of(object.0))
    }

    #[inline]
    fn visit_children(&self, object: Object, visit: impl FnMut(usize)) {
        let Some(bytes) = self.object_bytes(object) else { return };
        let start = self.arena.pointer(self.arena.offset_of(object.0));
        // SAFETY: an allocated object starts there. It is live and initialised: only an object born while marking may
        // not be yet, and that one is black already, so that nobody has turned it grey and visits it.
        unsafe { self.model.visit(start.as_ptr(), bytes, visit) }
    }

    /// # Panics
    ///
    /// If marking goes on already, or if the last cycle is not swept.
    fn begin_marking(&self) {
        let swept = self.accounts.is_swept(self.phase.load().epoch());
        assert!(swept, "begin_marking before sweep has returned: marks of the last cycle are still set");
        self.phase.begin_marking();
    }

    /// # Panics
    ///
    /// If `begin_marking` has not been called.
    fn end_marking(&self) {
        self.accounts.restart();
        self.phase.end_marking();
    }

    /// Also returns memory to the host: free blocks beyond those that the heap needs to reach its next goal and an
    /// eighth more.
    fn sweep(&self) {
        self.sweep_all();
        let wanted = self.accounts.goal().saturating_add(self.accounts.goal() / 8);
        self.pool.discard(&self.arena, wanted.saturating_sub(self.pool.bytes_in_use()));
    }
}

impl<M: ObjectModel> fmt::Debug for MarkSweep<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MarkSweep").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
