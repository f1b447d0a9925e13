//! The table of interned symbols. Every symbol is a root for ever: a program has few.
//!
//! The lock is never held across an allocation, which may stop for a collection.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::value::Value;

/// Names and their symbols.
#[derive(Debug, Default)]
pub struct Symbols {
    table: Mutex<HashMap<Box<str>, Value>>,
}

impl Symbols {
    /// The symbol of that name, if there is one already.
    pub fn find(&self, name: &str) -> Option<Value> {
        self.lock().get(name).copied()
    }

    /// Adds `symbol`, freshly made, under `name`, unless somebody was faster; returns the one that counts.
    pub fn add(&self, name: &str, symbol: Value) -> Value {
        *self.lock().entry(name.into()).or_insert(symbol)
    }

    /// Shows every symbol.
    pub fn visit(&self, visit: &mut dyn FnMut(usize)) {
        self.lock().values().for_each(|symbol| visit(symbol.0 as usize));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Value>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_counts() {
        let symbols = Symbols::default();
        assert_eq!(symbols.find("a"), None);
        assert_eq!(symbols.add("a", Value::object(16)), Value::object(16));
        assert_eq!(symbols.add("a", Value::object(32)), Value::object(16));
        let mut seen = Vec::new();
        symbols.visit(&mut |v| seen.push(v));
        assert_eq!(seen, [16]);
    }
}
