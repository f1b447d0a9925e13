//! A heap in an array. Objects have four fields, addresses are their own, values are addresses. What is swept is poisoned: to
//! look at it again is a panic.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed};

use gc_mark::{Heap, Object};

pub const FIELDS: usize = 4;
const BASE: usize = 0x50 << (usize::BITS - 24);
const SIZE: usize = 64;

const FREE: u8 = 0;
const WHITE: u8 = 1;
const BLACK: u8 = 2;

#[derive(Default)]
struct Cell {
    state: AtomicU8,
    fields: [AtomicUsize; FIELDS],
}

pub struct ToyHeap {
    cells: Vec<Cell>,
    next: AtomicUsize,
    marking: AtomicBool,
}

impl ToyHeap {
    pub fn new(capacity: usize) -> ToyHeap {
        let cells = (0..capacity).map(|_| Cell::default()).collect();
        ToyHeap { cells, next: AtomicUsize::new(0), marking: AtomicBool::new(false) }
    }

    /// Is there another object to be had?
    pub fn has_room(&self) -> bool {
        self.next.load(Relaxed) < self.cells.len()
    }

    /// A new object with null fields. Addresses are not used twice.
    pub fn allocate(&self) -> usize {
        let index = self.next.fetch_add(1, Relaxed);
        let state = if self.marking.load(Relaxed) { BLACK } else { WHITE };
        self.cells[index].state.store(state, Relaxed);
        BASE + index * SIZE
    }

    pub fn load(&self, object: usize, field: usize) -> usize {
        self.live(object).fields[field].load(Relaxed)
    }

    /// A bare store: the write barrier is the mutator's business.
    pub fn store(&self, object: usize, field: usize, value: usize) {
        self.live(object).fields[field].store(value, Relaxed);
    }

    pub fn marked(&self) -> usize {
        self.cells.iter().filter(|cell| cell.state.load(Relaxed) == BLACK).count()
    }

    fn live(&self, object: usize) -> &Cell {
        let cell = &self.cells[(object - BASE) / SIZE];
        assert_ne!(cell.state.load(Relaxed), FREE, "object {object:#x} was freed in use");
        cell
    }
}

// SAFETY: `visit_children` shows all fields; only white objects are freed; while marking, objects are born black.
unsafe impl Heap for ToyHeap {
    fn object_of(&self, value: usize) -> Option<Object> {
        if value == 0 {
            return None;
        }
        self.live(value);
        Some(Object(value))
    }

    fn object_at(&self, word: usize) -> Option<Object> {
        let index = word.checked_sub(BASE)? / SIZE;
        let cell = self.cells.get(index)?;
        (cell.state.load(Relaxed) != FREE).then_some(Object(BASE + index * SIZE))
    }

    fn mark(&self, object: Object) -> bool {
        self.live(object.0).state.swap(BLACK, Relaxed) == WHITE
    }

    fn is_marked(&self, object: Object) -> bool {
        self.live(object.0).state.load(Relaxed) == BLACK
    }

    fn visit_children(&self, object: Object, visit: impl FnMut(usize)) {
        self.live(object.0).fields.iter().map(|field| field.load(Relaxed)).for_each(visit);
    }

    fn begin_marking(&self) {
        self.marking.store(true, Relaxed);
    }

    fn end_marking(&self) {
        self.marking.store(false, Relaxed);
    }

    fn sweep(&self) {
        for cell in &self.cells {
            let state = cell.state.load(Relaxed);
            cell.state.store(if state == BLACK { WHITE } else { FREE }, Relaxed);
        }
    }
}
