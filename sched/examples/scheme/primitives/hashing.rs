//! Hash functions. The collector moves nothing ([`MarkSweep`](gc_mark::heap::MarkSweep)), so an address is as good as an
//! identity for as long as the object lives.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::scheme::numbers::Number;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::value::Value;

use super::Primitive;
use super::bytevectors::bytes;
use super::strings::codes_of;

/// Hashes fit a fixnum with room to spare.
const MASK: u64 = (1 << 30) - 1;

/// How many parts of a structure count, so that circular ones have a hash as well.
const PARTS: usize = 64;

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("eq-hash", |_, v| Ok(Value::index(identity(v) as usize))),
        Primitive::one("eqv-hash", |_, v| Ok(Value::index(number_or_identity(v) as usize))),
        Primitive::one("equal-hash", |_, v| Ok(Value::index(structure(v) as usize))),
    ]
}

/// For `eq?`: of the word.
pub fn identity(value: Value) -> u64 {
    // Fibonacci hashing: the upper bits of the product depend on all bits of the word.
    value.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 34
}

/// For `eqv?`: numbers by their value.
pub fn number_or_identity(value: Value) -> u64 {
    if let Some(parts) = ObjectRef::of(value, Kind::Compnum) {
        let [re, im] = [1, 2].map(|i| number_or_identity(parts.field(i)));
        return (re ^ im.rotate_left(1)) & MASK;
    }
    let kind = ObjectRef::any(value).and_then(|object| object.header().kind());
    if !matches!(kind, Some(Kind::Flonum | Kind::Bignum | Kind::Ratnum)) {
        return identity(value);
    }
    let mut hasher = DefaultHasher::new();
    match Number::of(value) {
        Some(Number::Flo(x)) => x.to_bits().hash(&mut hasher),
        Some(Number::Big(n)) => n.hash(&mut hasher),
        Some(Number::Rat(r)) => r.hash(&mut hasher),
        Some(Number::Fix(n)) => n.hash(&mut hasher),
        None => {}
    }
    hasher.finish() & MASK
}

/// For `equal?`: of the first parts of a structure.
pub fn structure(value: Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut todo = vec![value];
    for _ in 0..PARTS {
        let Some(part) = todo.pop() else { break };
        let object = ObjectRef::any(part);
        match object.and_then(|object| Some((object, object.header().kind()?))) {
            Some((pair, Kind::Pair)) => todo.extend([pair.field(2), pair.field(1)]),
            Some((vector, Kind::Vector)) => {
                let length = vector.header().length();
                length.hash(&mut hasher);
                todo.extend((1..=length.min(PARTS)).map(|i| vector.field(i)));
            }
            Some((string, Kind::String)) => codes_of(string).hash(&mut hasher),
            Some((bytevector, Kind::Bytevector)) => bytes(bytevector).hash(&mut hasher),
            _ => number_or_identity(part).hash(&mut hasher),
        }
    }
    hasher.finish() & MASK
}
