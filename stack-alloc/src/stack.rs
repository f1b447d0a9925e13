//! One stack: an address and a size.
//!
//! ```text
//!   top       2^k-aligned                      one past the last byte
//!             barrier array (StkbarSlice)
//!   stack_hi  ------------------------------   the first frame begins here and grows down
//!             frames
//!   limit     ------------------------------   a frame that reaches below here has overflowed
//!             guard page, if there is one
//!   base      2^k-aligned                      lowest byte
//! ```

use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;

use barrier_arch::SizeClass;
use barrier_arch::sanitizer::Area;

/// The memory of one stack, `2^k` bytes aligned to `2^k`.
///
/// Owned, but not freed on drop: only [`StackPool::free`](crate::StackPool::free) can be promised that nobody
/// runs on it. Dropping one leaks its memory.
#[must_use = "a stack that is dropped is never freed"]
pub struct Stack {
    base: NonNull<u8>,
    class: SizeClass,
    guard_bytes: usize,
    /// While it is out.
    area: Area,
}

// SAFETY: it owns its memory, which is not tied to a thread.
unsafe impl Send for Stack {}
// SAFETY: a shared reference only tells addresses.
unsafe impl Sync for Stack {}

impl Stack {
    /// # Safety
    ///
    /// `class.bytes()` bytes from `base` are mapped, aligned to their size and nobody else's; the lowest
    /// `guard_bytes` may be inaccessible, the others are writable.
    pub(crate) unsafe fn new(base: NonNull<u8>, class: SizeClass, guard_bytes: usize) -> Stack {
        debug_assert_eq!(base.addr().get() & class.mask(), 0);
        Stack { base, class, guard_bytes, area: Area::default() }
    }

    /// It goes out: sanitizers and valgrind learn that it is a stack.
    ///
    /// # Safety
    ///
    /// Nobody uses it yet.
    pub(crate) unsafe fn begin(&mut self) {
        // SAFETY: its own memory, readable as long as it is out.
        self.area = unsafe { Area::begin(self.usable()) };
    }

    /// It comes in: they forget it, and what was left on it.
    ///
    /// # Safety
    ///
    /// Nobody uses it any more.
    pub(crate) unsafe fn end(&self) {
        // SAFETY: as it began.
        unsafe { self.area.end(self.usable()) };
    }

    /// Lowest address of its memory, in the guard page if there is one.
    pub fn base(&self) -> usize {
        self.base.addr().get()
    }

    /// One past its last byte. No pointer into the stack: the highest words hold the barrier array, and
    /// frames begin at [`StkbarSlice::stack_hi`](barrier_arch::StkbarSlice::stack_hi).
    pub fn top(&self) -> usize {
        self.base() + self.size()
    }

    /// Its size in bytes, guard page and barrier array included.
    pub fn size(&self) -> usize {
        self.class.bytes()
    }

    /// Its size class.
    pub fn class(&self) -> SizeClass {
        self.class
    }

    /// Lowest address that frames may use: what a prologue compares the stack pointer with.
    pub fn limit(&self) -> usize {
        self.base() + self.guard_bytes
    }

    /// Has it a guard page?
    pub fn is_guarded(&self) -> bool {
        self.guard_bytes > 0
    }

    /// The accessible addresses: frames, and above them the barrier array.
    pub fn usable(&self) -> Range<usize> {
        self.limit()..self.top()
    }

    /// A pointer to the lowest byte, good for the whole stack.
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.base
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stack({:#x}..{:#x}, limit {:#x})", self.base(), self.top(), self.limit())
    }
}
