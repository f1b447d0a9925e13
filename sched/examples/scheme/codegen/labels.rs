//! Labels in constants: `'#0=(a b . #0#)` is a list without end.
//!
//! A reference is a placeholder, a box of its own, until the whole constant is there; then what it stands for takes its place.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use super::error::CompileError;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::value::Value;

/// The labels of one constant.
#[derive(Debug, Default)]
pub struct Labels {
    /// By label.
    placeholders: HashMap<usize, Value>,
    /// What placeholders stand for.
    meaning: HashMap<u64, Value>,
}

impl Labels {
    /// The placeholder of a label that was seen already.
    pub fn find(&self, label: usize) -> Option<Value> {
        self.placeholders.get(&label).copied()
    }

    /// A placeholder for a label.
    pub fn add(&mut self, label: usize, placeholder: Value) {
        self.placeholders.insert(label, placeholder);
    }

    /// What a placeholder stands for; returned.
    pub fn define(&mut self, placeholder: Value, value: Value) -> Value {
        self.meaning.insert(placeholder.0, value);
        value
    }

    /// The constant, with all placeholders replaced.
    ///
    /// # Errors
    ///
    /// A label that stands before nothing.
    pub fn resolve(self, constant: Value) -> Result<Value, CompileError> {
        if self.placeholders.is_empty() {
            return Ok(constant);
        }
        if self.placeholders.values().any(|placeholder| !self.meaning.contains_key(&placeholder.0)) {
            return Err(CompileError::backend("a label that stands before nothing"));
        }
        let root = self.stands_for(constant);
        let (mut seen, mut todo) = (HashSet::new(), vec![root]);
        while let Some(object) = todo.pop().and_then(ObjectRef::any) {
            if seen.insert(object.address()) {
                todo.extend(self.replace_in(object).filter(|value| value.as_object().is_some()));
            }
        }
        Ok(root)
    }

    /// Replaces the placeholders in one object. What it refers to.
    fn replace_in(&self, object: ObjectRef) -> impl Iterator<Item = Value> {
        let fields = match object.header().kind() {
            Some(Kind::Pair) => 2,
            Some(Kind::Vector) => object.header().length(),
            _ => 0,
        };
        (1..=fields).map(move |i| {
            let value = self.stands_for(object.field(i));
            // Both are constants, and roots: no barrier.
            object.word(i).store(value.0, Ordering::Relaxed);
            value
        })
    }

    /// One label may be another's datum: `#0=#1=(a)`.
    fn stands_for(&self, mut value: Value) -> Value {
        for _ in 0..=self.meaning.len() {
            match self.meaning.get(&value.0) {
                Some(meaning) => value = *meaning,
                None => break,
            }
        }
        value
    }
}
