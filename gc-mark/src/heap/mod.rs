//! What a pointer points at: the seam to somebody else's heap.

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
