//! Where stacks come from: the seam to somebody else's stack memory.

use std::any::Any;
use std::fmt;

use barrier_arch::{Spacing, StkbarSlice};
use stack_alloc::{Config, GuardPages, Stack, StackPool};

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
}
