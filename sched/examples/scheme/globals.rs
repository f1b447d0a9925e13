//! Cells of global variables. They lie outside of the heap and never move: compiled code knows their addresses.
//!
//! A store takes the write barrier like a store into the heap, so that they need to be looked at once per cycle.

use std::sync::atomic::{AtomicU64, Ordering};

use super::value::Value;

const CHUNK: usize = 256;

/// All cells of a program.
#[derive(Debug, Default)]
pub struct Globals {
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
    /// A new cell with a first value.
    pub fn add(&mut self, name: &str, value: Value) -> Cell {
        let index = self.names.len();
        if index.is_multiple_of(CHUNK) {
            self.chunks.push((0..CHUNK).map(|_| AtomicU64::new(Value::UNBOUND.0)).collect());
        }
        self.names.push(name.into());
        self.cell(index).store(value.0, Ordering::Relaxed);
        Cell(index)
    }

    /// The name of variable `index`, as compiled code numbers it.
    pub fn name(&self, index: usize) -> &str {
        &self.names[index]
    }

    /// The address of the cell.
    pub fn address(&self, cell: Cell) -> usize {
        self.cell(cell.0).as_ptr() as usize
    }

    /// Its value.
    pub fn get(&self, cell: Cell) -> Value {
        Value(self.cell(cell.0).load(Ordering::Relaxed))
    }

    /// Sets the value before the program runs: no barrier.
    pub fn initialise(&self, cell: Cell, value: Value) {
        self.cell(cell.0).store(value.0, Ordering::Relaxed);
    }

    /// Shows every value.
    pub fn visit(&self, visit: &mut dyn FnMut(usize)) {
        (0..self.names.len()).for_each(|i| visit(self.cell(i).load(Ordering::Relaxed) as usize));
    }

    fn cell(&self, index: usize) -> &AtomicU64 {
        &self.chunks[index / CHUNK][index % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stay_where_they_are() {
        let mut globals = Globals::default();
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
