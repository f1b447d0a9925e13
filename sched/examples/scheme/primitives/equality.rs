//! Equality, from identity to structure.

use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::value::Value;

use super::Primitive;
use super::check::flonum;
use super::strings::same_characters;

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::two("eq?", |_, a, b| Ok(Value::boolean(a == b))),
        Primitive::two("eqv?", |_, a, b| Ok(Value::boolean(same(a, b)))),
        Primitive::two("equal?", |_, a, b| Ok(Value::boolean(equal(a, b)))),
    ]
}

/// `eqv?`: flonums by their number, all else by identity.
fn same(a: Value, b: Value) -> bool {
    if a == b {
        return true;
    }
    match (ObjectRef::of(a, Kind::Flonum), ObjectRef::of(b, Kind::Flonum)) {
        (Some(x), Some(y)) => flonum(x).to_bits() == flonum(y).to_bits(),
        _ => false,
    }
}

/// `equal?`, with a list of what is still to compare instead of recursion. Does not end on circular structures
/// that are equal.
fn equal(a: Value, b: Value) -> bool {
    let mut todo = vec![(a, b)];
    while let Some((a, b)) = todo.pop() {
        if same(a, b) {
            continue;
        }
        let (Some(x), Some(y)) = (ObjectRef::any(a), ObjectRef::any(b)) else { return false };
        if x.header() != y.header() {
            return false;
        }
        match x.header().kind() {
            // Pushed in this order, the cars wait and the spine is followed at once.
            Some(Kind::Pair) => todo.extend([1, 2].map(|i| (x.field(i), y.field(i)))),
            Some(Kind::Vector) => todo.extend((1..=x.header().length()).map(|i| (x.field(i), y.field(i)))),
            Some(Kind::String) if same_characters(x, y) => {}
            _ => return false,
        }
    }
    true
}
