//! What a runtime tells the scheduler about its language: the seam through which heap, frames and roots come in.

use gc_mark::{FrameMap, Heap};
use unwind_walk::Unwind;

use crate::managed::Movable;

/// A managed language: its heap, its stack maps, its roots, and what its compiled code wants at hand.
///
/// One value per [`Runtime`](crate::Runtime), shared by all of its threads.
///
/// ```
/// use std::alloc::{Layout, alloc, dealloc};
/// use gc_mark::{Conservatively, Heap, Object};
/// # use sched::{Language, Runtime, Visit};
///
/// /// A language without a heap: green threads only.
/// struct NoHeap;
///
/// // SAFETY: there are no objects, so nothing is missed.
/// unsafe impl Heap for NoHeap {
///     fn object_of(&self, _: usize) -> Option<Object> { None }
///     fn object_at(&self, _: usize) -> Option<Object> { None }
///     fn mark(&self, _: Object) -> bool { false }
///     fn is_marked(&self, _: Object) -> bool { true }
///     fn visit_children(&self, _: Object, _: impl FnMut(usize)) {}
///     fn begin_marking(&self) {}
///     fn end_marking(&self) {}
///     fn sweep(&self) {}
/// }
///
/// # use unwind_walk::FramePointers;
/// struct Threads { heap: NoHeap, frames: Conservatively }
///
/// impl Language for Threads {
///     type Heap = NoHeap;
///     type Frames = Conservatively;
///     type Unwind = FramePointers;
///     type Worker = ();
///     type Task = ();
///     fn heap(&self) -> &NoHeap { &self.heap }
///     fn frames(&self) -> &Conservatively { &self.frames }
///     fn unwind(&self) -> FramePointers { FramePointers }
///     fn new_worker(&self) {}
///     fn new_task(&self) {}
///     fn visit_roots(&self, _: &mut Visit<'_>) {}
///     fn visit_task_roots(&self, _: &(), _: &mut Visit<'_>) {}
/// }
///
/// let runtime = Runtime::builder(Threads { heap: NoHeap, frames: Conservatively }).workers(2).start()?;
/// let answer = runtime.spawn(|current| { current.yield_now(); 42 })?;
/// assert_eq!(answer.join().unwrap(), 42);
/// # Ok::<(), sched::StartError>(())
/// ```
pub trait Language: Send + Sync + Sized + 'static {
    /// What pointers point at.
    type Heap: Heap;
    /// What is known of its frames.
    type Frames: FrameMap;
    /// How its stacks are walked: by frame pointers ([`unwind_walk::FramePointers`]), or a reference to tables that say where frames without
    /// them are. Must find every frame of a task that waits at a safepoint.
    type Unwind: Unwind;
    /// State of one OS thread that runs tasks: an allocation cache, say.
    type Worker: Send + 'static;
    /// State of one task, at a fixed offset in [`Task`](crate::Task) so that compiled code reaches it.
    type Task: Send + Sync + 'static;

    /// The heap.
    fn heap(&self) -> &Self::Heap;
    /// The frame map.
    fn frames(&self) -> &Self::Frames;
    /// The stepper. Asked for by each thread that scans.
    fn unwind(&self) -> Self::Unwind;
    /// State for a new worker.
    fn new_worker(&self) -> Self::Worker;
    /// State for a new task.
    fn new_task(&self) -> Self::Task;
    /// Whether the stacks of its compiled code can move ([`StackMode::Copy`](crate::StackMode)), and what they need. Default: they cannot.
    fn movable(&self) -> Option<Movable> {
        None
    }
    /// Shows every value that is reachable whatever runs: globals, symbols, constants. Called while the mutators
    /// run, once per cycle: stores to these places take the write barrier.
    fn visit_roots(&self, visit: &mut Visit<'_>);
    /// Shows every value that `task` keeps outside of its stack. As [`Language::visit_roots`]: stores take the barrier.
    fn visit_task_roots(&self, task: &Self::Task, visit: &mut Visit<'_>);
}

/// Is shown one value at a time.
pub type Visit<'a> = dyn FnMut(usize) + 'a;
