//! What a value and an object look like is the language's business: the seam between the reference heap and it.

/// How a language represents references and lays out its objects.
///
/// ```
/// use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
/// use gc_mark::heap::ObjectModel;
///
/// /// A value is an even, non-null address, or an odd immediate. An object is its number of fields, then the fields.
/// struct Tagged;
///
/// // SAFETY: programs of this language build values only from addresses that `alloc` returned and from odd numbers,
/// // and store the number of fields before the object can be found.
/// unsafe impl ObjectModel for Tagged {
///     fn reference(&self, value: usize) -> Option<usize> {
///         (value != 0 && value % 2 == 0).then_some(value)
///     }
///
///     unsafe fn visit(&self, object: *const u8, _bytes: usize, mut visit: impl FnMut(usize)) {
///         let words = object.cast::<AtomicUsize>();
///         // SAFETY: an object has a first word, and as many more as that one says.
///         let word = |i| unsafe { &*words.add(i) }.load(Relaxed);
///         (1..=word(0)).for_each(|i| visit(word(i)));
///     }
/// }
/// ```
///
/// # Safety
///
/// * [`reference`](ObjectModel::reference) returns, for every value that can be in a root or a field, `None`, an
///   address outside of the heap, or the address that an allocation of this heap returned and that was not freed
///   since. The marker trusts it: there is no second check.
/// * [`visit`](ObjectModel::visit) shows every reference in the object, reads no byte outside of it, and reads words
///   that mutators may be storing to as atomics (relaxed is enough).
pub unsafe trait ObjectModel: Send + Sync + 'static {
    /// The address of the first byte of the object that `value` refers to; `None` for immediates.
    ///
    /// This runs for each word of each object and each precise root: keep it to a mask and a compare.
    fn reference(&self, value: usize) -> Option<usize>;

    /// Calls `visit` with each value in the object that starts at `object`.
    ///
    /// `bytes` is the size of the object's *slot*, which is at least what was requested when it was allocated. The
    /// rest of the slot may hold anything: only the object itself can tell how much of it is in use.
    ///
    /// # Safety
    ///
    /// `object` is the start of a live object of `bytes` bytes whose words have been initialised.
    unsafe fn visit(&self, object: *const u8, bytes: usize, visit: impl FnMut(usize));
}
