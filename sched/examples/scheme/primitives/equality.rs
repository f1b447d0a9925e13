//! Equality, from identity to structure.

use std::collections::HashSet;

use crate::scheme::numbers::Number;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::value::Value;

use super::Primitive;
use super::bytevectors::bytes;
use super::check::flonum;
use super::strings::same_codes;

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::two("eq?", |_, a, b| Ok(Value::boolean(a == b))),
        Primitive::two("eqv?", |_, a, b| Ok(Value::boolean(same(a, b)))),
        Primitive::two("equal?", |_, a, b| Ok(Value::boolean(equal(a, b)))),
    ]
}

/// `eqv?`: numbers by their value, all else by identity.
pub fn same(a: Value, b: Value) -> bool {
    if a == b {
        return true;
    }
    let (Some(x), Some(y)) = (ObjectRef::any(a), ObjectRef::any(b)) else { return false };
    match (x.header().kind(), y.header().kind()) {
        (Some(Kind::Flonum), Some(Kind::Flonum)) => flonum(x).to_bits() == flonum(y).to_bits(),
        (Some(Kind::Bignum), Some(Kind::Bignum)) => x.header() == y.header() && same_codes(x, y),
        (Some(Kind::Ratnum), Some(Kind::Ratnum)) => Number::of(a) == Number::of(b),
        // Their parts are real: this goes no deeper.
        (Some(Kind::Compnum), Some(Kind::Compnum)) => (1..=2).all(|i| same(x.field(i), y.field(i))),
        _ => false,
    }
}

/// Comparisons after which `equal` begins to remember what it has compared: circular structures do not end otherwise.
const MANY: usize = 10_000;

/// `equal?`, with a list of what is still to compare instead of recursion.
pub fn equal(a: Value, b: Value) -> bool {
    let mut todo = vec![(a, b)];
    let mut steps = 0;
    let mut assumed: HashSet<(usize, usize)> = HashSet::new();
    while let Some((a, b)) = todo.pop() {
        if same(a, b) {
            continue;
        }
        let (Some(x), Some(y)) = (ObjectRef::any(a), ObjectRef::any(b)) else { return false };
        if x.header() != y.header() {
            return false;
        }
        steps += 1;
        // Two objects that are being compared already are equal unless a difference shows elsewhere.
        if steps > MANY && !assumed.insert((x.address(), y.address())) {
            continue;
        }
        match x.header().kind() {
            // Pushed in this order, the cars wait and the spine is followed at once.
            Some(Kind::Pair) => todo.extend([1, 2].map(|i| (x.field(i), y.field(i)))),
            Some(Kind::Vector) => todo.extend((1..=x.header().length()).map(|i| (x.field(i), y.field(i)))),
            Some(Kind::String) if same_codes(x, y) => {}
            Some(Kind::Bytevector) if bytes(x) == bytes(y) => {}
            _ => return false,
        }
    }
    true
}
