//! What can go wrong, and what to do about it.

use std::io;

use barrier_arch::BadSize;

/// Why there is no stack.
///
/// Whatever it is, the pool is as it was before, but for freed stacks that it gave back to the system
/// in the attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The number of bytes is no stack size.
    #[error("{0}; stacks are powers of two")]
    BadSize(#[from] BadSize),
    /// The system refused the memory.
    #[error(
        "cannot map {bytes} bytes for stacks: {source}; free other stacks, ask for a smaller one, or raise the \
         address space limit (ulimit -v) or vm.max_map_count"
    )]
    Map {
        /// Bytes that were to be mapped (twice the stack's size is reserved for a moment, to align it).
        bytes: usize,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused to make the guard page inaccessible.
    #[error(
        "cannot protect the guard page of a stack of {bytes} bytes: {source}; raise vm.max_map_count, use a \
         kernel that has MADV_GUARD_INSTALL (Linux 6.13), or do without guard pages where the code checks its limit"
    )]
    Guard {
        /// Size of the stack, in bytes.
        bytes: usize,
        /// What the system said.
        source: io::Error,
    },
    /// The pool's own limit.
    #[error(
        "{asked} more bytes for stacks would exceed the limit of {limit} bytes, of which {mapped} are mapped; free \
         other stacks or raise Config::limit"
    )]
    Limit {
        /// [`Config::limit`](crate::Config::limit), in bytes.
        limit: usize,
        /// Bytes mapped, in use or cached.
        mapped: usize,
        /// Bytes that were to be mapped.
        asked: usize,
    },
}

/// Why a stack was not copied. Neither stack has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelocateError {
    /// The stack pointer is not one of the old stack's, or not a word's address.
    #[error("{sp:#x} is no stack pointer of the old stack, which is {limit:#x}..={stack_hi:#x}, in words")]
    BadStackPointer {
        /// The stack pointer given.
        sp: usize,
        /// Lowest address it can have.
        limit: usize,
        /// Highest address it can have: that of an empty stack.
        stack_hi: usize,
    },
    /// The frames need more than the new stack has.
    #[error(
        "{used} bytes of frames do not fit into the {room} bytes of the new stack; allocate a bigger one"
    )]
    DoesNotFit {
        /// Bytes from the stack pointer to the top of the frames.
        used: usize,
        /// Bytes between the new stack's limit and its barrier array.
        room: usize,
    },
    /// The new stack's array is too small for the records.
    #[error(
        "{records} barrier records do not fit into the new stack's array of {capacity}; remove some first \
         (barrier_arch::patch::remove), fewer barriers are always sound"
    )]
    TooManyBarriers {
        /// Records of the old stack.
        records: usize,
        /// Records the new one can hold.
        capacity: usize,
    },
}
