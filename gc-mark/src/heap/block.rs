//! Blocks: the unit in which the arena is cut up, and what each of them is used for.
//!
//! ```text
//!   one u32 per block    31 30 │ 29 … 0
//!                         0  0 │ 0          free
//!                         0  1 │ class      slots of one size
//!                         1  0 │ blocks     first block of a large object of that many
//!                         1  1 │ distance   that many blocks into a large object
//! ```
//!
//! # Rules
//!
//! * A shape is one atomic word: a reader sees one shape or another, never half of each.
//! * A shape changes only under the block's owner: whoever took it from the pool, or, to free it, whoever sweeps it.
//! * The shape is stored before the first `allocated` bit of the block (release), and a reader loads it before that
//!   bit (acquire). While marking goes on no block is freed, so what it finds stays true.

use core::sync::atomic::{AtomicU32, Ordering};

use super::error::HeapError;
use super::slot_class::SlotClass;
use super::table::Table;

/// Size and alignment of a block, in bytes.
pub(super) const BLOCK_BYTES: usize = 1 << BLOCK_SHIFT;
pub(super) const BLOCK_SHIFT: u32 = 16;
/// Alignment of objects, in bytes, and what one bit of a bitmap stands for.
pub(super) const GRANULE: usize = 16;
/// More blocks than this cannot be numbered in a shape; or have no room in the address space, where that has 32 bits.
pub(super) const MAX_BLOCKS: usize = if usize::BITS == 64 { 1 << 30 } else { 1 << 15 };

/// The number of a block, counted from the start of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block(pub(super) u32);

impl Block {
    /// The block that the byte at `offset` of the arena lies in.
    #[inline]
    pub(super) fn containing(offset: usize) -> Block {
        Block((offset >> BLOCK_SHIFT) as u32)
    }

    /// Offset of its first byte from the start of the arena.
    #[inline]
    pub(super) fn start(self) -> usize {
        (self.0 as usize) << BLOCK_SHIFT
    }

    pub(super) fn plus(self, blocks: usize) -> Block {
        Block(self.0 + blocks as u32)
    }
}

/// What a block is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Free,
    Small(SlotClass),
    LargeHead { blocks: u32 },
    LargeTail { distance: u32 },
}

const PAYLOAD_BITS: u32 = 30;
const PAYLOAD: u32 = (1 << PAYLOAD_BITS) - 1;

impl Shape {
    fn encode(self) -> u32 {
        match self {
            Shape::Free => 0,
            Shape::Small(class) => 1 << PAYLOAD_BITS | class.index() as u32,
            Shape::LargeHead { blocks } => 2 << PAYLOAD_BITS | blocks & PAYLOAD,
            Shape::LargeTail { distance } => 3 << PAYLOAD_BITS | distance & PAYLOAD,
        }
    }

    #[inline]
    fn decode(word: u32) -> Shape {
        match (word >> PAYLOAD_BITS, word & PAYLOAD) {
            (0, _) => Shape::Free,
            (1, class) => Shape::Small(SlotClass::from_index(class as usize)),
            (2, blocks) => Shape::LargeHead { blocks },
            (_, distance) => Shape::LargeTail { distance },
        }
    }
}

/// The shape of every block of the arena.
pub(super) struct BlockTable(Table<AtomicU32>);

impl BlockTable {
    /// A table for `blocks` blocks, all free.
    pub(super) fn new(blocks: usize) -> Result<BlockTable, HeapError> {
        Table::zeroed(blocks).map(BlockTable)
    }

    /// The shape of `block`; [`Shape::Free`] for a block outside of the arena.
    #[inline]
    pub(super) fn shape(&self, block: Block) -> Shape {
        let word = self.0.slice().get(block.0 as usize);
        word.map_or(Shape::Free, |word| Shape::decode(word.load(Ordering::Acquire)))
    }

    pub(super) fn set(&self, block: Block, shape: Shape) {
        self.0.slice()[block.0 as usize].store(shape.encode(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_survive_their_encoding() {
        let large = [1, 2, 77, MAX_BLOCKS as u32 - 1];
        let shapes = SlotClass::all()
            .map(Shape::Small)
            .chain(large.map(|blocks| Shape::LargeHead { blocks }))
            .chain(large.map(|distance| Shape::LargeTail { distance }))
            .chain([Shape::Free]);
        for shape in shapes {
            assert_eq!(Shape::decode(shape.encode()), shape);
        }
        assert_eq!(Shape::Free.encode(), 0, "a fresh table is all free");
    }
}
