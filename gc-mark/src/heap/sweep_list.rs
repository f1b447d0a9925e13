//! The blocks of one slot class, or the large objects: which of them the current epoch has swept.
//!
//! ```text
//!                  end_marking: a new epoch
//!            ┌─────────────────◄─────────────────┐
//!            ▼                                   │
//!         unswept ──sweep──┬─ nothing dead ───► swept      also: taken fresh, owned by a cache
//!                          ├─ some slots free ─► swept and partial ──take──► owned by a cache
//!                          └─ nothing live ────► the pool of free blocks
//! ```
//!
//! # Rules
//!
//! * The list notices a new epoch when it is next locked ([`SweepList::turn`]): `end_marking` touches no list.
//! * All is swept before marking begins, so at a turn `unswept` is empty and the turn is a swap.
//! * A block is swept under the list's lock (a tenth of a microsecond or two): there is no "being swept".
//! * A swept block that is not partial belongs to one cache or is full.

use super::block::Block;

/// See the module.
#[doc(alias = "mcentral")]
pub(super) struct SweepList {
    epoch: u64,
    unswept: Vec<Block>,
    swept: Vec<Block>,
    partial: Vec<Block>,
}

impl SweepList {
    pub(super) const fn new() -> SweepList {
        SweepList { epoch: 0, unswept: Vec::new(), swept: Vec::new(), partial: Vec::new() }
    }

    /// Enters `epoch`: what was swept is unswept again, and nobody owns anything.
    pub(super) fn turn(&mut self, epoch: u64) {
        // A thread that swept for the last epoch may come late: it must not turn the list back.
        if self.epoch < epoch {
            debug_assert!(self.unswept.is_empty(), "marking began before all was swept");
            core::mem::swap(&mut self.unswept, &mut self.swept);
            self.partial.clear();
            self.epoch = epoch;
        }
    }

    pub(super) fn pop_unswept(&mut self) -> Option<Block> {
        self.unswept.pop()
    }

    /// `block` was swept, or is fresh; the caller owns it, or it is full.
    pub(super) fn push_swept(&mut self, block: Block) {
        self.swept.push(block);
    }

    /// Nobody owns `block`, which is swept and has room.
    pub(super) fn push_partial(&mut self, block: Block) {
        self.partial.push(block);
    }

    /// Hands a block with room to the caller, who owns it now.
    pub(super) fn take_partial(&mut self) -> Option<Block> {
        self.partial.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_makes_everything_unswept_and_nothing_partial() {
        let mut list = SweepList::new();
        list.turn(3);
        list.push_swept(Block(1));
        list.push_swept(Block(2));
        list.push_partial(Block(2));
        list.turn(3);
        assert_eq!(list.pop_unswept(), None, "the same epoch");
        list.turn(4);
        assert_eq!(list.take_partial(), None);
        assert_eq!(
            [list.pop_unswept(), list.pop_unswept(), list.pop_unswept()],
            [Some(Block(2)), Some(Block(1)), None]
        );
    }

    #[test]
    fn a_latecomer_does_not_turn_the_list_back() {
        let mut list = SweepList::new();
        list.turn(4);
        list.push_swept(Block(1));
        list.push_partial(Block(1));
        list.turn(3);
        assert_eq!((list.pop_unswept(), list.take_partial()), (None, Some(Block(1))));
    }
}
