//! The reference heap from outside, with a collector played by the tests: explicit roots, a `Vec` of grey objects.

mod cells;
mod concurrent;
mod cycle;
mod history;
mod host;
mod limit;
mod words;
