//! A heap for unit tests: an array of objects, allocated in order and never freed.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::RwLock;

use crate::heap::{Heap, Object};

/// Address of the first object; an object takes [`SIZE`] bytes of address space and no memory there.
const BASE: usize = 0x5000_0000;
const SIZE: usize = 32;

/// Object `n` is at `BASE + n * SIZE`.
pub(crate) struct TestHeap {
    objects: Vec<(AtomicBool, RwLock<Vec<usize>>)>,
    allocated: AtomicUsize,
    black: AtomicBool,
}

impl TestHeap {
    pub(crate) fn new(capacity: usize) -> TestHeap {
        let objects = (0..capacity).map(|_| Default::default()).collect();
        TestHeap { objects, allocated: AtomicUsize::new(0), black: AtomicBool::new(false) }
    }

    pub(crate) fn allocate(&self, fields: &[usize]) -> Object {
        let index = self.allocated.fetch_add(1, Ordering::Relaxed);
        let (mark, stored) = &self.objects[index];
        mark.store(self.black.load(Ordering::Relaxed), Ordering::Relaxed);
        *stored.write() = fields.to_vec();
        Object(BASE + index * SIZE)
    }

    pub(crate) fn marked(&self) -> usize {
        self.objects.iter().filter(|(mark, _)| mark.load(Ordering::Relaxed)).count()
    }

    fn entry(&self, object: Object) -> &(AtomicBool, RwLock<Vec<usize>>) {
        &self.objects[(object.0 - BASE) / SIZE]
    }
}

// SAFETY: nothing is ever freed, and `fields` are all the references there are.
unsafe impl Heap for TestHeap {
    fn object_of(&self, value: usize) -> Option<Object> {
        self.object_at(value).filter(|object| object.0 == value)
    }
    fn object_at(&self, word: usize) -> Option<Object> {
        let index = word.checked_sub(BASE)? / SIZE;
        (index < self.allocated.load(Ordering::Relaxed)).then_some(Object(BASE + index * SIZE))
    }
    fn mark(&self, object: Object) -> bool {
        !self.entry(object).0.swap(true, Ordering::Relaxed)
    }
    fn is_marked(&self, object: Object) -> bool {
        self.entry(object).0.load(Ordering::Relaxed)
    }
    fn visit_children(&self, object: Object, visit: impl FnMut(usize)) {
        self.entry(object).1.read().iter().copied().for_each(visit);
    }
    fn begin_marking(&self) {
        self.black.store(true, Ordering::Relaxed);
    }
    fn end_marking(&self) {
        self.black.store(false, Ordering::Relaxed);
    }
    fn sweep(&self) {
        self.objects.iter().for_each(|(mark, _)| mark.store(false, Ordering::Relaxed));
    }
}
