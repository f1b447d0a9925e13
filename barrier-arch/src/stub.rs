//! What is written over a return address: the address of a stub, which is its own key.
//!
//! ```text
//!   table                      32 stubs of class 2^11, 16 bytes apart     pc & 0x1f0 == 16 · index
//!   table + 512                32 stubs of class 2^12
//!   …
//!   table + 512 · COUNT        one searching stub per class, 16 bytes apart
//!   …                          the tails that the stubs lead to, and the landing pad
//! ```
//!
//! Stubs are as far apart as records are, so that a stub's place in its block is its record's in the array: 16
//! bytes where return slots have 8, 8 bytes where they have 4.
//!
//! From the stub (class k, record index i) and the stack pointer the record's address follows by
//! arithmetic: no thread-local, no register set aside, no search, no trust in a counter. Every-frame mode has
//! more records than stubs; there one stub per class searches the list from the position.

use crate::arch;
use crate::size_class::SizeClass;
use crate::stkbar::below_top;

/// Indexed stubs per size class, and so the most records an exponential spacing can use.
pub const INDEXED_STUBS: usize = 32;

/// Bytes between two stubs.
pub(crate) const STUB_BYTES: usize = below_top::STRIDE;
/// Bytes of one class's block of indexed stubs.
pub(crate) const BLOCK_BYTES: usize = INDEXED_STUBS * STUB_BYTES;

/// How a stub's trampoline finds the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// It is record number so-and-so.
    Index(u8),
    /// It is the record whose slot the return popped: search from the position.
    Search,
}

/// One entry of the trampoline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stub {
    class: SizeClass,
    key: Key,
}

impl Stub {
    /// The stub for a record of a stack of `class`.
    ///
    /// # Panics
    ///
    /// If an index is not below [`INDEXED_STUBS`].
    pub const fn new(class: SizeClass, key: Key) -> Stub {
        if let Key::Index(i) = key {
            assert!((i as usize) < INDEXED_STUBS, "there are 32 indexed stubs per class");
        }
        Stub { class, key }
    }

    /// The stub at `pc`, if exactly there is one: the test for "this return slot holds a barrier". Authentication
    /// codes are ignored.
    pub fn at(pc: usize) -> Option<Stub> {
        let offset = arch::strip(pc).checked_sub(arch::stub_table())?;
        if !offset.is_multiple_of(STUB_BYTES) {
            return None;
        }
        let searching = BLOCK_BYTES * SizeClass::COUNT;
        if offset < searching {
            let class = SizeClass::from_index(offset / BLOCK_BYTES)?;
            let index = (offset % BLOCK_BYTES / STUB_BYTES) as u8;
            return Some(Stub { class, key: Key::Index(index) });
        }
        let class = SizeClass::from_index((offset - searching) / STUB_BYTES)?;
        Some(Stub { class, key: Key::Search })
    }

    /// Its address: the word to write over a return address.
    pub fn pc(self) -> usize {
        arch::stub_table()
            + match self.key {
                Key::Index(i) => BLOCK_BYTES * self.class.index() + STUB_BYTES * i as usize,
                Key::Search => BLOCK_BYTES * SizeClass::COUNT + STUB_BYTES * self.class.index(),
            }
    }

    /// The size class of the stacks it serves.
    pub const fn class(self) -> SizeClass {
        self.class
    }

    /// How it finds its record.
    pub const fn key(self) -> Key {
        self.key
    }
}

/// Is `pc` what a barrier puts into a return slot?
///
/// True of the *word*. It means a barrier only in a real return slot, one reached by walking from the stack
/// pointer: the same word in dead stack memory means nothing.
#[doc(alias = "stackBarrierPC")]
pub fn is_barrier(pc: usize) -> bool {
    Stub::at(pc).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stub_is_its_own_key() {
        for class in SizeClass::all() {
            let keys = (0..INDEXED_STUBS as u8).map(Key::Index).chain([Key::Search]);
            for stub in keys.map(|key| Stub::new(class, key)) {
                assert_eq!(Stub::at(stub.pc()), Some(stub));
                assert!(arch::is_trampoline(stub.pc()));
                for inside in 1..STUB_BYTES {
                    assert_eq!(Stub::at(stub.pc() + inside), None);
                }
            }
        }
    }

    #[test]
    fn other_code_is_no_barrier() {
        for pc in [0, usize::MAX, every_stub_is_its_own_key as *const () as usize, arch::stub_table() - 16] {
            assert!(!is_barrier(pc), "{pc:#x}");
        }
    }
}
