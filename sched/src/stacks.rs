//! Where stacks come from: the seam to somebody else's stack memory.

use std::any::Any;
use std::fmt;

use barrier_arch::{Spacing, StkbarSlice};
use stack_alloc::{Config, GuardPages, RelocateError, Stack, StackPool, relocate};

/// Hands out stacks for tasks. The default is [`PooledStacks`].
///
/// # Safety
///
/// A [`TaskStack`] describes writable memory that nobody else uses until it is freed: from `limit` to
/// `bars.stack_hi()`, with the array of `bars` above.
pub unsafe trait StackSource: Send + Sync {
    /// A stack of `bytes` bytes.
    ///
    /// # Errors
    ///
    /// Whatever stands in the way, as the source puts it.
    fn alloc(&self, bytes: usize) -> Result<TaskStack, Box<dyn std::error::Error + Send + Sync>>;

    /// Takes it back.
    ///
    /// # Safety
    ///
    /// It came from this source; nothing runs on it, walks it or will return into it.
    unsafe fn free(&self, stack: TaskStack);

    /// How its stacks move, if they can: for [`StackMode::Copy`](crate::StackMode).
    fn mover(&self) -> Option<&dyn MoveStacks> {
        None
    }
}

/// Shifts one word, in the new copy of a stack, that holds an address in the old one.
pub type Shift<'a> = &'a mut dyn FnMut(*mut usize);

/// Moves the frames of one stack to another.
///
/// # Safety
///
/// Everything keeps its distance below `stack_hi`, barriers go along (I11), and the old stack is only read.
pub unsafe trait MoveStacks {
    /// Copies what `old` holds from `sp` up to `new`, and returns the stack pointer there. `pointers` is called once, after the copy, with a function
    /// that shifts a word of the copy.
    ///
    /// # Errors
    ///
    /// [`RelocateError`], with both stacks unchanged.
    ///
    /// # Safety
    ///
    /// Both came from this source. As [`stack_alloc::relocate`].
    unsafe fn relocate(
        &self,
        old: &TaskStack,
        new: &TaskStack,
        sp: usize,
        pointers: &mut dyn FnMut(Shift<'_>),
    ) -> Result<usize, RelocateError>;
}

/// A stack as a task needs it.
pub struct TaskStack {
    /// Its barriers.
    pub bars: StkbarSlice,
    /// Lowest address that frames may use.
    pub limit: usize,
    /// What the source needs to take it back.
    pub token: Box<dyn Any + Send>,
}

impl fmt::Debug for TaskStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskStack({:?}, limit {:#x})", self.bars, self.limit)
    }
}

/// Stacks from a [`StackPool`].
#[derive(Debug)]
pub struct PooledStacks(StackPool);

impl PooledStacks {
    /// A pool of its own, with room for barriers in `spacing`, and guard pages for code that does not check its limit.
    pub fn new(spacing: Spacing, guard: GuardPages) -> PooledStacks {
        PooledStacks(StackPool::new(Config { spacing, guard, ..Config::default() }))
    }

    /// A pool that was made elsewhere: with poison, say, or fences.
    pub fn of(pool: StackPool) -> PooledStacks {
        PooledStacks(pool)
    }

    /// The pool behind it.
    pub fn pool(&self) -> &StackPool {
        &self.0
    }
}

// SAFETY: the pool's stacks are as the trait wants them.
unsafe impl StackSource for PooledStacks {
    fn alloc(&self, bytes: usize) -> Result<TaskStack, Box<dyn std::error::Error + Send + Sync>> {
        let (stack, bars) = self.0.alloc(bytes)?;
        Ok(TaskStack { bars, limit: stack.limit(), token: Box::new(stack) })
    }

    unsafe fn free(&self, stack: TaskStack) {
        if let Ok(token) = stack.token.downcast::<Stack>() {
            // SAFETY: passed on; the token is the stack that these barriers came with.
            unsafe { self.0.free(*token, stack.bars) }
        }
    }

    fn mover(&self) -> Option<&dyn MoveStacks> {
        Some(self)
    }
}

// SAFETY: `relocate` does.
unsafe impl MoveStacks for PooledStacks {
    unsafe fn relocate(
        &self,
        old: &TaskStack,
        new: &TaskStack,
        sp: usize,
        pointers: &mut dyn FnMut(Shift<'_>),
    ) -> Result<usize, RelocateError> {
        let pooled = |stack: &TaskStack| stack.token.downcast_ref::<Stack>().is_some();
        debug_assert!(pooled(old) && pooled(new), "stacks of another source");
        let (Some(from), Some(to)) = (old.token.downcast_ref(), new.token.downcast_ref()) else {
            let (limit, stack_hi) = (old.limit, old.bars.stack_hi());
            return Err(RelocateError::BadStackPointer { sp, limit, stack_hi });
        };
        // SAFETY: passed on.
        unsafe { relocate((from, &old.bars), (to, &new.bars), sp, |shift| pointers(shift)) }
    }
}
