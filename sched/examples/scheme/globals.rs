//! Cells of global variables. They lie outside of the heap and never move: compiled code knows their addresses.
//!
//! A store takes the write barrier like a store into the heap, so that they need to be looked at once per cycle.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::value::Value;

const CHUNK: usize = 256;

/// All cells of a program. Cells are added while it runs, too: the lock is held for a look or an addition, never longer.
#[derive(Debug, Default)]
pub struct Globals {
    cells: RwLock<Cells>,
}

#[derive(Debug, Default)]
struct Cells {
    chunks: Vec<Box<[AtomicU64]>>,
    names: Vec<Box<str>>,
}

/// One cell, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell(usize);

impl Cell {
    /// Its number.
    pub fn index(self) -> usize {
        self.0
    }
}

impl Globals {
    fn read(&self) -> RwLockReadGuard<'_, Cells> {
        self.cells.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new cell with a first value.
    pub fn add(&self, name: &str, value: Value) -> Cell {
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        let index = cells.names.len();
        if index.is_multiple_of(CHUNK) {
            cells.chunks.push((0..CHUNK).map(|_| AtomicU64::new(Value::UNBOUND.0)).collect());
        }
        cells.names.push(name.into());
        cells.cell(index).store(value.0, Ordering::Relaxed);
        Cell(index)
    }

    /// The name of variable `index`, as compiled code numbers it.
    pub fn name(&self, index: usize) -> String {
        self.read().names[index].to_string()
    }

    /// The address of the cell.
    pub fn address(&self, cell: Cell) -> usize {
        self.read().cell(cell.0).as_ptr() as usize
    }

    /// Its value.
    pub fn get(&self, cell: Cell) -> Value {
        Value(self.read().cell(cell.0).load(Ordering::Relaxed))
    }

    /// Sets the value to a constant, which is a root anyway: no barrier.
    pub fn initialise(&self, cell: Cell, value: Value) {
        self.read().cell(cell.0).store(value.0, Ordering::Relaxed);
    }

    /// Shows every value.
    pub fn visit(&self, visit: &mut dyn FnMut(usize)) {
        let cells = self.read();
        (0..cells.names.len()).for_each(|i| visit(cells.cell(i).load(Ordering::Relaxed) as usize));
    }
}

impl Cells {
    fn cell(&self, index: usize) -> &AtomicU64 {
        &self.chunks[index / CHUNK][index % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stay_where_they_are() {
        let globals = Globals::default();
        let first = globals.add("first", Value::TRUE);
        let address = globals.address(first);
        let more: Vec<Cell> = (0..1000).map(|i| globals.add("more", Value::index(i))).collect();
        assert_eq!(globals.address(first), address);
        assert_eq!(globals.get(more[999]), Value::index(999));
        assert_eq!(globals.name(first.index()), "first");
        let mut seen = 0;
        globals.visit(&mut |_| seen += 1);
        assert_eq!(seen, 1001);
    }
}
